/* The whole contract between the micro kernel and its tasks: system calls, messages, handles, boot information.
 *
 * A system call is `svc #0` with its number in the low 8 bits of r12 and a time-out in the other 24 (microseconds; 0: none), of
 * which MK_SEND, MK_RECEIVE, MK_CALL, MK_REPLY_RECEIVE, MK_SEM_DOWN and MK_MUTEX_LOCK take notice. Arguments are in r0..r11 in
 * the order of the list below, results too; all registers that a call does not name as results are kept. r0 returns 0 or more,
 * or a negative MK_E*. A call with bad arguments changes nothing.
 *
 * Calls over pages (MK_MAP, MK_UNMAP, MK_MOVE, MK_DEVICE_MAP; MK_REVOKE) look at interrupts after each page. Where one waits, the
 * task is set back to its svc and makes the call again afterwards: how far it came is in place of the time-out, which is 0 at
 * first. The first four look at all their pages before they change any, so MK_EADDRESS and MK_EMEMORY change nothing, unless another
 * task took an address or the memory between: then the pages before stay changed, as others may see them half way too.
 *
 * A handle is an index into the table of the caller's space: an object of the kernel and what may be done with it. Nothing
 * else names a kernel object, so what a space has no handle for it cannot reach. */
#ifndef MK_ABI_H
#define MK_ABI_H

#define MK_ABI_VERSION 2
#define MK_PAGE 4096u
#define MK_USER_END 0x40000000u   /* user addresses lie in [MK_PAGE, MK_USER_END) */
#define MK_PRIORITIES 32          /* 31 is the highest */
#define MK_REALTIME 16            /* from here on: runs until it blocks or a higher one is ready; below: round robin */
#define MK_QUANTUM_US 10000       /* of the round robin */
#define MK_HANDLES 128            /* of a space */
#define MK_TASKS 256
#define MK_SPACES 64
#define MK_WORDS 10               /* of a message */
#define MK_GRANT_PAGES 16         /* of a message, at most */
#define MK_TIMEOUT_MAX_US 0xffffffu /* 16.7 seconds */
#define MK_PERIOD_MIN_US 20u      /* of a timer: shorter ones would leave no time for tasks */

/* ---- Errors ---- */
#define MK_EHANDLE (-1)   /* no such handle, or one of another kind of object */
#define MK_EARGUMENT (-2) /* a number out of its range */
#define MK_ERIGHT (-3)    /* the handle does not allow it, or the highest priority of a space */
#define MK_EMEMORY (-4)   /* no page, or the space's limit is reached */
#define MK_ETIMEOUT (-5)
#define MK_EDEAD (-6)     /* the other side is gone, or went while one waited for it */
#define MK_EBUSY (-7)     /* locked already, or in a state that does not allow it */
#define MK_ECALL (-8)     /* no such system call */
#define MK_EADDRESS (-9)  /* an address that is not the caller's, or is taken */
#define MK_EFULL (-10)    /* no free handle, task, space or object */

/* ---- System calls: (arguments) -> results ---- */
#define MK_NULL 0           /* () -> 0 */
#define MK_YIELD 1          /* () -> 0: to the end of the round robin of one's priority */
#define MK_EXIT 2           /* (status): ends the task; a space ends with its last task */
#define MK_LOG 3            /* (va, bytes): text for the kernel's console, at most 1024 bytes */

/* Messages: r1 tag, r2..r11 words. What MK_RECEIVE returns: r0 token (of a call: for the reply; 0: of a send or notification),
 * r1 tag, r2.. as many words as the tag says, r12 the sender's space (its number: identity, not a handle). */
