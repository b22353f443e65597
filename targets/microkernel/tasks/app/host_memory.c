/* Memory with a limit, so that what an application does without any can be tried. */
#include <stdlib.h>
#include "host.h"

#define HEAD 16 /* keeps the alignment */

static size_t left = SIZE_MAX;

void host_memory(size_t bytes)
{
	left = bytes;
}

static size_t *head(void *memory)
{
	return (size_t *)((char *)memory - HEAD);
}

void *app_resize(void *memory, size_t bytes)
{
	size_t had = memory ? *head(memory) : 0;
	size_t *new;

	if (bytes > SIZE_MAX - HEAD || (bytes > had && bytes - had > left))
		return NULL;
	if (!(new = realloc(memory ? head(memory) : NULL, bytes + HEAD)))
		return NULL;
	left -= bytes - had; /* modulo 2^n: right for both signs */
	*new = bytes;
	return (char *)new + HEAD;
}

void *app_allocate(size_t bytes)
{
	return app_resize(NULL, bytes);
}

void app_release(void *memory)
{
	if (!memory)
		return;
	left += *head(memory);
	free(head(memory));
}
