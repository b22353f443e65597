/* Into the LibOS and out of it. The frame's layout is struct kx_frame; GS points at the slot's area. */
#include "../../abi/kx_abi.h"
#include "syscalls.h"

#define F_R15 0x00
#define F_R14 0x08
#define F_R13 0x10
#define F_R12 0x18
#define F_RBP 0x20
#define F_RBX 0x28
#define F_R11 0x30
#define F_R10 0x38
#define F_R9 0x40
#define F_R8 0x48
#define F_RAX 0x50
#define F_RCX 0x58
#define F_RDX 0x60
#define F_RSI 0x68
#define F_RDI 0x70
#define F_RIP 0x80
#define F_RFLAGS 0x88
#define F_RSP 0x90
#define F_VECTOR 0x98
#define RFLAGS_USER 0x202 /* of an application in a call: arithmetic flags are lost in it */
#define ERESTART_FIRST 512
#define ERESTART_LAST 516

	.macro LOAD_ALL_BUT_RCX_RSP
	mov F_R15(%rsp), %r15
	mov F_R14(%rsp), %r14
	mov F_R13(%rsp), %r13
	mov F_R12(%rsp), %r12
	mov F_RBP(%rsp), %rbp
	mov F_RBX(%rsp), %rbx
	mov F_R11(%rsp), %r11
	mov F_R10(%rsp), %r10
	mov F_R9(%rsp), %r9
	mov F_R8(%rsp), %r8
	mov F_RAX(%rsp), %rax
	mov F_RDX(%rsp), %rdx
	mov F_RSI(%rsp), %rsi
	mov F_RDI(%rsp), %rdi
	.endm

	.macro LOAD_WHOLE /* all registers and flags of the frame at rsp, which may be pushed on below */
	mov F_RIP(%rsp), %rax
	mov %rax, %gs:KX_GS_RESUME_RIP
	pushq F_RFLAGS(%rsp)
	popfq
	LOAD_ALL_BUT_RCX_RSP
	mov F_RCX(%rsp), %rcx
	mov F_RSP(%rsp), %rsp
	jmp *%gs:KX_GS_RESUME_RIP
	.endm

	.text
	.globl entry_syscall, entry_upcall, entry_boot, entry_child, return_to_user
	.globl exit_begin, exit_end, exit_restart

/* A system call: rax its number, rcx where to go on, rsp the application's. */
	.balign 64
entry_syscall:
	movl $0, %gs:KX_GS_IN_USER
	mov %rsp, %gs:KX_GS_USER_RSP
	mov %gs:KX_GS_STACK_TOP, %rsp
	lea -16(%rsp), %rsp /* cr2, error: not of a call */
	pushq $KX_VECTOR_SYSCALL
	pushq %gs:KX_GS_USER_RSP
	pushq $RFLAGS_USER
	push %rcx
	push %rax
	push %rdi
	push %rsi
	push %rdx
	push %rcx
	push %rax
	push %r8
	push %r9
	push %r10
	push %r11
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	cld
	cmp $SYSCALLS, %rax
	jae 2f
	mov %r10, %rcx
	lea syscall_table(%rip), %r10
	call *(%r10,%rax,8)
1:	mov %rax, F_RAX(%rsp)
	lea ERESTART_LAST(%rax), %rcx
	cmp $(ERESTART_LAST - ERESTART_FIRST), %rcx
	jbe exit_slow

/* In user mode from here on, and only then a look at attention: who sets it looks at in_user after that. The monitor's kick
 * finds rip in [exit_begin, exit_end) and sends it to exit_restart; the frame is only read, so nothing is lost. */
exit_begin:
	mov $1, %ecx
	xchg %ecx, %gs:KX_GS_IN_USER
	cmpl $0, %gs:KX_GS_ATTENTION
	jne exit_restart
	cmpl $KX_VECTOR_SYSCALL, F_VECTOR(%rsp)
	jne 3f
	LOAD_ALL_BUT_RCX_RSP
	mov F_RIP(%rsp), %rcx
	mov F_RSP(%rsp), %rsp
	jmp *%rcx
exit_whole:
	mov $1, %ecx
	xchg %ecx, %gs:KX_GS_IN_USER
	cmpl $0, %gs:KX_GS_ATTENTION
	jne exit_restart
3:	LOAD_WHOLE
exit_end:

exit_restart:
	movl $0, %gs:KX_GS_IN_USER
	mov %gs:KX_GS_EXIT_FRAME, %rsp
	cld
exit_slow:
	mov %rsp, %rdi
	call exit_work
	jmp exit_whole

2:	mov %rsp, %rdi
	call syscall_unknown
	jmp 1b

/* From the monitor, with a frame at rsp: the application was interrupted (the frame ends where the task's stack begins), or the
 * LibOS was, at an instruction that touches application memory. */
	.balign 16
entry_upcall:
	cmp %rsp, %gs:KX_GS_EXIT_FRAME
	jne 4f
	movl $0, %gs:KX_GS_IN_USER
	mov %rsp, %rdi
	call upcall /* with exit_work */
	jmp exit_whole
4:	mov %rsp, %rdi
	call upcall
	LOAD_WHOLE

/* return_to_user(current->frame) */
return_to_user:
	mov %rdi, %rsp
	call exit_work
	jmp exit_whole

/* A slot starts, on its idle stack. GS:0 is not filled in yet. */
entry_boot:
	mov $1, %esi
	jmp 5f
entry_child:
	xor %esi, %esi
5:	mov %gs:0x40, %edi
	mov %rdi, %rax
	shl $16, %rax /* KX_VCPU_STRIDE */
	movabs $KX_VA_VCPUS, %rcx
	add %rcx, %rax
	mov %rax, %gs:KX_GS_SELF
	lea KX_VCPU_IDLE_STACK_TOP(%rax), %rsp
	xor %ebp, %ebp
	call slot_main
	ud2
	.section .note.GNU-stack, "", @progbits
