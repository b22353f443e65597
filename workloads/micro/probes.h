/* Our USDT probes: a nop each until something attaches. Provider `kxbench`; arguments are unsigned 64-bit.
 * Registers or constants only ("nr"), so that a reader never has to decode a memory operand. */
#ifndef KXB_PROBES_H
#define KXB_PROBES_H

#define STAP_SDT_ARG_CONSTRAINT nr
#include <stdint.h>
#include <sys/sdt.h>

#define PROBE(name, value) DTRACE_PROBE1(kxbench, name, (uint64_t)(value))

#endif
