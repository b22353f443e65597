/* The kernel's core on a host: what of processor and board it asks for, in place of core/cpu.h and boot/board.h, whose guards are
 * set here. Memory lies at the same addresses, below 4 GiB, so that addresses fit the kernel's 32 bits. */
#ifndef CALLS_HOST_H
#define CALLS_HOST_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MK_CPU_H
#define MK_BOARD_H
#define BOARD_RAM 0x40000000u
#define BOARD_TIMER_IRQ 27
#define BOARD_IRQS 288

extern uint64_t host_counter, host_alarm;
void host_wait(void);
bool host_interrupted(void);

static inline uint64_t now(void) { return host_counter; }
static inline unsigned cycles(void) { return (unsigned)host_counter; }
static inline bool cpu_interrupted(void) { return host_interrupted(); }
static inline void cpu_timer_set(uint64_t when) { host_alarm = when; }
static inline unsigned cpu_timer_start(void) { return 1000000; }
static inline void cpu_wait(void) { host_wait(); }
static inline void cpu_forget_page(unsigned va, unsigned asid) { (void)va, (void)asid; }
static inline void cpu_forget_space(unsigned asid) { (void)asid; }
static inline void cpu_forget_code(void) {}
static inline void cpu_space(const unsigned *empty, const unsigned *table, unsigned asid) { (void)empty, (void)table, (void)asid; }
#endif
