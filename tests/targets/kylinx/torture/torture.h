/* What the fork trials share: pages that carry their owner and generation, children that are waited for. */
#ifndef TORTURE_H
#define TORTURE_H
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096ul
#define CHECK(c) do { if (!(c)) fail("%s:%d: %s (errno %d)", __FILE__, __LINE__, #c, errno); } while (0)

__attribute__((format(printf, 1, 2), noreturn)) void fail(const char *, ...);
uint64_t draw(void);                     /* random, by KX_SEED */
uint64_t now_ns(void);

/* A page is filled with its stamp: owner, generation, number. */
struct area { uint8_t *at; size_t pages; uint64_t *stamps; }; /* stamps: what each page is to hold, as its owner knows */
struct area area_make(size_t pages);
void area_write(struct area *, size_t page, uint64_t owner, uint64_t generation);
void area_write_some(struct area *, unsigned order, uint64_t owner, uint64_t generation); /* order: 0 up, 1 down, 2 every other, 3 at random */
void area_check(const struct area *, const char *when);
pid_t fork_checked(void);
int end_of(pid_t);                       /* wait status */
void ended_well(pid_t);

struct trial { const char *name; void (*run)(int argc, char **argv); };
extern const struct trial trials_forks[], trials_orders[], trials_others[];
#endif
