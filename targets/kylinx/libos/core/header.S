/* First bytes of the text: struct kx_libos_header, for the monitor. */
#include "../../abi/kx_abi.h"
	.section .text.header, "ax", @progbits
	.globl libos_header
libos_header:
	.quad KX_LIBOS_MAGIC
	.long KX_ABI_VERSION, KX_LIBOS_PARKS
	.quad entry_boot, entry_child, entry_syscall, entry_upcall
	.quad exit_begin, exit_end, exit_restart
	.quad libos_text_end
	.section .note.GNU-stack, "", @progbits
