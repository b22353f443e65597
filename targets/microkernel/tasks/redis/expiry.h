/* Times of expiry in commands. */
#ifndef REDIS_EXPIRY_H
#define REDIS_EXPIRY_H
#include "redis.h"

/* An argument as a time in unix ms: in seconds or ms, from now or from 1970 on. false: answered. */
bool expiry_argument(struct client *c, uint32_t index, bool seconds, bool relative, bool must_be_positive, int64_t *unix_ms);

/* EX, PX, EXAT, PXAT: which one the word is, or false. */
bool expiry_option(struct span word, bool *seconds, bool *relative);
#endif
