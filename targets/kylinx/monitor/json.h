/* JSON out: a bounded text, cut never in the middle of a value because full is looked at before it is sent. */
#ifndef KX_JSON_H
#define KX_JSON_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json { char *text; size_t room, length; bool full; };

void json_begin(struct json *, char *text, size_t room);
__attribute__((format(printf, 2, 3))) void json_add(struct json *, const char *format, ...); /* as it is */
void json_string(struct json *, const char *text, size_t length); /* quoted and escaped; bytes that are not UTF-8 become U+FFFD */
bool json_valid(const char *text, size_t length);                 /* one JSON object, 16 levels at most */
#endif
