/* Threads. */
#include "suite.h"
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/mman.h>

#define GROUP "threads"

CALL(clone, "CLONE_VM CLONE_FS CLONE_FILES CLONE_SIGHAND CLONE_THREAD CLONE_SYSVSEM CLONE_SETTLS CLONE_PARENT_SETTID CLONE_CHILD_CLEARTID CLONE_CHILD_SETTID CLONE_VFORK CLONE_PARENT");
CALL(clone3, "as clone; without set_tid and cgroup");
CALL(set_tid_address, "");
CALL(gettid, "");
CALL(exit, "");
CALL(set_robust_list, "");
CALL(get_robust_list, "");
CALL(sched_yield, "");
CALL(arch_prctl, "ARCH_SET_FS ARCH_GET_FS");
CALL(membarrier, "MEMBARRIER_CMD_QUERY and the private commands");

static void *add(void *p)
{
	for (int i = 0; i < 10000; i++)
		__atomic_add_fetch((long *)p, 1, __ATOMIC_RELAXED);
	return (void *)7;
}

CASE(clone, "ten threads share memory; join brings their results")
{
	pthread_t t[10];
	void *result;
	long sum = 0;
	for (int i = 0; i < 10; i++)
		RET(pthread_create(&t[i], NULL, add, &sum), 0);
	for (int i = 0; i < 10; i++) {
		RET(pthread_join(t[i], &result), 0);
		EQ((long)result, 7);
	}
	EQ(sum, 100000);
}

static void *nothing(void *p) { return p; }

CASE(clone, "a thousand threads, one after the other")
{
	pthread_t t;
	for (int i = 0; i < 1000; i++) {
		RET(pthread_create(&t, NULL, nothing, NULL), 0);
		RET(pthread_join(t, NULL), 0);
	}
}

static __thread int mine;
static void *own(void *p)
{
	mine = (int)(long)p;
	for (int i = 0; i < 100; i++)
		sched_yield();
	return (void *)(long)mine;
}

CASE(clone, "thread-local variables are each thread's own, errno too")
{
	pthread_t t[4];
	void *got;
	mine = 99;
	errno = EIO;
	for (long i = 0; i < 4; i++)
		RET(pthread_create(&t[i], NULL, own, (void *)i), 0);
	for (long i = 0; i < 4; i++) {
		RET(pthread_join(t[i], &got), 0);
		EQ((long)got, i);
	}
	EQ(mine, 99);
	EQ(errno, EIO);
}

static void *ids(void *p)
{
	pid_t *out = p;
	out[0] = getpid();
	out[1] = gettid();
	return NULL;
}

CASE(gettid, "the main thread's is the process's; a thread has its own")
{
	pthread_t t;
	pid_t got[2];
	EQ(gettid(), getpid());
	RET(pthread_create(&t, NULL, ids, got), 0);
	RET(pthread_join(t, NULL), 0);
	EQ(got[0], getpid());
	CHECK(got[1] != getpid());
}

CASE(clone, "wrong combinations: EINVAL")
{
	ERR(syscall(SYS_clone, CLONE_THREAD | CLONE_VM | SIGCHLD, 0, 0, 0, 0), EINVAL);
	ERR(syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0), EINVAL);
	ERR(syscall(SYS_clone, CLONE_FS | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0), EINVAL);
}

CASE(set_tid_address, "gives the thread's number; cleared and woken at its end")
{
	EQ(syscall(SYS_set_tid_address, NULL), gettid());
	volatile int *word = OK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	*word = 5;
	CHILD(pid) {
		*word = 6;
		syscall(SYS_set_tid_address, word);
	}
	child_ok(pid);
	EQ(*word, 6); /* only when memory is shared with another thread */
}

static void *exit_thread(void *p) { syscall(SYS_exit, 3); return p; }

