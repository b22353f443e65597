/* The smallest program. */
#include "../lib/mk.h"

int main(void)
{
	mk_print("hello: %s\n", mk_started->line);
	return 0;
}
