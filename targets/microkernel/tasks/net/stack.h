/* lwIP between the card and the sockets. */
#ifndef NET_STACK_H
#define NET_STACK_H
#include "mk.h"

const char *stack_open(unsigned port, unsigned interrupt_bits); /* NULL, or why not */
void stack_interrupt(void);
void stack_run(void);             /* what came, and timers that are due */
void stack_flush(void);
bool stack_idle(void);            /* false: run again before waiting */
void stack_look_at_clock(void);   /* once after each wait: the two below go by it */
uint32_t stack_ms(void);          /* wraps */
uint32_t stack_sleep_ms(void);    /* until a timer is due, at least 1 */

#endif
