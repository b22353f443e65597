/* Calls to the monitor: arguments in the slot's area, one write to a port. */
#include "core.h"

long hypercall(u64 nr, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	struct kx_vcpu *v = this_vcpu();
	v->hc_nr = nr;
	v->hc_arg[0] = a0;
	v->hc_arg[1] = a1;
	v->hc_arg[2] = a2;
	v->hc_arg[3] = a3;
	v->hc_arg[4] = a4;
	__asm__ volatile("outb %%al, %0" : : "N"(KX_PORT), "a"(0) : "memory");
	return v->hc_ret;
}
