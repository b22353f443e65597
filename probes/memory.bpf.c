/* Page faults of the place. */

#ifdef KXB_FAULT_BY_PERF
#include <uapi/linux/bpf_perf_event.h>

/* The software event page-faults, one sample a fault: also those that the kernel takes on user memory. */
int on_fault(struct bpf_perf_event_data *ctx)
{
	if (in_place())
		count(COUNT_page_faults, 1);
	return 0;
}
#else
#define FAULT_PRESENT 1 /* X86_PF_PROT: the page was there, the access was not allowed (copy on write) */

int on_fault(struct tracepoint__exceptions__page_fault_user *args)
{
	if (!in_place())
		return 0;
	count(COUNT_page_faults, 1);
	if (args->error_code & FAULT_PRESENT)
		count(COUNT_protection_faults, 1);
	return 0;
}
#endif
