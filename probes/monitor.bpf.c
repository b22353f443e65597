/* Compiled before the programs on the monitor's USDT probes. A slot is a vCPU of a family; slot and family (the monitor's
 * process) together name one. The arguments' types are those of the monitor's variables: slots u32, all else u64. */

#define FORK_EMPTY 1 /* KX_FORK_EMPTY of kx_abi.h: a pVM for another image, without a copy of the memory */

static __always_inline u64 slot_key(u32 slot)
{
	return (u64)current_pid() << 32 | slot;
}

#ifdef COUNT_hypercall_exit
static __always_inline void count_hypercall(u64 nr)
{
	count(COUNT_hypercall_exit + (nr < KXB_HYPERCALLS ? nr : KXB_HYPERCALLS), 1);
}
#endif
