/* The path of a target as one of a file: percent-decoded (RFC 3986 section 2.1), then without "." and ".." (section 5.2.4) and
 * empty segments. Decoded first, so that %2e%2e and %2f hide nothing. */
#include "http.h"

/* Appends a byte; false: no room (there is always some for a 0). */
static bool append(char to[PATH_MOST], size_t *n, char c)
{
	if (*n >= PATH_MOST - 1)
		return false;
	to[(*n)++] = c;
	return true;
}

/* The segment that ended at n, which began after the slash before it: taken back if it is "." or "..". false: above the root. */
static bool segment_end(const char *to, size_t *n)
{
	size_t start = *n;

	while (to[start - 1] != '/')
		start--;
	if (*n - start == 1 && to[start] == '.') {
		*n = start;
	} else if (*n - start == 2 && to[start] == '.' && to[start + 1] == '.') {
		if (start == 1)
			return false;
		for (*n = start - 1; to[*n - 1] != '/'; (*n)--)
			;
	}
	return true;
}

unsigned path_decode(struct span path, char to[PATH_MOST])
{
	size_t n = 0;

	if (!path.bytes || path.at[0] != '/')
		return 400;
	append(to, &n, '/');
	for (size_t i = 1; i <= path.bytes; i++) {
		char c = i < path.bytes ? (char)path.at[i] : '/';

		if (c == '%') {
			int high = i + 2 < path.bytes ? hex_digit(path.at[i + 1]) : -1;
			int low = i + 2 < path.bytes ? hex_digit(path.at[i + 2]) : -1;

			if (high < 0 || low < 0 || !(c = (char)(high << 4 | low)))
				return 400;
			i += 2;
		}
		if (c == '/' && !segment_end(to, &n))
			return 400;
		if (i < path.bytes && !(c == '/' && to[n - 1] == '/') && !append(to, &n, c))
			return 414;
	}
	to[n] = 0;
	return 0;
}
