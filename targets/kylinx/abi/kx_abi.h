/* The contract between the monitor (host) and the LibOS (guest) of a KylinX family: addresses, hypercalls,
 * shared structures. The only header both include; Python reads its plain "#define KX_NAME number" lines.
 *
 * A family is one monitor process. Each of its pVMs has a vCPU (a "slot") and page tables of its own. Guest code runs at
 * CPL3 only: the LibOS shares each address space with the application and serves its Linux system calls as calls.
 * What the LibOS keeps (processes, files, pipes, run queues) lies in the commons: memory mapped read-write, at one
 * address, in every pVM of the family, as a kernel's memory is in every process. */
#ifndef KX_ABI_H
#define KX_ABI_H

#ifndef __ASSEMBLER__
#include <stdint.h>
#endif

#define KX_ABI_VERSION 1
#define KX_PAGE 4096

/* ---- Guest addresses ------------------------------------------------------------------------------------------
 * One PML4 entry (192) holds all that a family shares; its subtree of page tables is common to all pVMs, so that an
 * absent entry filled in once is seen by all. Everything else below 2^47 is the application's. */
#define KX_VA_SHARED 0x600000000000       /* PML4[192] .. PML4[193] */
#define KX_VA_TEXT 0x600000000000         /* LibOS text: read, execute */
#define KX_VA_RODATA 0x600000400000       /* LibOS constants: read */
#define KX_VA_DATA 0x600000800000         /* LibOS data and bss: read, write (family-wide) */
#define KX_VA_BOOT 0x600001000000         /* struct kx_boot, 16 pages: read (the monitor alone writes) */
#define KX_VA_VCPUS 0x600010000000        /* KX_MAX_SLOTS areas of KX_VCPU_STRIDE: read, write */
#define KX_VA_COMMONS 0x600040000000      /* the LibOS's heap, grown by KX_HC_COMMONS in blocks of 2 MiB: read, write */
#define KX_COMMONS_MAX 0x1000000000       /* 64 GiB of addresses */
#define KX_VA_IMAGE 0x608000000000        /* PML4[193]: the image file, read only */
#define KX_VA_SHARED_END 0x610000000000
#define KX_VA_KERNEL 0x610000000000       /* PML4[194]: GDT, IDT, TSSs, stubs; supervisor only */
#define KX_VA_KERNEL_END 0x618000000000
#define KX_USER_MIN 0x10000
#define KX_USER_MAX 0x7ffffffff000        /* exclusive; the two ranges above are cut out of it */
/* where the LibOS puts things by default: few page tables make a cheap fork, and those of what every program has (libraries, stack)
 * are not those of its large memory, which a fork makes anew */
#define KX_USER_PIE 0x7f0000000000        /* position-independent programs, then brk; all in PML4[254] */
#define KX_USER_LARGE_TOP 0x7f7fc0000000  /* anonymous memory of 256 KiB and more goes down from here */
#define KX_USER_MMAP_TOP 0x7f7fdfe00000   /* other mappings from here, stacks above: one GiB */
#define KX_USER_STACK_TOP 0x7f7fffff0000

#define KX_MAX_SLOTS 4096
#define KX_VCPU_STRIDE 0x10000            /* area of a slot: see struct kx_vcpu */
#define KX_VCPU_IDLE_STACK_TOP 0x6000     /* offset; the stack grows down to 0x1000 */
#define KX_VCPU_SPAWN 0x8000              /* offset of struct kx_spawn; pages present only while a spawn is under way */
#define KX_SPAWN_BYTES 0x8000

/* ---- Offsets in struct kx_vcpu that code outside C uses (GS base = the area of the running slot) ---------------- */
#define KX_GS_SELF 0x00
#define KX_GS_SYSCALL_ENTRY 0x08          /* a patched site's trampoline ends in: jmp *%gs:0x08 */
#define KX_GS_STACK_TOP 0x10
#define KX_GS_USER_RSP 0x18
#define KX_GS_RESUME_RIP 0x20
#define KX_GS_EXIT_FRAME 0x28
#define KX_GS_CURRENT 0x30
#define KX_GS_IN_USER 0x38
#define KX_GS_ATTENTION 0x3c
#define KX_GS_HC_NR 0x60
#define KX_GS_HC_ARG 0x68
#define KX_GS_HC_RET 0x98

