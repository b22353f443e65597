/* What a task's program has: system calls as functions, memory, threads, text, names. Results below 0 are MK_E*. The console, files,
 * sockets: console.h, files.h, net.h. */
#ifndef MK_H
#define MK_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "../../include/abi.h"

#define MK_COUNT(array) (sizeof(array) / sizeof *(array))
#define MK_PRINTF(at) __attribute__((format(printf, at, (at) + 1)))

/* ---- System calls: abi.h says what each does. us: a time-out in microseconds; 0: none; above MK_TIMEOUT_MAX_US only its
 * low 24 bits count ---- */
struct mk_message {
	unsigned tag, word[MK_WORDS];
	unsigned sender;         /* set by receive: the number of the sender's space */
};
struct mk_status { unsigned ended, pages, number; };

int mk_null(void);
int mk_yield(void);
void mk_exit(int status) __attribute__((noreturn));
int mk_log(const char *text, size_t bytes);
int mk_send(unsigned port, struct mk_message *m, unsigned us);
int mk_receive(unsigned port, struct mk_message *m, unsigned us); /* -> token */
int mk_call(unsigned port, struct mk_message *m, unsigned us);
int mk_reply(unsigned token, const struct mk_message *m);
int mk_reply_receive(unsigned token, struct mk_message *m, unsigned port, unsigned us); /* -> token */
int mk_notify(unsigned port, unsigned bits);
int mk_port_create(void);
int mk_window(void *va, unsigned pages);
int mk_revoke(void);
int mk_task_create(unsigned space, unsigned entry, unsigned stack, unsigned argument, unsigned priority);
int mk_task_start(unsigned task);
int mk_task_kill(unsigned task);
int mk_task_priority(unsigned task, unsigned priority);
int mk_space_create(unsigned pages, unsigned port, unsigned bits, const char name[8], unsigned highest); /* name: aligned to 4 */
int mk_space_kill(unsigned space);
int mk_space_status(unsigned space, struct mk_status *s);
int mk_map(unsigned space, unsigned va, unsigned pages, unsigned protection);
int mk_unmap(unsigned space, unsigned va, unsigned pages);
int mk_move(unsigned space, unsigned to, unsigned from, unsigned pages, unsigned protection);
int mk_give(unsigned space, unsigned handle, unsigned rights);
int mk_drop(unsigned handle);
int mk_sem_create(unsigned count);
int mk_sem_up(unsigned semaphore);
int mk_sem_down(unsigned semaphore, unsigned us);
int mk_mutex_create(void);
int mk_mutex_lock(unsigned mutex, unsigned us);
int mk_mutex_unlock(unsigned mutex);
int mk_timer_create(unsigned port, unsigned bits);
int mk_timer_set(unsigned timer, unsigned first_us, unsigned period_us);
int mk_sleep(unsigned us);
int mk_device_map(unsigned device, unsigned va);
int mk_irq_bind(unsigned device, unsigned port, unsigned bits);
int mk_irq_ack(unsigned device);
int mk_irq_raise(unsigned device);
unsigned mk_physical(unsigned device, const void *va);
int mk_info(unsigned what);
int mk_shutdown(unsigned machine);

/* Cycles: under QEMU's -icount shift=0, instructions. Wraps after 4.29 seconds of them. */
static inline unsigned mk_cycles(void)
{
	unsigned n;

	__asm__ volatile("mrc p15, 0, %0, c9, c13, 0" : "=r"(n)::"memory");
	return n;
}

static inline uint64_t mk_counter(void) /* of mk_counter_hz, from the machine's start */
{
	uint64_t n;

	__asm__ volatile("mrrc p15, 1, %Q0, %R0, c14" : "=r"(n)::"memory");
	return n;
}

static inline unsigned mk_counter_hz(void)
{
	unsigned n;

	__asm__ volatile("mrc p15, 0, %0, c14, c0, 0" : "=r"(n));
	return n;
}

uint64_t mk_time_us(void);       /* since the machine's start */
uint64_t mk_unix_ms(void);       /* clock.c; never goes back */
bool mk_unix_sharpen(void);      /* looks where the board's seconds begin; false: call again soon, best in a millisecond */

/* ---- string.S, text.c ---- */
void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
size_t mk_format(char *to, size_t size, const char *format, ...) MK_PRINTF(3); /* %s %c %d %u %x %llu, widths */
size_t mk_format_list(char *to, size_t size, const char *format, va_list arguments);
void mk_print(const char *format, ...) MK_PRINTF(1);  /* to the console, by way of the kernel; at most 1024 bytes */
void mk_fail(const char *format, ...) MK_PRINTF(1) __attribute__((noreturn)); /* says so and ends the task with 1 */

/* ---- memory.c: pages from the kernel; blocks of any size from those ---- */
void *mk_pages(unsigned pages);  /* zeroed; NULL: none */
void mk_pages_free(void *p, unsigned pages);
void *mk_region(unsigned pages); /* addresses with nothing behind: a window, a device; with an empty page on both sides */
void *mk_alloc(size_t bytes);
void *mk_resize(void *p, size_t bytes);
void mk_free(void *p);

/* ---- thread.c ---- */
int mk_thread(void (*run)(void *), void *argument, unsigned priority); /* -> task, started, with a stack of 16 KiB */
int mk_thread_make(void (*run)(void *), void *argument, unsigned priority); /* -> task, not started */

/* ---- serve.c: mk_reply_receive for a server of any clients: a handle that comes along is dropped, words that do not come are 0 ---- */
int mk_serve(unsigned token, struct mk_message *m, unsigned port, unsigned us); /* -> token */

/* ---- start.c: what a program finds, and the name server ---- */
#define MK_START_VA (MK_USER_END - MK_PAGE)
#define MK_STACK_TOP (MK_USER_END - 2 * MK_PAGE) /* of 64 KiB; an access below faults */
#define MK_START_DEVICES 40
struct mk_start {
	unsigned names;          /* handle: the name server's port */
	unsigned devices;
	struct { unsigned kind, handle, physical, bytes, pages; } device[MK_START_DEVICES];
	char line[512];          /* its name and arguments, divided by spaces */
	uint64_t unix_counter;   /* mk_counter() when the unix time was so */
	uint32_t unix_s;
};
extern const struct mk_start *mk_started;

bool mk_option(const char *name, char *value, size_t size); /* name=value of the line */
unsigned mk_option_number(const char *name, unsigned otherwise); /* decimal */
int mk_name_register(const char *name, unsigned port, bool restart); /* 8 characters of it. restart: this program, when it ends.
	MK_EBUSY: somebody has the name, MK_ERIGHT: it is a server's (names.h) */
int mk_name_find(const char *name, unsigned us); /* -> handle of its port; waits for it */
int mk_ask(unsigned *server, const char *name, struct mk_message *m, unsigned us); /* -> word 0 of the answer. *server: the handle,
	0 at first; where that server has gone, its successor is asked */
int mk_board_seconds(void);      /* unix time; 0: the board has no clock */
int mk_spawn(const char *line, unsigned priority); /* a program of the initrd -> its space's number */
int mk_kill(const char *name); /* a program that this one started; any, by the shell */
int mk_stop(void);               /* switches the machine off; for the shell */
int mk_ended(unsigned *sequence, unsigned *spaces, unsigned most); /* numbers of spaces that ended since */
int mk_watch(unsigned port, unsigned bits); /* notified when a program ends */
bool mk_is_program(unsigned number); /* its end will be told */

int main(void);
#endif