#define MK_SEND 4           /* (port, tag, words): waits for a receiver, for no answer */
#define MK_RECEIVE 5        /* (port): waits for a message, or for bits of a notification */
#define MK_CALL 6           /* (port, tag, words) -> r0, r1 tag, r2.. words of the reply */
#define MK_REPLY 7          /* (token, tag, words): never waits; MK_EDEAD: nobody waits for it any more */
#define MK_REPLY_RECEIVE 8  /* (token, tag, words; r14 port): both, as one; token 0: receive alone. Of the reply no error is told */
#define MK_NOTIFY 9         /* (port, bits): ors them into the port's; never waits */
#define MK_PORT_CREATE 10   /* () -> handle with all rights */
#define MK_WINDOW 11        /* (va, pages: at most MK_GRANT_PAGES): where pages lent to this task are mapped: nothing else may be
                             * there; 0 pages: none. While a call with pages is not answered, the next needs another window */
#define MK_REVOKE 12        /* (): takes back what the caller's last call granted, if it is still out -> pages taken back.
                             * The other side keeps a private copy of them as they are now */

#define MK_TASK_CREATE 13   /* (space, entry: odd for Thumb, stack top: a multiple of 8, argument, priority) -> handle;
                             * argument is its r0 */
#define MK_TASK_START 14    /* (task): one that was made, once */
#define MK_TASK_KILL 15     /* (task) */
#define MK_TASK_PRIORITY 16 /* (task, priority) -> the one before; 0xffffffff leaves it */
#define MK_SPACE_CREATE 17  /* (pages at most, those of its tables too; port, bits, name: 8 characters in r3, r4; r5 the highest
                             * priority that its tasks may be given, no higher than the caller's space's; they may inherit
                             * others) -> handle. At its end the port is notified of the bits; port MK_NONE: nobody is */
#define MK_SPACE_KILL 18    /* (space): with all its tasks, between which interrupts are looked at as between pages. Its handles
                             * are dropped at once, its pages given back before any task goes on but more urgent ones */
#define MK_SPACE_STATUS 19  /* (space) -> r0 tasks alive, r1 exit status or fault of the last that ended, r2 pages, r3 number */

#define MK_MAP 20           /* (space, va, pages, protection): zeroed pages */
#define MK_UNMAP 21         /* (space, va, pages): holes are no error */
#define MK_MOVE 22          /* (space, va there, own va, pages, protection): whole pages change hands */
#define MK_GIVE 23          /* (space, handle, rights) -> handle there (MK_SELF: a further one here); rights: a part of one's own */
#define MK_DROP 24          /* (handle): the object ends with its last handle */

#define MK_SEM_CREATE 25    /* (count) -> handle */
#define MK_SEM_UP 26        /* (semaphore) */
#define MK_SEM_DOWN 27      /* (semaphore): waits while it is 0 */
#define MK_MUTEX_CREATE 28  /* () -> handle; who holds it inherits the priority of who waits */
#define MK_MUTEX_LOCK 29    /* (mutex): MK_EBUSY: the caller has it. MK_EDEAD: while one waited its holder ended, and the caller has
                             * it now, with whatever was left half done; or the mutex is gone */
#define MK_MUTEX_UNLOCK 30  /* (mutex): MK_EBUSY: the caller has it not */
#define MK_TIMER_CREATE 31  /* (port, bits) -> handle */
#define MK_TIMER_SET 32     /* (timer, first, period) in microseconds from now; first 0: off; period 0: once,
                             * else MK_PERIOD_MIN_US .. MK_TIMEOUT_MAX_US */
#define MK_SLEEP 33         /* (microseconds) */

#define MK_DEVICE_MAP 34    /* (device, va): its registers or memory */
#define MK_IRQ_BIND 35      /* (device, port, bits): each interrupt of the device notifies */
#define MK_IRQ_ACK 36       /* (device): the interrupt may come again */
#define MK_IRQ_RAISE 37     /* (device): as if the device had; for tests and measurements */
#define MK_PHYSICAL 38      /* (device, va) -> physical address of an own page: for a driver with MK_RIGHT_DMA */
#define MK_INFO 39          /* (what) -> r0: MK_INFO_* */
#define MK_SHUTDOWN 40      /* (device 0, the machine, with MK_RIGHT_MANAGE): switches it off */
#define MK_CALLS 41