/* ---- Entry into the LibOS for a system call -------------------------------------------------------------------
 * At gs:KX_GS_SYSCALL_ENTRY with: rax the number; rdi rsi rdx r10 r8 r9 the arguments; rcx the address to go on at;
 * rsp the application's, nothing pushed. Returns with rax the result, rcx and r11 clobbered, the rest (xmm too) kept.
 * Patched sites come through their trampoline, unpatched ones through LSTAR and a stub of the monitor's. */

/* ---- Hypercalls -------------------------------------------------------------------------------------------------
 * The LibOS writes hc_nr and hc_arg[] of its own slot, then does "outb %al, $KX_PORT"; the monitor copies them once,
 * and only then checks and uses the copy; the result (>= 0, or a negative Linux errno) is in hc_ret. */
#define KX_PORT 0x4b
#define KX_PORT_NOTIFY 0x70 /* "outl slot" here is NOTIFY without leaving the kernel, for slots in kx_boot.notify_port, from the LibOS */
#define KX_HC_EXIT 0      /* (status): this pVM ends; its memory goes, its slot is recycled. status: as wait(2) gives it. No return. */
#define KX_HC_FORK 1      /* (boot_arg, flags, rsp, regions, count) -> slot of a new pVM, which starts at entry_child with boot_arg */
#define KX_HC_WAIT 2      /* (events, deadline): sleep until vcpu.events != events, or CLOCK_MONOTONIC reaches deadline (ns, ~0 never) */
#define KX_HC_NOTIFY 3    /* (slot): wake a slot that sleeps in WAIT (the caller has changed its events before) */
#define KX_HC_KICK 4      /* (slot): if it runs application code, send it to entry_upcall with KX_VECTOR_KICK; else nothing */
#define KX_HC_TIMER 5     /* (deadline ns, ~0 none): when reached: attention |= KX_ATTENTION_TIMER, events++, wake or kick */
#define KX_HC_MEMORY 6    /* (op, start, length, to): KX_MEMORY_* on this pVM's application pages */
#define KX_HC_COMMONS 7   /* (blocks): grow the commons by blocks of 2 MiB, zeroed -> new size in blocks; -ENOMEM at the family's limit */
#define KX_HC_CONSOLE 8   /* (op, console, va, length): KX_CONSOLE_*; va in the commons -> bytes moved, -EAGAIN, 0 at end of input */
#define KX_HC_HOSTFS 9    /* (op, va): struct kx_hostfs in the commons, a directory the user shared */
#define KX_HC_REPORT 10   /* (kind, va, length): KX_REPORT_*, bytes in the commons for the user */
#define KX_HC_YIELD 11    /* let another thread of the host run -> for how long one did (ns) */
#define KX_HC_AFFINITY 12 /* (slot, mask[4]): the CPUs its thread may run on, a bit for each of the first 256 of kx_boot.cpus; a child inherits them */
#define KX_HC_PARK 13    /* a slot that waits to be used, with nothing to watch its area's parked for: sleep until it is 0 */
#define KX_HC_COUNT 14

#define KX_AFFINITY_WORDS 4
#define KX_FORK_EMPTY 1   /* no memory of the parent's: for posix_spawn and exec of a vfork child */

/* What the monitor knows of memory it learns at a fault from the region table, so growing or adding a mapping needs no
 * hypercall. What takes something away does, after the table has been changed: */
#define KX_MEMORY_DROP 0     /* forget the pages of [start, +length): munmap, MADV_DONTNEED, exec */
#define KX_MEMORY_PROTECT 1  /* permissions of [start, +length) became fewer: pages kept, entries made anew from the table */
#define KX_MEMORY_MOVE 2     /* pages of [start, +length) now belong at to: mremap */

#define KX_CONSOLE_WRITE_OUT 0
#define KX_CONSOLE_WRITE_ERR 1
#define KX_CONSOLE_READ 2    /* never blocks; when input comes, events of all slots in WAIT change */

#define KX_REPORT_LOG 0      /* text: a line of the LibOS's for the monitor's log */
#define KX_REPORT_FAULT 1    /* struct kx_fault_report: a program died of a signal that dumps core */
#define KX_REPORT_STATS 2    /* JSON text: answer to KX_ATTENTION_STATS */
#define KX_REPORT_PANIC 3    /* text: the LibOS cannot go on; the monitor ends the family and says so */

#define KX_ATTENTION_SIGNAL 1
#define KX_ATTENTION_RESCHED 2
#define KX_ATTENTION_TIMER 4
#define KX_ATTENTION_STATS 8
#define KX_ATTENTION_KILL 16 /* from the toolstack: end this pVM as by SIGKILL */
#define KX_ATTENTION_CONSOLE 32
#define KX_ATTENTION_GONE 64 /* the monitor ended a pVM on its own account: see kx_boot.gone */

