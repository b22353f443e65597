/* A check that did not hold: said, then aborted, which libFuzzer keeps the input of. */
#include <stdio.h>
#include <stdlib.h>
#include "fuzz.h"

void fuzz_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	abort();
}
