/* A LibOS of a few instructions: what a vCPU holds when the monitor hands it to a pVM, whose first instruction is ours. Each pVM checks
 * that, fills all registers with a canary, and ends with the number of the place where it found something as its exit status. */
#include "kx_abi.h"

	.section .text.header, "ax", @progbits
	.quad KX_LIBOS_MAGIC
	.long KX_ABI_VERSION, 0
	.quad entry_boot, entry_boot, entry_other, entry_other
	.quad entry_other, entry_other, entry_other
	.quad libos_text_end

	.text
	.globl entry_boot
entry_boot:
	mov	%rax, gpr(%rip)
	lea	gpr(%rip), %rax
	mov	%rbx, 8(%rax)
	mov	%rcx, 16(%rax)
	mov	%rdx, 24(%rax)
	mov	%rsi, 32(%rax)
	mov	%rdi, 40(%rax)
	mov	%rbp, 48(%rax)
	mov	%r8, 56(%rax)
	mov	%r9, 64(%rax)
	mov	%r10, 72(%rax)
	mov	%r11, 80(%rax)
	mov	%r12, 88(%rax)
	mov	%r13, 96(%rax)
	mov	%r14, 104(%rax)
	mov	%r15, 112(%rax)
	xor	%edi, %edi
1:	inc	%edi		/* 1 to 15: a register is not 0 */
	cmpq	$0, -8(%rax,%rdi,8)
	jne	found
	cmp	$15, %edi
	jne	1b
	mov	$16, %edi
	rdfsbase %rcx
	test	%rcx, %rcx
	jnz	found
	inc	%edi		/* 17: flags */
	pushfq
	pop	%rcx
	and	$~0x8d5, %rcx	/* those of our own comparisons */
	cmp	$0x202, %rcx
	jne	found
	inc	%edi		/* 18: MXCSR */
	stmxcsr	(%rax)
	cmpl	$0x1f80, (%rax)
	jne	found
	inc	%edi		/* 19: x87, a register in use or another control word */
	fnstenv	(%rax)
	cmpw	$0x37f, (%rax)
	jne	found
	cmpw	$0xffff, 8(%rax)
	jne	found
	inc	%edi		/* 20: YMM */
	.irp	n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vorps	%ymm\n, %ymm0, %ymm0
	.endr
	vptest	%ymm0, %ymm0
	jnz	found
	inc	%edi		/* 21: x87's bits under its empty registers */
	fxsave	save(%rip)
	mov	$8, %ecx
	lea	save+32(%rip), %rdx
2:	cmpq	$0, (%rdx)
	jne	found
	add	$16, %rdx
	dec	%ecx
	jnz	2b
	inc	%edi		/* 22: what the pVM before has left in its area for the LibOS */
	mov	$16, %ecx
3:	cmpq	$0, %gs:0xa8(,%rcx,8)
	jne	found
	dec	%ecx
	jnz	3b
	xor	%edi, %edi
found:
	shl	$8, %rdi
	movq	$KX_HC_EXIT, %gs:KX_GS_HC_NR
	mov	%rdi, %gs:KX_GS_HC_ARG
	movabs	$0xca9a41ca9a41f00d, %rbx
	mov	$16, %ecx
4:	mov	%rbx, %gs:0xa8(,%rcx,8)
	dec	%ecx
	jnz	4b
	mov	%rbx, save(%rip)
	vbroadcastsd save(%rip), %ymm0
	.irp	n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vmovaps	%ymm0, %ymm\n
	.endr
	fldl	save(%rip)
	fldl	save(%rip)
	fldl	save(%rip)
	movl	$0x9fc0, save(%rip)
	ldmxcsr	save(%rip)
	mov	$0x41ca9a41f00d, %rcx
	wrfsbase %rcx
	std
	.irp	r, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15, rax
	mov	%rbx, %\r
	.endr
	out	%al, $KX_PORT
	ud2
entry_other:
	ud2

	.section .rodata
	.quad	0
	.bss
	.balign	64
gpr:	.skip	256
save:	.skip	512
	.section .note.GNU-stack, "", @progbits