/* ---- Page-table bits of the region table ---------------------------------------------------------------------- */
#define KX_PROT_READ 1
#define KX_PROT_WRITE 2
#define KX_PROT_EXEC 4       /* never with KX_PROT_WRITE: the monitor refuses to map it */

#define KX_REGION_ANON 0     /* zero-filled, private; copied at the first write after a fork */
#define KX_REGION_IMAGE 1    /* bytes of the image; private: a write copies the page. offset, limit: bytes in the image file */
#define KX_REGION_OBJECT 2   /* MAP_SHARED: pages of a struct kx_object in the commons */
#define KX_REGION_OBJECT_PRIVATE 3 /* MAP_PRIVATE of the same: read from the object, a write copies */
#define KX_REGION_NONE 4     /* reserved addresses (PROT_NONE guard) */
#define KX_REGION_FILLED 0x800 /* in flags, set by the monitor: it entered pages for this region. Else there is nothing to drop */

/* ---- Vectors in kx_frame.vector ------------------------------------------------------------------------------- */
#define KX_VECTOR_KICK 0x100 /* no exception: the monitor interrupted the application at the LibOS's request */
#define KX_VECTOR_SYSCALL 0x101
#define KX_ERROR_NO_MEMORY 0x80000000 /* in kx_frame.error of a page fault (vector 14): the region allows it, but the family's
                                         memory limit is reached: out of memory, never "resolved" */

/* ---- Slot states (kx_vcpu.state) ------------------------------------------------------------------------------ */
#define KX_SLOT_FREE 0
#define KX_SLOT_RUNNING 1
#define KX_SLOT_SPINNING 2   /* idle, watching its run queue: a wake needs no hypercall */
#define KX_SLOT_HALTED 3     /* in or about to enter WAIT: a wake changes events, then NOTIFYs */

#define KX_LIBOS_MAGIC 0x534f62694c786b01
#define KX_LIBOS_PARKS 1
#define KX_IMAGE_VERSION 1
#define KX_IMAGE_NONE 0xffffffff

#ifndef __ASSEMBLER__

/* Registers of the application where it entered the LibOS, in the order the entry pushes them. */
struct kx_frame {
	uint64_t r15, r14, r13, r12, rbp, rbx;
	uint64_t r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint64_t orig_rax; /* system-call number; ~0 when not in one */
	uint64_t rip, rflags, rsp;
	uint64_t vector;   /* KX_VECTOR_SYSCALL, KX_VECTOR_KICK or the exception's number */
	uint64_t error;    /* exception's error code */
	uint64_t cr2;
};

/* A mapping of a pVM. The table is sorted by start and does not overlap; the LibOS writes it, the monitor reads an entry
 * once at a fault, checks all of it and trusts none of it. */
struct kx_region {
	uint64_t start, end;  /* page-aligned */
	uint32_t prot;        /* KX_PROT_* */
	uint32_t kind;        /* KX_REGION_* */
	uint64_t source;      /* IMAGE: byte offset of start in the image, page-aligned; OBJECT*: va of the struct kx_object */
	uint64_t offset;      /* OBJECT*: page of the object at start; IMAGE: bytes of the region that the file has (beyond its
	                         last page: SIGBUS; the rest of the last page: zero) */
	uint64_t file;        /* the LibOS's own: struct file or inode, for /proc/self/maps; the monitor ignores it */
	uint64_t flags;       /* the LibOS's own: KXR_... of mm.h; the monitor only sets KX_REGION_FILLED */
};

/* Pages that several mappings may share (tmpfs files, shared memory), allocated by the LibOS from the commons.
 * pages[i / KX_OBJECT_CHUNK] is the va of a chunk of uint32_t; an entry is (va of page - KX_VA_COMMONS) / 4096, 0 a hole.
 * A fault on a hole or beyond count goes to entry_upcall (the LibOS fills it, or sends SIGBUS). */
#define KX_OBJECT_CHUNK 1024
struct kx_object {
	uint64_t magic;       /* KX_OBJECT_MAGIC */
	uint64_t count;       /* pages */
	uint64_t chunks;      /* va of an array of uint64_t: the chunks' vas (0: all holes) */
};
#define KX_OBJECT_MAGIC 0x6b786f626a656374

