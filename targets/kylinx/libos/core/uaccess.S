/* Copies that may meet a page the application has not got. Each instruction that may fault has its way out in __ex_table
 * (offsets from the entry: at, to); upcall.c and the hosted build's signal handler look there. */
	.text
	.macro EX at, to
	.pushsection __ex_table, "a"
	.balign 4
	.long \at - ., \to - .
	.popsection
	.endm

	.globl user_copy, user_fill, user_string, user_cmpxchg
/* user_copy(to, from, n): bytes not copied */
user_copy:
	mov %rdx, %rcx
	cmp $256, %rdx
	jae 3f
	shr $3, %rcx
	jz 2f
1:	mov (%rsi), %rax
11:	mov %rax, (%rdi)
	add $8, %rsi
	add $8, %rdi
	dec %rcx
	jnz 1b
2:	mov %edx, %ecx
	and $7, %ecx
	jz 9f
4:	movb (%rsi), %al
44:	movb %al, (%rdi)
	inc %rsi
	inc %rdi
	dec %ecx
	jnz 4b
9:	xor %eax, %eax
	ret
3:	rep movsb
	xor %eax, %eax
	ret
5:	mov %rcx, %rax
	ret
6:	and $7, %edx              /* in the words: rcx left, and the tail */
	lea (%rdx,%rcx,8), %rax
	ret
	EX 1b, 6b
	EX 11b, 6b
	EX 4b, 5b
	EX 44b, 5b
	EX 3b, 5b

/* user_fill(to, n): zeroes; bytes not done */
user_fill:
	mov %rsi, %rcx
	xor %eax, %eax
1:	rep stosb
	xor %eax, %eax
	ret
2:	mov %rcx, %rax
	ret
	EX 1b, 2b

/* user_string(to, from, n): length copied up to the NUL (which is copied too), n when there is none in n bytes, -14 */
user_string:
	xor %eax, %eax
1:	cmp %rdx, %rax
	je 3f
2:	movb (%rsi,%rax), %cl
	movb %cl, (%rdi,%rax)
	test %cl, %cl
	jz 3f
	inc %rax
	jmp 1b
3:	ret
4:	mov $-14, %rax
	ret
	EX 2b, 4b

/* user_cmpxchg(p, old, new, seen): 0 or -14 */
user_cmpxchg:
	mov %esi, %eax
1:	lock cmpxchgl %edx, (%rdi)
	mov %eax, (%rcx)
	xor %eax, %eax
	ret
2:	mov $-14, %rax
	ret
	EX 1b, 2b
	.section .note.GNU-stack, "", @progbits
