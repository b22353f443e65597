/* The only guest code at CPL0; copied into supervisor pages. It reads and writes nothing of the application's. */
#define STUB_PORT 0xa0

	.section .rodata
/* One stub of 8 bytes for each exception: tell the monitor (which edits the frame that iretq pops), drop the error code
 * where the CPU pushes one, go back to CPL3. No register is touched. */
	.macro stub vector, has_error
	.balign 8, 0xcc
	outb	%al, $(STUB_PORT + \vector)	/* 2 bytes */
	.if	\has_error
	addq	$8, %rsp		/* 4 bytes */
	.endif
	iretq				/* 2 bytes */
	.endm

	.balign 16
	.globl	stubs_begin, stubs_end
stubs_begin:
	.set	vector, 0
	.rept	32
	.if	(vector == 8) || (vector == 10) || (vector == 11) || (vector == 12) || (vector == 13) || (vector == 14) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30)
	stub	vector, 1
	.else
	stub	vector, 0
	.endif
	.set	vector, vector + 1
	.endr
stubs_end:

/* LSTAR, one copy for each vCPU: an unpatched system call goes on at the LibOS's entry_syscall, at CPL3, with rcx = return
 * address and rsp kept; r11 is lost, as a system call may. The monitor fills in where the vCPU's frame is, and all of the frame
 * (rip, cs, rflags, rsp, ss) but rsp. Not used where the self-test finds that a system call stays at CPL3 (a software KVM). */
	.balign 16
	.globl	stub_syscall_begin, stub_syscall_end
stub_syscall_begin:
	movq	%rsp, %r11		/* 3 bytes */
	movabsq	$0, %rsp		/* STUB_SYSCALL_FRAME: the number is at byte 5 */
	movq	%r11, 24(%rsp)
	iretq
stub_syscall_end:
	.section .note.GNU-stack, "", @progbits