/* First page of a slot's area. Fields above the line are the LibOS's own; the monitor reads or writes those below. */
struct kx_vcpu {
	uint64_t self;           /* 0x00 */
	uint64_t syscall_entry;  /* 0x08 */
	uint64_t stack_top;      /* 0x10 LibOS stack of the running task */
	uint64_t user_rsp;       /* 0x18 */
	uint64_t resume_rip;     /* 0x20 */
	uint64_t exit_frame;     /* 0x28 */
	uint64_t current;        /* 0x30 struct task */
	uint32_t in_user;        /* 0x38 */
	uint32_t attention;      /* 0x3c KX_ATTENTION_*; the exit path looks at it */
	/* ---- */
	uint32_t slot;           /* 0x40 */
	uint32_t state;          /* 0x44 KX_SLOT_* */
	uint32_t events;         /* 0x48 what WAIT compares */
	uint32_t region_count;   /* 0x4c */
	uint64_t regions;        /* 0x50 va in the commons of struct kx_region[region_count] */
	uint64_t boot_arg;       /* 0x58 of KX_HC_FORK; 0: a struct kx_spawn is to be started */
	uint64_t hc_nr;          /* 0x60 */
	uint64_t hc_arg[6];      /* 0x68 */
	int64_t hc_ret;          /* 0x98 */
	uint64_t started_tsc;    /* 0xa0 when the monitor let the slot run */
	uint64_t sched;          /* 0xa8 the LibOS's: its run queue */
	uint64_t scratch[16];    /* 0xb0 the LibOS's */
	uint32_t parked;         /* 0x130 at entry_child: wait here until the monitor makes it 0, all else is filled in then */
	uint32_t may_spin;       /* 0x134 while parked: CPUs are the host's choice, so watching may be worth it */
};

/* Wall and monotonic time from the TSC: ns = mono_ns + ((tsc - this.tsc) * mult >> 32). Valid when seq is even and the same
 * before and after. */
struct kx_clock {
	uint32_t seq, pad;
	uint64_t tsc, mult;      /* mult: ns per tick * 2^32 */
	uint64_t mono_ns, real_ns, boot_ns;
};

struct kx_share { /* a host directory shared with the family */
	char path[120];          /* where it appears in the guest */
	uint32_t writable, pad;
};
#define KX_MAX_SHARES 8

/* What the monitor tells the family; at KX_VA_BOOT. */
struct kx_boot {
	uint32_t version, cpus;  /* cpus: how many of the host's the family may use */
	uint64_t image_bytes;
	uint64_t memory_limit;   /* bytes of the family */
	uint32_t max_pvms, flags;
	struct kx_clock clock;
	uint8_t seed[64];
	char sysname[65], nodename[65], release[65], machine[65], uname_version[65];
	char pad[3];
	uint64_t xfeatures;      /* XCR0 */
	uint32_t xsave_bytes, shares;
	struct kx_share share[KX_MAX_SHARES];
	uint64_t gone[KX_MAX_SLOTS / 64]; /* a bit for each slot whose pVM the monitor ended and that is never used again */
	uint64_t gone_waiting[KX_MAX_SLOTS / 64]; /* of these: those that were HALTED then */
	uint64_t notify_port[KX_MAX_SLOTS / 64]; /* slots that KX_PORT_NOTIFY wakes, unless: */
	uint32_t notify_traced, pad2; /* somebody watches the monitor's probes: NOTIFY by hypercall, so that they see it */
};

/* A program to start, written by the monitor at KX_VCPU_SPAWN of a fresh slot: argc then envc strings, each ended by NUL,
 * begin at text. console: which console its descriptors 0, 1, 2 are. */
struct kx_spawn {
	uint32_t argc, envc;
	uint32_t console, flags; /* KX_SPAWN_* */
	uint32_t bytes, uid;
	char cwd[256];
	char program[256];       /* path in the guest */
	char text[KX_SPAWN_BYTES - 24 - 512];
};
#define KX_SPAWN_STDIN 1     /* console has input (else fd 0 is /dev/null) */
#define KX_SPAWN_TTY 2       /* isatty() is true */

