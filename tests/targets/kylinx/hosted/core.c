/* The core's own parts: heap, strings, printing, sleeping and waking within a slot and across slots, timers. */
#include "hosted.h"

static u64 seed = 12345;
static u64 random64(void) { seed ^= seed << 13; seed ^= seed >> 7; return seed ^= seed << 17; }

static void test_heap(void)
{
	enum { N = 2000 };
	static u8 *p[N];
	static size_t n[N];
	u64 before = heap_bytes_used();
	for (int i = 0; i < 200000; i++) {
		u32 k = random64() % N;
		if (p[k]) {
			CHECK(p[k][0] == (u8)k && p[k][n[k] - 1] == (u8)k);
			kfree(p[k]);
			p[k] = NULL;
		} else {
			n[k] = 1 + random64() % (random64() % 50 == 0 ? 300000 : 3000);
			p[k] = kmalloc(n[k]);
			CHECK(p[k] && (u64)p[k] % 16 == 0);
			p[k][0] = p[k][n[k] - 1] = (u8)k;
		}
	}
	for (int k = 0; k < N; k++) {
		kfree(p[k]);
		p[k] = NULL;
	}
	CHECK_EQ(heap_bytes_used(), before);
}

static void test_pages(void)
{
	static char *p[300];
	static size_t n[300];
	u64 before = heap_bytes_used();
	for (int round = 0; round < 20; round++) {
		for (int k = 0; k < 300; k++) {
			n[k] = 1 + random64() % (k % 37 ? 9 : 700);
			p[k] = pages_alloc(n[k]);
			CHECK(p[k] && (u64)p[k] % KX_PAGE == 0);
			for (size_t i = 0; i < n[k] * KX_PAGE; i += 512)
				CHECK_EQ(*(u64 *)(p[k] + i), 0);
			memset(p[k], 0xa5, n[k] * KX_PAGE);
		}
		for (int k = 0; k < 300; k++)
			pages_free(p[(k * 7) % 300], n[(k * 7) % 300]);
	}
	CHECK_EQ(heap_bytes_used(), before);
	CHECK(!pages_alloc(1u << 24));
}

static struct waitq queue;
static volatile int turn, rounds;

static void wait_turn(int me)
{
	struct waiter w;
	waiter_init(&w);
	waitq_add(&queue, &w);
	while (turn != me)
		task_sleep(NEVER, false);
	waitq_remove(&queue, &w);
}

static void pong(void *arg)
{
	for (int i = 0; i < rounds; i++) {
		wait_turn(1);
		turn = 0;
		wake_all(&queue);
	}
	(void)arg;
}

static void ping(const char *what)
{
	u64 t = now_mono_ns();
	for (int i = 0; i < rounds; i++) {
		turn = 1;
		wake_all(&queue);
		wait_turn(0);
	}
	printf("%s: %lu ns one way\n", what, (unsigned long)((now_mono_ns() - t) / (u64)rounds / 2));
	hosted_join();
}

static void test_timers(void)
{
	u64 t = now_mono_ns();
	hosted_sleep(3000000);
	u64 passed = now_mono_ns() - t;
	CHECK(passed >= 2990000 && passed < 60000000000);
	t = deadline_after(1000000);
	while (task_sleep(t, true) == 0)
		;
	CHECK_EQ(task_sleep(t, true), -ETIMEDOUT);
}

static struct lock counter_lock;
static volatile u64 counter;

static void count(void *arg)
{
	for (int i = 0; i < 100000; i++) {
		lock(&counter_lock);
		counter++;
		unlock(&counter_lock);
	}
	(void)arg;
}

static void test_text(void)
{
	char b[64];
	extern int kx_snprintf(char *, size_t, const char *, ...);
	CHECK_EQ(kx_snprintf(b, sizeof b, "%5d|%-5u|%05x|%lx|%s|%.2s|%*s|%c|%%", -42, 7u, 0xabu, 0x123456789aUL, "yes", "abc", 4, "x", 'z'), 44);
	CHECK(!strcmp(b, "  -42|7    |000ab|123456789a|yes|ab|   x|z|%"));
	CHECK_EQ(kx_snprintf(b, 4, "%s", "abcdef"), 6);
	CHECK(!strcmp(b, "abc"));
	CHECK_EQ(strlcpy(b, "hello", 3), 5);
	CHECK(!strcmp(b, "he"));
}

static void test_access(void)
{
	u64 v = 0;
	CHECK_EQ(copy_from_user(&v, (void *)8, 8), -EFAULT);
	CHECK_EQ(copy_to_user((void *)8, &v, 8), -EFAULT);
	CHECK_EQ(clear_user((void *)4096, 5000), -EFAULT);
	CHECK_EQ(strncpy_from_user((char *)&v, "abc", 8), 3);
	CHECK_EQ(strncpy_from_user((char *)&v, "abcdefghij", 8), 8);
	CHECK_EQ(strncpy_from_user((char *)&v, (void *)1, 8), -EFAULT);
	hosted_strict_access = true;
	CHECK(!access_ok(&v, 8));
	CHECK(!access_ok((void *)KX_USER_MAX, 1));
	CHECK(!access_ok((void *)~0UL, 8));
	CHECK(!access_ok((void *)(KX_VA_SHARED - 1), 2));
	CHECK(access_ok((void *)(KX_VA_SHARED - 2), 2));
	CHECK(access_ok((void *)KX_VA_KERNEL_END, 4096));
	CHECK(!access_ok((void *)(KX_VA_KERNEL_END - 1), 4096));
	hosted_strict_access = false;
}

void test_main(void)
{
	test_text();
	test_heap();
	test_pages();
	test_access();
	test_timers();
	waitq_init(&queue);
	rounds = 20000;
	hosted_thread(pong, NULL);
	ping("thread to thread");
	rounds = 5000;
	hosted_pvm(pong, NULL);
	ping("slot to slot");
	for (int i = 0; i < 4; i++)
		hosted_pvm(count, NULL);
	hosted_join();
	CHECK_EQ(counter, 400000);
}
