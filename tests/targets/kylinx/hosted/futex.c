/* futex(2): wait, wake, bitsets, requeue, WAKE_OP, PI locks, robust lists; within a slot and across slots. */
#include "hosted.h"

long sys_futex(u32 *, u32 op, u32 value, u64 timeout, u32 *, u32);
long sys_set_robust_list(struct robust_list_head *, size_t);

#define OP(op, arg, cmp, with) ((u32)(op) << 28 | (u32)(cmp) << 24 | ((u32)(arg) & 0xfff) << 12 | (u32)(with))

static u32 word, word2, woken;
static long result;

#define FUTEX(op, value, timeout, to, value3) sys_futex(&word, (op) | FUTEX_PRIVATE_FLAG, value, (u64)(timeout), to, value3)

static void waiter(void *mask)
{
	result = FUTEX(FUTEX_WAIT_BITSET, 0, 0, NULL, (u32)(u64)mask);
	__atomic_add_fetch(&woken, 1, __ATOMIC_SEQ_CST);
}

static void settle(void)
{
	hosted_sleep(2000000);
}

static void test_basic(void)
{
	struct __kernel_timespec t = { 0, 3000000 }, bad = { 0, 1000000000 };
	word = 1;
	CHECK_EQ(FUTEX(FUTEX_WAIT, 0, 0, NULL, 0), -EAGAIN);
	CHECK_EQ(FUTEX(FUTEX_WAKE, 1, 0, NULL, 0), 0);
	CHECK_EQ(FUTEX(FUTEX_WAIT, 1, &t, NULL, 0), -ETIMEDOUT);
	CHECK_EQ(FUTEX(FUTEX_WAIT, 1, &bad, NULL, 0), -EINVAL);
	CHECK_EQ(FUTEX(FUTEX_WAIT, 1, 8, NULL, 0), -EFAULT);
	CHECK_EQ(FUTEX(FUTEX_WAIT_BITSET, 1, 0, NULL, 0), -EINVAL);
	CHECK_EQ(FUTEX(FUTEX_WAKE_BITSET, 1, 0, NULL, 0), -EINVAL);
	CHECK_EQ(sys_futex((u32 *)((u64)&word + 1), FUTEX_WAKE, 1, 0, NULL, 0), -EINVAL);
	CHECK_EQ(sys_futex((u32 *)16, FUTEX_WAIT, 1, 0, NULL, 0), -EFAULT);
	CHECK_EQ(FUTEX(63, 1, 0, NULL, 0), -ENOSYS);
	u64 now = now_real_ns() + 3000000;
	struct __kernel_timespec wall = { (s64)(now / 1000000000), (s64)(now % 1000000000) };
	CHECK_EQ(FUTEX(FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 1, &wall, NULL, 1), -ETIMEDOUT);
	CHECK(now_real_ns() >= now - 2000);
}

static void test_wake(void)
{
	word = woken = 0;
	for (int i = 0; i < 6; i++)
		hosted_thread(waiter, (void *)(i < 4 ? 1UL : 2UL));
	settle();
	CHECK_EQ(FUTEX(FUTEX_WAKE_BITSET, 9, 0, NULL, 4), 0);
	CHECK_EQ(FUTEX(FUTEX_WAKE_BITSET, 9, 0, NULL, 2), 2);
	CHECK_EQ(FUTEX(FUTEX_WAKE, 1, 0, NULL, 0), 1);
	settle();
	CHECK_EQ(woken, 3);
	CHECK_EQ(result, 0);
	CHECK_EQ(FUTEX(FUTEX_WAKE, 0x7fffffff, 0, NULL, 0), 3);
	hosted_join();
	CHECK_EQ(woken, 6);
}

static void test_requeue(void)
{
	word = word2 = woken = 0;
	for (int i = 0; i < 5; i++)
		hosted_thread(waiter, (void *)1UL);
	settle();
	CHECK_EQ(FUTEX(FUTEX_CMP_REQUEUE, 1, 2, &word2, 7), -EAGAIN);
	CHECK_EQ(FUTEX(FUTEX_CMP_REQUEUE, 1, 2, &word2, 0), 3);
	settle();
	CHECK_EQ(woken, 1);
	CHECK_EQ(sys_futex(&word2, FUTEX_WAKE_PRIVATE, 9, 0, NULL, 0), 2);
	CHECK_EQ(FUTEX(FUTEX_REQUEUE, 0, 9, &word2, 0), 2);
	CHECK_EQ(FUTEX(FUTEX_WAKE, 9, 0, NULL, 0), 0);
	CHECK_EQ(sys_futex(&word2, FUTEX_WAKE_PRIVATE, 9, 0, NULL, 0), 2);
	hosted_join();
	CHECK_EQ(woken, 5);
}

