/* What the monitor gives up before any guest code runs. */
#include "family.h"

int confine_namespaces(const char **why)
{
	(void)why;
	return 0;
}

void confine_finish(void)
{
}
