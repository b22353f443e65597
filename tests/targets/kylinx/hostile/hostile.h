/* What the trials of the hostile program share: the slot's own area, raw hypercalls, children whose end is looked at. */
#ifndef HOSTILE_H
#define HOSTILE_H
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "kx_abi.h"

struct trial { const char *name; void (*run)(int argc, char **argv); };
#define TRIAL(id, text) \
	static void run_##id(int argc, char **argv); \
	static const struct trial trial_##id __attribute__((used, section("trials"), aligned(8))) = { text, run_##id }; \
	static void run_##id(int argc __attribute__((unused)), char **argv __attribute__((unused)))

#define PAGE 4096ul
#define GONE (-1)                        /* fate() of a child that did not end by itself */
#define STUCK (-2)                       /* nor by SIGKILL: its LibOS never comes back. Only the monitor can end it */
extern bool may_be_stuck;                /* else such a child is a failure */
extern unsigned stuck;
extern uint64_t patience_ns;

__attribute__((format(printf, 1, 2), noreturn)) void fail(const char *, ...);
#define CHECK(c) do { if (!(c)) fail("%s:%d: %s (errno %d)", __FILE__, __LINE__, #c, errno); } while (0)

volatile struct kx_vcpu *area(void);     /* of the slot we run on */
long raw(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4); /* the area filled by hand, then the out */
volatile struct kx_region *region_of(const volatile void *); /* our own entry in the table that the monitor reads; NULL */
const struct kx_libos_header *libos(void);

uint8_t *commons_page(uint64_t *va, size_t count); /* of ours, in the commons: addresses as the monitor takes them */
volatile struct kx_region *forged_table(const volatile void *p, uint64_t *va); /* a copy of our own, and its entry for p */
void survive_faults(void);
bool touch(volatile uint64_t *, uint64_t *seen, bool write); /* false: it faulted */
int fate(void (*)(void));                /* of a child that does this: its wait status */
int fate_with(void (*)(uint64_t), uint64_t);
bool died(int status, int signo);
uint64_t now_ns(void);
uint64_t draw(void);                     /* random, by KX_SEED */
void *pages(size_t bytes);               /* private, zero-filled */
extern const uint64_t limits[];          /* numbers at which arithmetic goes wrong */
extern const unsigned limit_count;

/* inside.c: made of the LibOS's own headers */
void *inside_pipe(int fd);               /* struct pipe behind a descriptor */
void inside_ring(void *pipe, volatile uint32_t **head, volatile uint32_t **tail);
#endif
