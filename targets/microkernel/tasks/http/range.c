/* Range: bytes=... (RFC 9110 section 14.1.2). Of several ranges none is taken: the whole is a right answer too (section 14.2). */
#include "http.h"

enum range_state range_parse(struct span value, uint32_t size, struct range *range)
{
	struct span first, last;
	uint64_t from, to;
	size_t dash = 6;

	if (value.bytes < 7 || !is_word((struct span){ value.at, 6 }, "bytes="))
		return RANGE_NONE;
	while (dash < value.bytes && value.at[dash] != '-')
		dash++;
	if (dash == value.bytes)
		return RANGE_NONE;
	first = (struct span){ value.at + 6, dash - 6 };
	last = (struct span){ value.at + dash + 1, value.bytes - dash - 1 };
	if (!first.bytes) { /* the last so many */
		if (!decimal_get(last, UINT64_MAX, &to))
			return RANGE_NONE;
		if (!to || !size)
			return RANGE_UNSATISFIABLE;
		range->bytes = to < size ? (uint32_t)to : size;
		range->first = size - range->bytes;
		return RANGE_ONE;
	}
	to = UINT64_MAX;
	if (!decimal_get(first, UINT64_MAX, &from) || (last.bytes && !decimal_get(last, UINT64_MAX, &to)) || to < from)
		return RANGE_NONE;
	if (from >= size)
		return RANGE_UNSATISFIABLE;
	range->first = (uint32_t)from;
	range->bytes = to < size - 1 ? (uint32_t)(to - from + 1) : size - range->first;
	return RANGE_ONE;
}
