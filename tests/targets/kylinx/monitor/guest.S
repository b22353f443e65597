/* Entry points of the little LibOSes these tests run in place of the real one. The file's C part has guest_boot (first slot),
 * guest_child, and a table of where an upcall of each slot goes on, with the stack of what was interrupted. */
#include "../../../../targets/kylinx/abi/kx_abi.h"
	.section .text.0, "ax"
	.quad	0x534f62694c786b01
	.long	KX_ABI_VERSION, 0
	.quad	entry_boot, entry_child, entry_syscall, entry_upcall, 0, 0, 0, KX_VA_RODATA
entry_boot:
	call	guest_boot
entry_child: /* all registers as the monitor left them, for the C part to look at */
	movq	%rax, %gs:0xb0
	movabsq	$KX_VA_DATA + 0x1000, %rax
	movq	%rbx, 0x08(%rax)
	movq	%rcx, 0x10(%rax)
	movq	%rdx, 0x18(%rax)
	movq	%rsi, 0x20(%rax)
	movq	%rdi, 0x28(%rax)
	movq	%rbp, 0x30(%rax)
	movq	%r8, 0x38(%rax)
	movq	%r9, 0x40(%rax)
	movq	%r10, 0x48(%rax)
	movq	%r11, 0x50(%rax)
	movq	%r12, 0x58(%rax)
	movq	%r13, 0x60(%rax)
	movq	%r14, 0x68(%rax)
	movq	%r15, 0x70(%rax)
	rdfsbase %rbx
	movq	%rbx, 0x78(%rax)
	movq	%gs:0xb0, %rbx
	movq	%rbx, (%rax)
	movq	%rax, %rdi
	movl	$7, %eax
	xorl	%edx, %edx
	xsave64	0x40 * 4(%rdi)
	call	guest_child
entry_syscall:
	jmp	*%rcx
entry_upcall: /* rsp of what was interrupted is at 18 words */
	movq	8 * 18(%rsp), %rsp
	movl	%gs:0x40, %edx		/* the slot */
	movabsq	$KX_VA_DATA + 0x3000, %rax
	jmp	*(%rax, %rdx, 8)
	.section .note.GNU-stack, "", @progbits
