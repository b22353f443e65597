/* The monitor, all of it, on a machine that is made up: KVM_RUN comes back as the fuzzer says. */
#ifndef FUZZ_MACHINE_H
#define FUZZ_MACHINE_H
#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include "control.h"
#include "memory_private.h"
#include "fuzz.h"

#define MACHINE_PVMS 6
#define MACHINE_MEMORY (64 * MIB)
#define MACHINE_IMAGE_PAGES 24
#define WINDOW 0x10000                   /* bytes of the commons that inputs write to, from its start */

void machine_begin(void);                /* once, and before each input: as after the monitor's start, one program spawned */
void machine_end(void);                  /* all pVMs end, their memory is back, no lock held, no descriptor lost */
struct vcpu *machine_vcpu(unsigned n);   /* the n-th live one, modulo; NULL: none lives */
struct vcpu *machine_spawn(void);
void machine_exact(bool);                /* from now on only what memory_commons() gives out may be touched */
uint8_t *machine_window(void);           /* of guest memory; writing there is the guest's doing */
void machine_race(unsigned calls, uint32_t at, uint64_t value); /* the guest writes so, after that many calls to the host */
extern uint32_t machine_console[2];      /* one with input and room, one with neither */
extern sigjmp_buf machine_gone;          /* the monitor left: set by who lets it */

/* machine_vcpu.c */
void machine_pool_check(void);
void machine_settle(void);               /* vCPUs that are to wait in a new space do */
void machine_enter(struct vcpu *);       /* before its registers are set: the first time it gets those to begin with */
int machine_kvm_run(void);
/* One run of the guest: what KVM_RUN gives is in v->run already; error: its errno. */
void machine_run(struct vcpu *, int error);
void machine_retire_all(void);
void machine_park(unsigned count);       /* so many idle ones wait in the guest; 0: from now on none does */
struct vcpu *machine_parked(unsigned n); /* one of those; NULL */
struct vcpu *machine_start_thread(void *vcpu);
bool machine_is_vcpu_thread(void *(*)(void *));

/* machine_memory.c */
void tables_check(void);                 /* page tables and counts hold together, and lead to nothing forbidden */
void tables_baseline(void);              /* what is used now is not the inputs' doing */

/* machine_files.c */
void files_begin(void);                  /* the shares, as they are at first */
void files_open(struct settings *);
void files_end(void);                    /* what was opened is closed; what lies outside is as it was */
void files_closed(bool);                 /* and it is really closed; true: but for what was in hand when the monitor left */
void files_console(void);
void guest_writes(void);                 /* if a race is due */
bool guest_poisoned(const void *, size_t); /* not asked for by memory_commons() */

/* machine_control.c */
void control_connect(void);
void control_packet(const char *, size_t, unsigned descriptors);
void control_drain(void);                /* what the monitor said, looked at: one JSON object a packet */

bool json_strict(const char *, size_t);  /* json_strict.c: a reader of its own */
#endif
