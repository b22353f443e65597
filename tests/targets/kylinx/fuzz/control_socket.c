/* The control socket: packets of any bytes, with any number of descriptors; every answer is one JSON object. Input: packets, each
 * with its length (2 bytes) and how many descriptors come with it (1 byte). */
#include "machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct input in = { data, data + n };

	machine_begin();
	if (!sigsetjmp(machine_gone, 0))
		while (left(&in)) {
			size_t length = take16(&in) % (REQUEST_MOST + 100);
			unsigned descriptors = take8(&in) % 6;

			if (length > left(&in))
				length = left(&in);
			control_packet((const char *)in.at, length, descriptors);
			in.at += length;
			control_stats_tick();
			control_drain();
			for (unsigned k = 0; k < 4; k++) { /* a pVM that was killed looks at it */
				struct vcpu *v = machine_vcpu(k);

				if (v && v->ending) {
					machine_enter(v);
					machine_run(v, EINTR);
				}
			}
		}
	machine_end();
	return 0;
}
