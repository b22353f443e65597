/* memcpy, memmove, memset: eight words at a time where addresses allow it. The kernel uses them too. */
	.syntax unified
	.text

/* void *memmove(void *to, const void *from, size_t bytes) */
	.global	memmove
memmove:
	subs	r3, r0, r1
	cmphi	r2, r3			/* to > from, and they overlap */
	bhi	backwards
/* void *memcpy(void *to, const void *from, size_t bytes) */
	.global	memcpy
memcpy:
	push	{r0, lr}
	cmp	r2, #8
	blo	bytes
	ands	r3, r0, #3
	beq	2f
	rsb	r3, r3, #4
	sub	r2, r2, r3
1:	ldrb	r12, [r1], #1
	strb	r12, [r0], #1
	subs	r3, r3, #1
	bne	1b
2:	tst	r1, #3
	bne	apart
	subs	r2, r2, #32
	blo	2f
	push	{r4-r9}
1:	ldmia	r1!, {r3-r9, r12}
	stmia	r0!, {r3-r9, r12}
	subs	r2, r2, #32
	bhs	1b
	pop	{r4-r9}
2:	add	r2, r2, #32
words:	subs	r2, r2, #4
	blo	4f
3:	ldr	r3, [r1], #4
	str	r3, [r0], #4
	subs	r2, r2, #4
	bhs	3b
4:	add	r2, r2, #4
bytes:	subs	r2, r2, #1
	popmi	{r0, pc}
	ldrb	r3, [r1], #1
	strb	r3, [r0], #1
	b	bytes

/* Never aligned together: ldr and str may be unaligned, ldm and stm not. */
apart:	subs	r2, r2, #16
	blo	2f
	push	{r4-r6}
1:	ldr	r3, [r1], #4
	ldr	r4, [r1], #4
	ldr	r5, [r1], #4
	ldr	r6, [r1], #4
	stmia	r0!, {r3-r6}
	subs	r2, r2, #16
	bhs	1b
	pop	{r4-r6}
2:	add	r2, r2, #16
	b	words

backwards:
	add	r1, r1, r2
	add	r3, r0, r2
	orr	r12, r1, r3
	orr	r12, r12, r2
	tst	r12, #3
	bne	2f
1:	subs	r2, r2, #4
	bxmi	lr
	ldr	r12, [r1, #-4]!
	str	r12, [r3, #-4]!
	b	1b
2:	subs	r2, r2, #1
	bxmi	lr
	ldrb	r12, [r1, #-1]!
	strb	r12, [r3, #-1]!
	b	2b

/* void *memset(void *to, int value, size_t bytes) */
	.global	memset
memset:
	and	r1, r1, #255
	orr	r1, r1, r1, lsl #8
	orr	r1, r1, r1, lsl #16
	mov	r3, r0
	cmp	r2, #16
	blo	3f
1:	tst	r3, #3
	strbne	r1, [r3], #1
	subne	r2, r2, #1
	bne	1b
	mov	r12, r1
	subs	r2, r2, #16
	blo	2f
	push	{r4, r5}
	mov	r4, r1
	mov	r5, r1
1:	stmia	r3!, {r1, r4, r5, r12}
	subs	r2, r2, #16
	bhs	1b
	pop	{r4, r5}
2:	add	r2, r2, #16
3:	subs	r2, r2, #1
	bxmi	lr
	strb	r1, [r3], #1
	b	3b
