/* The vdso, page-aligned in the LibOS's text: AT_SYSINFO_EHDR points here. */
	.section .text.vdso, "ax", @progbits
	.balign 4096
	.globl vdso_start
vdso_start:
	.incbin VDSO
	.globl vdso_end
vdso_end:
	.balign 16
	.section .note.GNU-stack, "", @progbits