/* ---- A message's tag: a label of 16 bits, which is between sender and receiver; flags; how many words ---- */
#define MK_TAG_WORDS 0xfu     /* 0..MK_WORDS */
#define MK_TAG_HANDLE 0x10u   /* of MK_WORDS words; word 9 is a handle: the receiver gets one of the same object and rights */
#define MK_TAG_GRANT 0x20u    /* calls only, of 9 words or more; word 7 is a page's address | MK_READ or MK_READ|MK_WRITE, word 8
                               * pages: lent to the receiver, in its window, until its reply. First MK_REVOKE is done.
                               * MK_EADDRESS: not the caller's pages, or no window as large there; MK_EBUSY: it is in use */
#define MK_TAG_NOTIFIED 0x40u /* set by the kernel: word 0 is the bits */
#define MK_TAG(label, words) ((unsigned)(label) << 16 | (words))
#define MK_LABEL(tag) ((tag) >> 16)

/* ---- Rights of a handle, protection of memory ---- */
#define MK_RIGHT_SEND 1u      /* send to, call, notify or have notified; up; lock and unlock */
#define MK_RIGHT_RECEIVE 2u   /* receive from; down */
#define MK_RIGHT_MANAGE 4u    /* start, kill, map into, give to, change the priority of; set a timer; all of a device but: */
#define MK_RIGHT_DMA 8u       /* MK_PHYSICAL */
#define MK_RIGHT_ALL 15u
#define MK_READ 1u
#define MK_WRITE 2u           /* with MK_READ; never with MK_EXECUTE */
#define MK_EXECUTE 4u

/* ---- MK_INFO ---- */
#define MK_INFO_FREE_PAGES 0
#define MK_INFO_PAGES 1
#define MK_INFO_IRQ_STAMP 2   /* PMCCNTR when the last interrupt's handler began */
#define MK_INFO_SWITCHES 3    /* between tasks, since boot */
#define MK_INFO_OBJECTS 4     /* alive: ports, semaphores, mutexes, timers */
#define MK_INFO_TASKS 5       /* alive */
#define MK_INFO_BOOT_CYCLES 6 /* PMCCNTR at the first instruction of the first task */

/* ---- How a task ended: MK_SPACE_STATUS ---- */
#define MK_ENDED_FAULT 0x80000000u /* | one of: */
#define MK_FAULT_DATA 1       /* a data access to an address that it has not, or not so */
#define MK_FAULT_PREFETCH 2   /* an instruction from such an address */
#define MK_FAULT_UNDEFINED 3  /* an undefined or privileged instruction */
#define MK_ENDED_KILLED 0x40000000u

/* ---- What the first task finds: r0 is the address of this, read-only. Handles 0..devices-1 are the devices ---- */
#define MK_SELF 127           /* every space's handle of itself */
#define MK_NONE 0xffffffffu   /* no handle */
#define MK_BOOT_DEVICES 48
#define MK_DEVICE_MACHINE 0   /* the first; nothing to map: MK_SHUTDOWN */
#define MK_DEVICE_INITRD 1    /* memory, read-only */
#define MK_DEVICE_PL011 2
#define MK_DEVICE_VIRTIO 3    /* one of several */
#define MK_DEVICE_SPARE 4     /* an interrupt that no device has: MK_IRQ_RAISE */
#define MK_DEVICE_PL031 5     /* a clock: its first word is the unix time in seconds */

#ifndef __ASSEMBLER__
struct mk_boot {
	unsigned version;         /* MK_ABI_VERSION */
	unsigned ram_pages, free_pages;
	unsigned counter_hz;      /* of CNTVCT, which tasks may read */
	unsigned boot_cycles;     /* PMCCNTR at the first instruction of the first task */
	unsigned devices;
	struct mk_boot_device { unsigned kind, pages, physical, bytes; } device[MK_BOOT_DEVICES]; /* physical, bytes: of the registers */
	char arguments[512];      /* the kernel's command line */
};
#endif
#endif
