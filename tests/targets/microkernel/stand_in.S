/* A stand-in for the kernel: 60 instructions that print lines on the PL011 and end as SCENE says. For the tests
 * of what starts and watches a machine, in which the guest has to misbehave at will.
 *
 * Started like Linux by QEMU's `virt` board: MMU off, r2 the device tree. Position independent. */
	.syntax unified
	.arm
	.equ PL011, 0x09000000
	.equ SYSTEM_OFF, 0x84000008	/* PSCI, Arm DEN 0022, 5.1.9 */

	.text
	.globl _start
_start:
	ldr	r4, =PL011
	adr	r5, text
	mov	r7, #REPEAT
again:
	mov	r6, r5
next:
	ldrb	r0, [r6], #1
	cmp	r0, #0
	beq	printed
	str	r0, [r4]
	b	next
printed:
	subs	r7, r7, #1
	bne	again
#if defined(OFF)
	ldr	r0, =SYSTEM_OFF
	hvc	#0
#elif defined(SPIN)
1:	b	1b
#else
1:	wfi
	b	1b
#endif
	.ltorg
text:
	.incbin	TEXT
	.byte	0
