/* Futexes. */
#include "suite.h"
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/mman.h>

#define GROUP "futex"

static volatile int handled;
static void count(int signo) { (void)signo; handled++; }

CALL(futex, "WAIT WAKE REQUEUE CMP_REQUEUE WAKE_OP WAIT_BITSET WAKE_BITSET LOCK_PI UNLOCK_PI TRYLOCK_PI; PRIVATE_FLAG CLOCK_REALTIME");

static long futex(void *word, int op, int value, const void *time, void *second, int third)
{
	return syscall(SYS_futex, word, op, value, time, second, third);
}

CASE(futex, "WAIT: another value EAGAIN; a time-out ETIMEDOUT; not valid EINVAL")
{
	int word = 1;
	struct timespec t = { 0, 10000000 }, wrong = { 0, -1 };
	ERR(futex(&word, FUTEX_WAIT, 2, NULL, NULL, 0), EAGAIN);
	long long start = mono_ns();
	ERR(futex(&word, FUTEX_WAIT, 1, &t, NULL, 0), ETIMEDOUT);
	CHECK(mono_ns() - start >= 10000000);
	ERR(futex(&word, FUTEX_WAIT_PRIVATE, 1, &wrong, NULL, 0), EINVAL);
}

CASE(futex, "an odd address or unknown operation; a bad address: EFAULT")
{
	int word[2] = { 0, 0 };
	ERR(futex((char *)word + 1, FUTEX_WAIT, 0, NULL, NULL, 0), EINVAL);
	ERR(futex(word, 99, 0, NULL, NULL, 0), ENOSYS);
	EACH_BAD(bad) {
		ERR(futex(bad, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0), EFAULT);
		ERR(futex(bad, FUTEX_WAIT, 0, NULL, NULL, 0), EFAULT);
		ERR(futex(word, FUTEX_WAIT, 0, bad, NULL, 0), EFAULT);
	}
}

CASE(futex, "WAKE of nobody: 0")
{
	int word = 0;
	EQ(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
	EQ(futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0), 0);
}

CASE(futex, "WAIT and a handler: EINTR; with SA_RESTART it goes on")
{
	int word = 0;
	struct timespec t = { 0, 50000000 };
	on_signal(SIGALRM, count, 0);
	ualarm(10000, 0);
	ERR(futex(&word, FUTEX_WAIT, 0, NULL, NULL, 0), EINTR);
	on_signal(SIGALRM, count, SA_RESTART);
	ualarm(10000, 0);
	ERR(futex(&word, FUTEX_WAIT, 0, &t, NULL, 0), EINTR);
	EQ(handled, 2);
}

struct waiters { int word, second, woken, here; };
static struct waiters *w;
static int wait_operation = FUTEX_WAIT;

