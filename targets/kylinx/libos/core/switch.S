/* Leaving one LibOS stack for another. Vector registers and FS are switched by sched.c. */
	.text
	.globl context_switch, context_begin, context_jump, context_begin_idle

/* context_switch(void **save_rsp, void *load_rsp) */
context_switch:
	push %rbp
	push %rbx
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, (%rdi)
	mov %rsi, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbx
	pop %rbp
	ret

/* The first return of a new context: r12 is its function, r13 the argument (sched.c: context_prepare). */
context_begin:
	xor %ebp, %ebp
	call sched_begin
	mov %r13, %rdi
	call *%r12
	call task_exit_thread
	ud2

context_begin_idle:
	xor %ebp, %ebp
	mov %r13, %rdi
	call *%r12
	ud2

/* context_jump(rsp, fn, arg): fn on a fresh stack; it does not return */
context_jump:
	mov %rdi, %rsp
	and $-16, %rsp
	xor %ebp, %ebp
	mov %rdx, %rdi
	call *%rsi
	ud2
	.section .note.GNU-stack, "", @progbits
