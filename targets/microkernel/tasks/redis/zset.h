/* What the commands on sorted sets share. */
#ifndef REDIS_ZSET_H
#define REDIS_ZSET_H
#include "redis.h"

bool zset_typed(struct client *c, struct table **z);
void zset_delete(struct client *c, struct table *z, struct node *node);
void reply_member_and_score(struct client *c, const struct node *node, bool with_score);
#endif
