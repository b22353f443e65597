/* The table of system calls. A function sys_NAME defined anywhere in the LibOS is in it; the others are unsupported. */
#include "core.h"
#include "syscalls.h"

static long unsupported(u64 nr)
{
	u64 i = nr < ARRAY_SIZE(family.unsupported) ? nr : ARRAY_SIZE(family.unsupported) - 1;
	__atomic_add_fetch(&family.unsupported[i], 1, __ATOMIC_RELAXED);
	return -ENOSYS;
}

long sys_absent(void);
long sys_absent(void)
{
	return unsupported(current->frame->orig_rax);
}

long syscall_unknown(struct kx_frame *f)
{
	return unsupported(f->orig_rax);
}

#define CALL(nr, name) long sys_##name(void) __attribute__((weak, alias("sys_absent")));
#include "syscall_names.h"
#undef CALL

typedef long (*syscall_function)(u64, u64, u64, u64, u64, u64);
extern const syscall_function syscall_table[SYSCALLS];
#pragma GCC diagnostic ignored "-Woverride-init" /* numbers without a name */
#define CALL(nr, name) [nr] = (syscall_function)(void (*)(void))sys_##name,
const syscall_function syscall_table[SYSCALLS] = {
	[0 ... SYSCALLS - 1] = (syscall_function)(void (*)(void))sys_absent,
#include "syscall_names.h"
};
#undef CALL

long syscall_dispatch(struct kx_frame *f)
{
	u64 nr = f->orig_rax;
	return nr < SYSCALLS ? syscall_table[nr](f->rdi, f->rsi, f->rdx, f->r10, f->r8, f->r9) : syscall_unknown(f);
}

#define CALL(nr, name) [nr] = #name,
static const char *const names[SYSCALLS] = {
#include "syscall_names.h"
};
#undef CALL

const char *syscall_name(u32 nr)
{
	return nr < SYSCALLS ? names[nr] : NULL;
}
