/* The bin of each number on standard input, by the header that eBPF and the generator use. */
#include <inttypes.h>
#include <stdio.h>

#include "loglinear.h"

int main(void)
{
	uint64_t value;

	while (scanf("%" SCNu64, &value) == 1)
		printf("%u\n", kxb_bin(value));
	return 0;
}
