/* A vCPU that is used again: each child fills its registers with a canary and exits; the next one on that slot must find none of
 * it. The child stores what it was given before any C code runs (guest.S). */
#include "guest.h"

#define CANARY 0x6361006e61727900

void guest_boot(void)
{
	volatile uint32_t *ended = (volatile uint32_t *)(KX_VA_DATA + 0x2000);

	call(KX_HC_COMMONS, 1, 0, 0, 0, 0);
	me()->stack_top = KX_VA_COMMONS + 0x80000;
	for (uint32_t i = 0; i < 40; i++) {
		if (call(KX_HC_FORK, 1, KX_FORK_EMPTY, 0, 0, 0) < 0) {
			say("no fork\n");
			leave(1);
		}
		while (*ended == i)
			call(KX_HC_YIELD, 0, 0, 0, 0, 0);
	}
	say("clean\n");
	leave(0);
}

void guest_child(void)
{
	volatile uint32_t *ended = (volatile uint32_t *)(KX_VA_DATA + 0x2000);
	const u64 *state = CHILD_STATE, *xsave = state + 0x20;
	int dirty = 0;

	for (int i = 0; i < 16; i++) /* the general registers and FS base */
		dirty |= state[i] != 0;
	for (int i = 20; i < 52; i++) /* x87 registers are before, XMM from byte 160 on */
		dirty |= xsave[i] != 0;
	for (int i = 4; i < 20; i++)
		dirty |= xsave[i] != 0;
	if (xsave[64] & 4) /* AVX, when it is not in its initial state */
		for (int i = 72; i < 104; i++)
			dirty |= xsave[i] != 0;
	if (dirty) {
		say("dirty\n");
		leave(1);
	}
	(*ended)++;
	__asm__ volatile("movq %0, %%rax; movq %%rax, %%xmm0; movq %%rax, %%xmm15; vpbroadcastq %%xmm0, %%ymm1; vmovdqa %%ymm1, %%ymm14;"
		"fld1; wrfsbase %%rax; movq %%rax, %%rbx; movq %%rax, %%r15; movq %%rax, %%r12;"
		"movq $0, %%gs:0x60; movq $0, %%gs:0x68; outb %%al, %1" ::"r"(CANARY), "i"(KX_PORT));
	for (;;)
		;
}