CASE(exit, "of one thread leaves the others; of the main thread, too")
{
	pthread_t t;
	RET(pthread_create(&t, NULL, exit_thread, NULL), 0);
	RET(pthread_join(t, NULL), 0);
	CHILD(pid) {
		RET(pthread_create(&t, NULL, own, NULL), 0);
		pthread_exit(NULL);
	}
	child_ok(pid);
}

static void *leave(void *p) { exit((int)(long)p); return NULL; }

CASE(exit, "exit_group from a thread ends all, with its status")
{
	pthread_t t;
	CHILD(pid) {
		pthread_create(&t, NULL, leave, (void *)9);
		for (;;)
			pause();
	}
	EQ(WEXITSTATUS(child_status(pid)), 9);
	CHILD(busy) {
		pthread_create(&t, NULL, leave, (void *)9);
		for (;;)
			;
	}
	EQ(WEXITSTATUS(child_status(busy)), 9);
}

static void *wait_forever(void *p)
{
	for (;;)
		pause();
	return p;
}

CASE(clone, "SIGKILL ends all threads; a fatal signal to one ends all")
{
	pthread_t t;
	CHILD(pid) {
		for (int i = 0; i < 5; i++)
			pthread_create(&t, NULL, wait_forever, NULL);
		kill(getpid(), SIGKILL);
		pause();
	}
	child_killed(pid, SIGKILL);
	CHILD(second) {
		pthread_create(&t, NULL, wait_forever, NULL);
		pthread_kill(t, SIGTERM);
		for (;;)
			pause();
	}
	child_killed(second, SIGTERM);
}

static volatile bool go_on = true;
static void *spin(void *p)
{
	while (go_on)
		;
	return p;
}

CASE(sched_yield, "threads that only compute all make progress")
{
	pthread_t t[2];
	for (int i = 0; i < 2; i++)
		RET(pthread_create(&t[i], NULL, spin, NULL), 0);
	sleep_ms(20);
	EQ(sched_yield(), 0);
	go_on = false;
	for (int i = 0; i < 2; i++)
		RET(pthread_join(t[i], NULL), 0);
}

static void *fork_in_thread(void *p)
{
	CHILD(pid) {
		EQ(gettid(), getpid());
		EQ(*(int *)p, 5);
	}
	child_ok(pid);
	return NULL;
}

CASE(clone, "fork in a thread: only that thread in the child, as its main one")
{
	pthread_t t, other;
	int v = 5;
	RET(pthread_create(&other, NULL, spin, NULL), 0);
	RET(pthread_create(&t, NULL, fork_in_thread, &v), 0);
	RET(pthread_join(t, NULL), 0);
	go_on = false;
	RET(pthread_join(other, NULL), 0);
}

static void *exec_in_thread(void *p)
{
	execl(self_path, "conformance", "--helper", "pid", (char *)p, NULL);
	return NULL;
}

