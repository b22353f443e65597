/* What the little LibOSes have in common. */
#ifndef GUEST_H
#define GUEST_H
#include "../../../../targets/kylinx/abi/kx_abi.h"

typedef uint64_t u64;
#define RESUME(slot) (((volatile u64 *)(KX_VA_DATA + 0x3000))[slot]) /* where its upcalls go on */
#define CHILD_STATE ((u64 *)(KX_VA_DATA + 0x1000))

static inline struct kx_vcpu *me(void)
{
	struct kx_vcpu *v;

	__asm__ volatile("rdgsbase %0" : "=r"(v));
	return v;
}

static long call(u64 nr, u64 a, u64 b, u64 c, u64 d, u64 e)
{
	struct kx_vcpu *v = me();

	v->hc_nr = nr;
	v->hc_arg[0] = a;
	v->hc_arg[1] = b;
	v->hc_arg[2] = c;
	v->hc_arg[3] = d;
	v->hc_arg[4] = e;
	__asm__ volatile("outb %%al, %0" ::"i"(KX_PORT) : "memory");
	return v->hc_ret;
}

static inline void say(const char *s)
{
	char *to = (char *)KX_VA_COMMONS + 0x1000;
	u64 n = 0;

	for (; s[n]; n++)
		to[n] = s[n];
	call(KX_HC_CONSOLE, KX_CONSOLE_WRITE_OUT, 0, (u64)to, n, 0);
}

static inline void __attribute__((noreturn)) leave(int code)
{
	call(KX_HC_EXIT, (u64)code << 8, 0, 0, 0, 0);
	for (;;)
		;
}

/* A write that may fault: an upcall goes on behind it. */
static inline void touch(u64 address)
{
	__asm__ volatile("leaq 1f(%%rip), %%rax\n\tmovq %%rax, %1\n\tmovb $1, (%0)\n1:" ::"r"(address), "m"(RESUME(me()->slot)) : "rax", "rdx", "memory");
}

void guest_boot(void) __attribute__((noreturn));
void guest_child(void) __attribute__((noreturn));
#endif
