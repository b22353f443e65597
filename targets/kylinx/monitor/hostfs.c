/* Host directories the user shares with the family. */
#include <errno.h>
#include "family.h"

int hostfs_open_shares(const struct settings *s, const char **why)
{
	(void)s;
	(void)why;
	return 0;
}

void hostfs_describe(struct kx_boot *b)
{
	b->shares = 0;
}

int64_t hostfs_call(uint64_t op, uint64_t va)
{
	(void)op;
	(void)va;
	return -ENOSYS;
}