CASE(clone, "exec in a thread: the others end, the process keeps its number")
{
	char number[20];
	pthread_t t;
	CHILD(pid) {
		snprintf(number, sizeof number, "%d", (int)getpid());
		pthread_create(&t, NULL, wait_forever, NULL);
		pthread_create(&t, NULL, exec_in_thread, number);
		for (;;)
			pause();
	}
	child_ok(pid);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int turn;
static void *ping(void *p)
{
	for (int i = 0; i < 500; i++) {
		pthread_mutex_lock(&lock);
		while (turn != (int)(long)p)
			pthread_cond_wait(&changed, &lock);
		turn = !turn;
		pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

CASE(clone, "mutex and condition: two threads take turns")
{
	pthread_t t[2];
	for (long i = 0; i < 2; i++)
		RET(pthread_create(&t[i], NULL, ping, (void *)i), 0);
	for (int i = 0; i < 2; i++)
		RET(pthread_join(t[i], NULL), 0);
	EQ(turn, 0);
}

static pthread_key_t key;
static int destroyed;
static void destroy(void *p) { destroyed = (int)(long)p; }
static void *cancelled(void *p)
{
	pthread_setspecific(key, (void *)11);
	for (;;)
		pause();
	return p;
}

CASE(clone, "pthread_cancel of a thread that sleeps")
{
	pthread_t t;
	void *result;
	RET(pthread_key_create(&key, destroy), 0);
	RET(pthread_create(&t, NULL, cancelled, NULL), 0);
	sleep_ms(10);
	RET(pthread_cancel(t), 0);
	RET(pthread_join(t, &result), 0);
	CHECK(result == PTHREAD_CANCELED);
	EQ(destroyed, 11);
}

CASE(arch_prctl, "ARCH_GET_FS is the thread's; unknown: EINVAL; bad address: EFAULT")
{
	unsigned long fs = 0;
	OK(syscall(SYS_arch_prctl, 0x1003, &fs));
	EQ(fs, (unsigned long)pthread_self());
	ERR(syscall(SYS_arch_prctl, 0x9999, &fs), EINVAL);
	EACH_BAD(bad)
		ERR(syscall(SYS_arch_prctl, 0x1003, bad), EFAULT);
	ERR(syscall(SYS_arch_prctl, 0x1002, 0xffff888000000000), EPERM);
}

CASE(membarrier, "QUERY; unknown: EINVAL")
{
	CHECK(OK(syscall(SYS_membarrier, 0, 0, 0)) >= 0);
	ERR(syscall(SYS_membarrier, 0x40000000, 0, 0), EINVAL);
}

CASE(get_robust_list, "what was set; wrong length: EINVAL; none such: ESRCH")
{
	void *head;
	size_t length;
	struct robust_list_head mine_list = { .list.next = &mine_list.list };
	OK(syscall(SYS_get_robust_list, 0, &head, &length));
	void *before = head;
	OK(syscall(SYS_set_robust_list, &mine_list, sizeof mine_list));
	OK(syscall(SYS_get_robust_list, 0, &head, &length));
	CHECK(head == &mine_list);
	EQ(length, sizeof mine_list);
	ERR(syscall(SYS_set_robust_list, &mine_list, 3L), EINVAL);
	ERR(syscall(SYS_get_robust_list, 0x3fffff, &head, &length), ESRCH);
	OK(syscall(SYS_set_robust_list, before, sizeof mine_list));
}

static pthread_mutex_t *robust;
static void *die_holding(void *p)
{
	pthread_mutex_lock(robust);
	return p;
}

static void make_mutex(int kind, int shared)
{
	pthread_mutexattr_t a;
	robust = OK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	pthread_mutexattr_init(&a);
	RET(pthread_mutexattr_setrobust(&a, kind), 0);
	RET(pthread_mutexattr_setpshared(&a, shared), 0);
	RET(pthread_mutex_init(robust, &a), 0);
}

CASE(set_robust_list, "a thread ends with a robust mutex held: EOWNERDEAD for the next")
{
	pthread_t t;
	make_mutex(PTHREAD_MUTEX_ROBUST, PTHREAD_PROCESS_PRIVATE);
	RET(pthread_create(&t, NULL, die_holding, NULL), 0);
	RET(pthread_join(t, NULL), 0);
	RET(pthread_mutex_lock(robust), EOWNERDEAD);
	RET(pthread_mutex_consistent(robust), 0);
	RET(pthread_mutex_unlock(robust), 0);
}

CASE(set_robust_list, "a process killed with a robust mutex held: EOWNERDEAD for one that waits")
{
	int p[2];
	char c;
	OK(pipe(p));
	make_mutex(PTHREAD_MUTEX_ROBUST, PTHREAD_PROCESS_SHARED);
	CHILD(pid) {
		pthread_mutex_lock(robust);
		write(p[1], "x", 1);
		sleep_ms(20);
		kill(getpid(), SIGKILL);
	}
	EQ(read(p[0], &c, 1), 1);
	RET(pthread_mutex_lock(robust), EOWNERDEAD);
	child_killed(pid, SIGKILL);
}
