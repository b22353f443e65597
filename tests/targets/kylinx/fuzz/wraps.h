/* Put before the monitor's own sources (-include): what they ask of the host goes to the fuzzer's machine instead. KVM is made
 * up, threads do not run, nothing sleeps; calls on files are looked at and then done. */
#ifndef FUZZ_WRAPS_H
#define FUZZ_WRAPS_H
#define ioctl fuzz_ioctl
#define pthread_create fuzz_pthread_create
#define pthread_mutex_lock fuzz_mutex_lock
#define pthread_mutex_unlock fuzz_mutex_unlock
#define nanosleep fuzz_nanosleep
#define poll fuzz_poll
#define ppoll fuzz_ppoll
#define timer_settime fuzz_timer_settime
#define sched_setaffinity fuzz_sched_setaffinity
#define _exit fuzz_exit
#define write fuzz_write
#define syscall fuzz_syscall
#define open fuzz_open
#define fstat fuzz_fstat
#define pread fuzz_pread
#define pwrite fuzz_pwrite
#define mkdirat fuzz_mkdirat
#define unlinkat fuzz_unlinkat
#define ftruncate fuzz_ftruncate
#define readlinkat fuzz_readlinkat
#define recvmsg fuzz_recvmsg
#ifndef FUZZ_COMMONS_C
#define memory_commons fuzz_memory_commons
#endif
#endif