static void test_wake_op(void)
{
	word = woken = 0;
	word2 = 10;
	hosted_thread(waiter, (void *)1UL);
	settle();
	CHECK_EQ(FUTEX(FUTEX_WAKE_OP, 1, 1, &word2, OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_EQ, 10)), 1);
	CHECK_EQ(word2, 15);
	CHECK_EQ(FUTEX(FUTEX_WAKE_OP, 1, 1, &word2, OP(FUTEX_OP_OR | FUTEX_OP_OPARG_SHIFT, 8, FUTEX_OP_CMP_LT, 0)), 0);
	CHECK_EQ(word2, 15 | 256);
	CHECK_EQ(FUTEX(FUTEX_WAKE_OP, 1, 1, &word2, OP(FUTEX_OP_ADD, -1, FUTEX_OP_CMP_GE, 0)), 0);
	CHECK_EQ(word2, (15 | 256) - 1);
	CHECK_EQ(FUTEX(FUTEX_WAKE_OP, 1, 1, &word2, 7u << 28), -ENOSYS);
	hosted_join();
}

static u32 pi_word, held;

static void pi_user(void *arg)
{
	for (int i = 0; i < 300; i++) {
		CHECK_EQ(sys_futex(&pi_word, FUTEX_LOCK_PI_PRIVATE, 0, 0, NULL, 0), 0);
		CHECK_EQ(pi_word & FUTEX_TID_MASK, current->tid);
		CHECK_EQ(++held, 1);
		if (i % 3 == 0)
			task_yield();
		held--;
		CHECK_EQ(sys_futex(&pi_word, FUTEX_UNLOCK_PI_PRIVATE, 0, 0, NULL, 0), 0);
	}
	(void)arg;
}

static void test_pi(void)
{
	CHECK_EQ(sys_futex(&pi_word, FUTEX_UNLOCK_PI_PRIVATE, 0, 0, NULL, 0), -EPERM);
	CHECK_EQ(sys_futex(&pi_word, FUTEX_LOCK_PI_PRIVATE, 0, 0, NULL, 0), 0);
	CHECK_EQ(sys_futex(&pi_word, FUTEX_LOCK_PI_PRIVATE, 0, 0, NULL, 0), -EDEADLK);
	CHECK_EQ(sys_futex(&pi_word, FUTEX_UNLOCK_PI_PRIVATE, 0, 0, NULL, 0), 0);
	CHECK_EQ(pi_word, 0);
	for (int i = 0; i < 4; i++)
		hosted_thread(pi_user, NULL);
	hosted_join();
	CHECK_EQ(pi_word, 0);
	pi_word = 0x3fffffff; /* of a thread that does not exist */
	CHECK_EQ(sys_futex(&pi_word, FUTEX_LOCK_PI_PRIVATE, 0, 0, NULL, 0), -ESRCH);
	CHECK_EQ(sys_futex(&pi_word, FUTEX_TRYLOCK_PI, 0, 0, NULL, 0), -EAGAIN);
}

static struct { struct robust_list list; u32 futex; } node;
static struct robust_list_head head;

static void dies_with_lock(void *arg)
{
	head.list.next = &node.list;
	node.list.next = &head.list;
	head.futex_offset = (char *)&node.futex - (char *)&node.list;
	head.list_op_pending = NULL;
	node.futex = current->tid | FUTEX_WAITERS;
	CHECK_EQ(sys_set_robust_list(&head, 8), -EINVAL);
	CHECK_EQ(sys_set_robust_list(&head, sizeof head), 0);
	settle();
	settle();
	thread_exit_cleanup(current);
	(void)arg;
}

static void test_robust(void)
{
	hosted_thread(dies_with_lock, NULL);
	settle();
	u32 seen = node.futex;
	CHECK(seen & FUTEX_WAITERS);
	CHECK_EQ(sys_futex(&node.futex, FUTEX_WAIT_PRIVATE, seen, 0, NULL, 0), 0);
	CHECK_EQ(node.futex, FUTEX_WAITERS | FUTEX_OWNER_DIED);
	hosted_join();
}

/* A mutex as libc makes it (0 free, 1 held, 2 held and waited for), used from several slots. */
static u32 mutex;
static u64 counter;

static void mutex_user(void *mm)
{
	current->proc->mm = mm; /* one key for all: they are threads of one memory here */
	for (int i = 0; i < 20000; i++) {
		u32 c = 0;
		if (!__atomic_compare_exchange_n(&mutex, &c, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
			while (__atomic_exchange_n(&mutex, 2, __ATOMIC_ACQUIRE)) {
				long r = sys_futex(&mutex, FUTEX_WAIT_PRIVATE, 2, 0, NULL, 0);
				CHECK(r == 0 || r == -EAGAIN);
			}
		}
		counter++;
		if (__atomic_exchange_n(&mutex, 0, __ATOMIC_RELEASE) == 2)
			sys_futex(&mutex, FUTEX_WAKE_PRIVATE, 1, 0, NULL, 0);
	}
}

static void test_mutex(void)
{
	struct mm *mm = current->proc->mm;
	for (int i = 0; i < 4; i++) {
		hosted_pvm(mutex_user, mm);
		hosted_thread(mutex_user, mm);
	}
	hosted_join();
	CHECK_EQ(counter, 8 * 20000);
}

void test_main(void)
{
	test_basic();
	test_wake();
	test_requeue();
	test_wake_op();
	test_pi();
	test_robust();
	test_mutex();
}
