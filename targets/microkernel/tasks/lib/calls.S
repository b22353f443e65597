/* The system calls as C functions: mk.h. */
	.syntax unified
	.text
#include "../../include/abi.h"

	.macro	entry name
	.global	\name
\name:
	.endm

/* A call with at most four arguments, which are where the kernel wants them. */
	.macro	plain name, number
	entry	\name
	mov	r12, #\number
	svc	#0
	bx	lr
	.endm

/* A fifth argument comes on the stack. */
	.macro	plain5 name, number
	entry	\name
	push	{r4, lr}
	ldr	r4, [sp, #8]
	mov	r12, #\number
	svc	#0
	pop	{r4, pc}
	.endm

/* (handle, us): with a time-out */
	.macro	timed name, number
	entry	\name
	mov	r12, #\number
	orr	r12, r12, r1, lsl #8
	svc	#0
	bx	lr
	.endm

	plain	mk_null, MK_NULL
	plain	mk_yield, MK_YIELD
	plain	mk_exit, MK_EXIT
	plain	mk_log, MK_LOG
	plain	mk_notify, MK_NOTIFY
	plain	mk_port_create, MK_PORT_CREATE
	plain	mk_window, MK_WINDOW
	plain	mk_revoke, MK_REVOKE
	plain5	mk_task_create, MK_TASK_CREATE
	plain	mk_task_start, MK_TASK_START
	plain	mk_task_kill, MK_TASK_KILL
	plain	mk_task_priority, MK_TASK_PRIORITY
	plain	mk_space_kill, MK_SPACE_KILL
	plain	mk_map, MK_MAP
	plain	mk_unmap, MK_UNMAP
	plain5	mk_move, MK_MOVE
	plain	mk_give, MK_GIVE
	plain	mk_drop, MK_DROP
	plain	mk_sem_create, MK_SEM_CREATE
	plain	mk_sem_up, MK_SEM_UP
	timed	mk_sem_down, MK_SEM_DOWN
	plain	mk_mutex_create, MK_MUTEX_CREATE
	timed	mk_mutex_lock, MK_MUTEX_LOCK
	plain	mk_mutex_unlock, MK_MUTEX_UNLOCK
	plain	mk_timer_create, MK_TIMER_CREATE
	plain	mk_timer_set, MK_TIMER_SET
	plain	mk_sleep, MK_SLEEP
	plain	mk_device_map, MK_DEVICE_MAP
	plain	mk_irq_bind, MK_IRQ_BIND
	plain	mk_irq_ack, MK_IRQ_ACK
	plain	mk_irq_raise, MK_IRQ_RAISE
	plain	mk_physical, MK_PHYSICAL
	plain	mk_info, MK_INFO
	plain	mk_shutdown, MK_SHUTDOWN

/* int mk_space_create(unsigned pages, unsigned port, unsigned bits, const char name[8], unsigned highest) */
	entry	mk_space_create
	push	{r4-r6, lr}
	ldr	r5, [sp, #16]
	ldr	r4, [r3, #4]
	ldr	r3, [r3]
	mov	r12, #MK_SPACE_CREATE
	svc	#0
	pop	{r4-r6, pc}

/* int mk_space_status(unsigned space, struct mk_status *) */
	entry	mk_space_status
	push	{r1, lr}
	mov	r12, #MK_SPACE_STATUS
	svc	#0
	pop	{r12, lr}
	stmia	r12, {r1-r3}
	bx	lr

/* Messages: r1 points to the tag and the words, which go through registers both ways.
 * int mk_call(unsigned port, struct mk_message *, unsigned us); mk_send alike */
	.macro	message name, number
	entry	\name
	push	{r1, r4-r11, lr}
	mov	r12, #\number
	orr	r12, r12, r2, lsl #8
	ldmia	r1, {r1-r11}
	svc	#0
	ldr	lr, [sp]
	stmia	lr, {r1-r11}
	pop	{r1, r4-r11, pc}
	.endm

	message	mk_call, MK_CALL
	message	mk_send, MK_SEND

/* int mk_receive(unsigned port, struct mk_message *, unsigned us): its result is the token */
	entry	mk_receive
	push	{r1, r4-r11, lr}
	mov	r12, #MK_RECEIVE
	orr	r12, r12, r2, lsl #8
	mov	r1, #0			/* the tag when nothing comes */
	svc	#0
	ldr	lr, [sp]
	stmia	lr, {r1-r12}
	pop	{r1, r4-r11, pc}

/* int mk_reply(unsigned token, const struct mk_message *) */
	entry	mk_reply
	push	{r4-r11, lr}
	mov	r12, #MK_REPLY
	ldmia	r1, {r1-r11}
	svc	#0
	pop	{r4-r11, pc}

/* int mk_reply_receive(unsigned token, struct mk_message *, unsigned port, unsigned us) */
	entry	mk_reply_receive
	push	{r1, r4-r11, lr}
	mov	lr, r2
	mov	r12, #MK_REPLY_RECEIVE
	orr	r12, r12, r3, lsl #8
	ldmia	r1, {r1-r11}
	svc	#0
	ldr	lr, [sp]
	stmia	lr, {r1-r12}
	pop	{r1, r4-r11, pc}

/* A program begins here: r0 is what its first task was given. */
	.section .text.start, "ax"
	entry	_start
	bl	task_start
	mov	r12, #MK_EXIT
	svc	#0
	b	.

/* A further task of a program: r0 points to its function and argument. */
	.text
	entry	mk_thread_start
	ldmia	r0, {r1, r2}
	mov	r0, r2
	blx	r1
	mov	r0, #0
	mov	r12, #MK_EXIT
	svc	#0
	b	.