/* First bytes of the LibOS's text, for the monitor. */
struct kx_libos_header {
	uint64_t magic;          /* KX_LIBOS_MAGIC */
	uint32_t version, flags; /* KX_LIBOS_PARKS: idle slots may be sent to entry_child with parked set */
	uint64_t entry_boot;     /* first slot of a family; rsp: its idle stack */
	uint64_t entry_child;    /* every later slot (FORK or spawn); rsp: its idle stack */
	uint64_t entry_syscall;
	uint64_t entry_upcall;   /* rsp: points at a struct kx_frame the monitor wrote: on the task's LibOS stack (stack_top) when
	                            the application was interrupted, 128 bytes below rsp when the LibOS was */
	uint64_t exit_begin, exit_end, exit_restart; /* a kick with rip in [begin, end) goes on at exit_restart, else rip in
	                            text means the LibOS sees attention by itself */
	uint64_t text_end;
};

struct kx_hostfs {
	uint32_t share, flags;
	int32_t handle, whence;  /* handle: of an open file or directory, given by OPEN */
	uint64_t offset, length, buffer; /* buffer: va in the commons */
	uint64_t mode, ino, size, mtime_ns, nlink, blocks;
	uint32_t uid, gid;
	char path[512];          /* below the share, never leaving it */
	char path2[512];
};
#define KX_HOSTFS_OPEN 0     /* path, flags, mode -> handle */
#define KX_HOSTFS_CLOSE 1
#define KX_HOSTFS_READ 2     /* handle, offset, length, buffer -> bytes */
#define KX_HOSTFS_WRITE 3
#define KX_HOSTFS_STAT 4     /* path (handle -1) or handle -> mode .. gid */
#define KX_HOSTFS_READDIR 5  /* handle, buffer, length -> bytes of struct linux_dirent64, 0 at the end */
#define KX_HOSTFS_MKDIR 6
#define KX_HOSTFS_UNLINK 7   /* flags AT_REMOVEDIR */
#define KX_HOSTFS_RENAME 8
#define KX_HOSTFS_TRUNCATE 9 /* path, length: the new size */
#define KX_HOSTFS_READLINK 10 /* path, buffer, length -> bytes of the target, no NUL */
#define KX_HOSTFS_SYNC 11

#define KX_FAULT_DEPTH 32
struct kx_fault_report {
	uint32_t pid, tid, signo, code;
	uint64_t address;
	struct kx_frame frame;
	uint32_t depth, maps;    /* maps: entries of the array that follows this struct */
	uint64_t backtrace[KX_FAULT_DEPTH];
	char comm[16];
};
struct kx_fault_map {
	uint64_t start, end, offset; /* offset: in the file */
	char path[104];
};

/* ---- Image file -----------------------------------------------------------------------------------------------
 * All integers little-endian; every data block page-aligned; the monitor maps the whole file read-only at KX_VA_IMAGE. */
struct kx_image_header {
	char magic[8];           /* "KXIMAGE1" */
	uint32_t version, inodes;
	uint64_t bytes;          /* size of the file */
	uint64_t inode_off, dirent_off, string_off, exec_off; /* arrays below */
	uint32_t dirents, execs;
	uint64_t string_bytes;
	uint8_t sha256[32];      /* of everything after the header's page */
};
struct kx_image_inode {      /* inode 0 is the root directory */
	uint32_t mode, nlink, uid, gid; /* mode: type and permission as in stat */
	uint64_t size;           /* symlink: length of its target */
	int64_t mtime_ns;
	uint64_t data;           /* regular: page-aligned offset of its bytes in the image; symlink: offset of the target's bytes */
	uint32_t first, count;   /* directory: its entries in the dirent array, sorted by name (bytes) */
	uint32_t exec;           /* index in the exec array, or KX_IMAGE_NONE */
	uint32_t parent;         /* directory: inode of .. */
};
struct kx_image_dirent {
	uint32_t name;           /* offset from string_off */
	uint16_t length, type;   /* type: DT_* */
	uint32_t inode, pad;
};
/* An ELF with patched system-call sites. read() gives the original bytes; what is mapped executable is the patched copy.
 * The trampolines are mapped read-execute at load address + trampoline_vaddr, just behind the program's last segment. */
struct kx_image_exec {
	uint64_t text, text_bytes;  /* page-aligned file offsets of the executable segment */
	uint64_t text_vaddr;        /* its p_vaddr, rounded down to a page */
	uint64_t patched;           /* offset in the image of the patched copy of these bytes */
	uint64_t span;              /* end of the last PT_LOAD (p_vaddr + p_memsz), rounded up to a page */
	uint64_t trampoline_vaddr, trampoline_bytes, trampoline; /* trampoline: offset in the image; bytes: rounded up to pages */
	uint32_t sites, missed;     /* patched; left to LSTAR */
	uint8_t build_id[20];
	uint32_t pad;
};

#endif /* __ASSEMBLER__ */
#endif