static void *waiting(void *p)
{
	(void)p;
	__atomic_add_fetch(&w->here, 1, __ATOMIC_SEQ_CST);
	if (futex(&w->word, wait_operation, 0, NULL, NULL, 1) == 0)
		__atomic_add_fetch(&w->woken, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void start(pthread_t *t, int n)
{
	w = OK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	for (int i = 0; i < n; i++)
		RET(pthread_create(&t[i], NULL, waiting, NULL), 0);
	while (__atomic_load_n(&w->here, __ATOMIC_SEQ_CST) < n)
		sleep_ms(1);
	sleep_ms(50); /* from there into the call */
}

static void end(pthread_t *t, int n)
{
	futex(&w->word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	futex(&w->word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
	futex(&w->second, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	for (int i = 0; i < n; i++)
		RET(pthread_join(t[i], NULL), 0);
}

CASE(futex, "WAKE: as many as asked, and their number")
{
	pthread_t t[5];
	start(t, 5);
	EQ(futex(&w->word, FUTEX_WAKE, 2, NULL, NULL, 0), 2);
	sleep_ms(10);
	EQ(w->woken, 2);
	EQ(futex(&w->word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0), 3);
	end(t, 5);
}

CASE(futex, "REQUEUE and CMP_REQUEUE: some woken, the rest wait at the other word")
{
	pthread_t t[4];
	start(t, 4);
	ERR(futex(&w->word, FUTEX_CMP_REQUEUE, 1, (void *)2, &w->second, 7), EAGAIN);
	EQ(futex(&w->word, FUTEX_CMP_REQUEUE, 1, (void *)2, &w->second, 0), 3);
	EQ(futex(&w->word, FUTEX_REQUEUE, 0, (void *)5, &w->second, 0), 1);
	EQ(futex(&w->second, FUTEX_WAKE, INT_MAX, NULL, NULL, 0), 3);
	end(t, 4);
}

CASE(futex, "WAKE_OP: changes the second word, wakes there only if it held")
{
	pthread_t t[1];
	start(t, 1);
	w->second = 5;
	EQ(futex(&w->word, FUTEX_WAKE_OP, 1, (void *)1, &w->second, FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 6)), 1);
	EQ(w->second, 8);
	end(t, 1);
}

CASE(futex, "WAIT_BITSET and WAKE_BITSET: only where bits meet; none: EINVAL")
{
	pthread_t t[1];
	wait_operation = FUTEX_WAIT_BITSET;
	start(t, 1);
	EQ(futex(&w->word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 2), 0);
	EQ(futex(&w->word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 3), 1);
	ERR(futex(&w->word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0), EINVAL);
	end(t, 1);
}

CASE(futex, "WAIT_BITSET: its time is absolute")
{
	int word = 0;
	struct timespec past = { 1, 0 };
	ERR(futex(&word, FUTEX_WAIT_BITSET, 0, &past, NULL, -1), ETIMEDOUT);
	ERR(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &past, NULL, -1), ETIMEDOUT);
}

CASE(futex, "between processes in shared memory, at different addresses")
{
	int fd = open_new("shared");
	OK(ftruncate(fd, 4096));
	int *a = OK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	CHILD(pid) {
		int *b = OK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
		OK(munmap(a, 4096));
		while (__atomic_load_n(b, __ATOMIC_SEQ_CST) == 0)
			futex(b, FUTEX_WAIT, 0, NULL, NULL, 0);
	}
	sleep_ms(20);
	__atomic_store_n(a, 1, __ATOMIC_SEQ_CST);
	EQ(futex(a, FUTEX_WAKE, 1, NULL, NULL, 0), 1);
	child_ok(pid);
}

CASE(futex, "a private page after fork is another word: nobody is woken")
{
	int *word = OK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	CHILD(pid) {
		struct timespec t = { 0, 60000000 };
		ERR(futex(word, FUTEX_WAIT, 0, &t, NULL, 0), ETIMEDOUT);
	}
	sleep_ms(20);
	EQ(futex(word, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
	child_ok(pid);
}

CASE(futex, "a process-shared mutex, condition and semaphore between two processes")
{
	struct both { pthread_mutex_t m; sem_t s[2]; long n; } *b = OK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	pthread_mutexattr_t a;
	pthread_mutexattr_init(&a);
	RET(pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED), 0);
	RET(pthread_mutex_init(&b->m, &a), 0);
	OK(sem_init(&b->s[0], 1, 0));
	OK(sem_init(&b->s[1], 1, 0));
	CHILD(pid) {
		for (int i = 0; i < 20000; i++) {
			pthread_mutex_lock(&b->m);
			b->n++;
			pthread_mutex_unlock(&b->m);
		}
		for (int i = 0; i < 200; i++) {
			OK(sem_wait(&b->s[0]));
			OK(sem_post(&b->s[1]));
		}
	}
	for (int i = 0; i < 20000; i++) {
		pthread_mutex_lock(&b->m);
		b->n++;
		pthread_mutex_unlock(&b->m);
	}
	for (int i = 0; i < 200; i++) {
		OK(sem_post(&b->s[0]));
		OK(sem_wait(&b->s[1]));
	}
	child_ok(pid);
	EQ(b->n, 40000);
}

CASE(futex, "LOCK_PI, TRYLOCK_PI, UNLOCK_PI: the word holds the owner; not the owner: EPERM; locked by itself: EDEADLK")
{
	int word = 0;
	OK(futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
	EQ(word, gettid());
	ERR(futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0), EDEADLK);
	ERR(futex(&word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0), EDEADLK);
	OK(futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
	EQ(word, 0);
	ERR(futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), EPERM);
}

static pthread_mutex_t pi;
static void *lock_pi(void *p)
{
	pthread_mutex_lock(&pi);
	++*(int *)p;
	pthread_mutex_unlock(&pi);
	return NULL;
}

CASE(futex, "a mutex that inherits priority, contended")
{
	pthread_mutexattr_t a;
	pthread_t t[3];
	int n = 0;
	pthread_mutexattr_init(&a);
	RET(pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT), 0);
	RET(pthread_mutex_init(&pi, &a), 0);
	RET(pthread_mutex_lock(&pi), 0);
	for (int i = 0; i < 3; i++)
		RET(pthread_create(&t[i], NULL, lock_pi, &n), 0);
	sleep_ms(10);
	EQ(n, 0);
	RET(pthread_mutex_unlock(&pi), 0);
	for (int i = 0; i < 3; i++)
		RET(pthread_join(t[i], NULL), 0);
	EQ(n, 3);
}
