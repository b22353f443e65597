/* Numbers as Redis reads and writes them. */
#ifndef REDIS_NUMBER_H
#define REDIS_NUMBER_H
#include "text.h"

/* Fractions without floating point: in millionths. Scores and INCRBYFLOAT have these. */
#define MILLION 1000000
#define INFINITE INT64_MAX /* and its negative */
#define NUMBER_MOST 24     /* characters of either kind */

size_t integer_put(uint8_t *to, int64_t number);
bool integer_get(struct span text, int64_t *number); /* as Redis's string2ll: nothing around it, no leading zero, no "+" */
size_t millionths_put(uint8_t *to, int64_t number);
bool millionths_get(struct span text, int64_t *number); /* false: no such number, or finer or larger than can be held */
#endif
