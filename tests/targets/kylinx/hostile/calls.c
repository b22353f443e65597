/* Trials on hypercalls: each argument of each call at numbers where arithmetic goes wrong. */
#include "hostile.h"

static void own_out(void)
{
	volatile struct kx_vcpu *v = area();

	v->hc_nr = KX_HC_YIELD;
	__asm__ volatile("outb %%al, %0" : : "N"(KX_PORT), "a"(0));
}

TRIAL(number, "hypercall-numbers")
{
	CHECK(died(fate(own_out), SIGSEGV)); /* of the application's own text: the LibOS alone may */
	CHECK(raw(KX_HC_YIELD, 0, 0, 0, 0, 0) >= 0);
	for (unsigned i = 0; i < limit_count; i++)
		if (limits[i] >= KX_HC_COUNT)
			CHECK(raw(limits[i], ~0ul, ~0ul, ~0ul, ~0ul, ~0ul) == -ENOSYS);
	CHECK(raw(KX_HC_COUNT, 0, 0, 0, 0, 0) == -ENOSYS);
}

TRIAL(slots, "hypercall-slots")
{
	for (unsigned i = 0; i < limit_count; i++) {
		if (limits[i] < KX_MAX_SLOTS)
			continue;
		CHECK(raw(KX_HC_NOTIFY, limits[i], 0, 0, 0, 0) == -EINVAL);
		CHECK(raw(KX_HC_KICK, limits[i], 0, 0, 0, 0) == -EINVAL);
		CHECK(raw(KX_HC_AFFINITY, limits[i], ~0ul, ~0ul, ~0ul, ~0ul) < 0);
	}
	CHECK(raw(KX_HC_AFFINITY, area()->slot, 0, 0, 0, 0) < 0); /* nowhere to run */
	CHECK(raw(KX_HC_NOTIFY, KX_MAX_SLOTS - 1, 0, 0, 0, 0) == -EINVAL); /* never made */
	CHECK(raw(KX_HC_KICK, KX_MAX_SLOTS - 1, 0, 0, 0, 0) == -EINVAL);
	CHECK(raw(KX_HC_KICK, area()->slot, 0, 0, 0, 0) == 0);
}

TRIAL(sleeping, "hypercall-wait-timer")
{
	for (unsigned i = 0; i < limit_count; i++) {
		long r = raw(KX_HC_WAIT, limits[i] > UINT32_MAX ? limits[i] : area()->events + 1u, limits[i], 0, 0, 0);

		CHECK(limits[i] > UINT32_MAX ? r == -EINVAL : r == 0);
	}
	for (uint64_t deadline = 0; deadline < 3; deadline++)
		CHECK(raw(KX_HC_WAIT, area()->events, deadline, 0, 0, 0) <= 0);
	for (unsigned i = 0; i < limit_count; i++)
		CHECK(raw(KX_HC_TIMER, limits[i], 0, 0, 0, 0) <= 0);
	CHECK(raw(KX_HC_TIMER, ~0ul, 0, 0, 0, 0) == 0);
}

static const struct { uint64_t flags, regions, count; long expected; } bad_forks[] = {
	{ 2, 0, 0, -EINVAL }, { 0x100000000, 0, 0, -EINVAL }, { ~0ul, 0, 0, -EINVAL }, { 0, KX_VA_COMMONS, 0x100000000, -EINVAL },
	{ 0, KX_VA_COMMONS, ~0ul, -EINVAL }, { 0, 0, 1, -EFAULT }, { 0, KX_VA_KERNEL, 1, -EFAULT }, { 0, KX_VA_COMMONS, 0xffffffff, -EFAULT },
	{ 0, KX_VA_COMMONS + KX_COMMONS_MAX - 64, 2, -EFAULT }, { 0, ~0ul - 63, 2, -EFAULT }, { 0, KX_VA_TEXT, 1, -EFAULT },
	{ 1, KX_VA_IMAGE, 1, -EFAULT }, { 0, KX_VA_BOOT, 1, -EFAULT }, { 0, 0x10000, 1, -EFAULT } };

TRIAL(forks, "hypercall-fork")
{
	for (unsigned i = 0; i < sizeof bad_forks / sizeof *bad_forks; i++) {
		long r = raw(KX_HC_FORK, 0, bad_forks[i].flags, limits[i], bad_forks[i].regions, bad_forks[i].count);

		if (r != bad_forks[i].expected)
			fail("fork %u: %ld", i, r);
	}
}

static void memory_calls(uint64_t op)
{
	for (unsigned s = 0; s < limit_count; s++)
		for (unsigned l = 0; l < limit_count; l++) {
			uint64_t start = limits[s], length = limits[l], to = limits[draw() % limit_count];
			bool whole = length >= 0x7fffffff; /* would take our own program away */
			bool bad = start % PAGE || length % PAGE || start < KX_USER_MIN || start >= KX_USER_MAX || length > KX_USER_MAX - start;

			if (!bad && whole)
				continue;
			long r = raw(KX_HC_MEMORY, op, start, length, to, 0);
			if (op > KX_MEMORY_MOVE ? r != -EINVAL : bad && r != -EINVAL)
				fail("memory(%llx, %llx, %llx, %llx) = %ld", (unsigned long long)op, (unsigned long long)start, (unsigned long long)length,
					(unsigned long long)to, r);
		}
}

static void drop_everything(uint64_t op)
{
	raw(KX_HC_MEMORY, op, KX_USER_MIN, KX_USER_MAX - KX_USER_MIN, 0, 0);
}

TRIAL(memory, "hypercall-memory")
{
	const uint64_t ops[] = { 0, 1, 2, 3, 0xffffffff, 0x100000000, 0x100000001, ~0ul };

	for (unsigned i = 0; i < sizeof ops / sizeof *ops; i++) {
		int status = fate_with(memory_calls, ops[i]);

		if (status != 0 && !died(status, SIGSEGV) && !died(status, SIGKILL))
			fail("memory, operation %llx: status %x", (unsigned long long)ops[i], status);
	}
	for (uint64_t op = 0; op < 2; op++) {
		int status = fate_with(drop_everything, op);

		CHECK(status != GONE);
	}
}

TRIAL(commons, "hypercall-commons")
{
	long size = raw(KX_HC_COMMONS, 0, 0, 0, 0, 0);

	CHECK(size > 0);
	for (unsigned i = 0; i < limit_count; i++)
		if (limits[i] >= 4096) /* 8 GiB */
			CHECK(raw(KX_HC_COMMONS, limits[i], 0, 0, 0, 0) == -ENOMEM);
	CHECK(raw(KX_HC_COMMONS, 0, 0, 0, 0, 0) == size);
}

TRIAL(console, "hypercall-console")
{
	uint64_t va;

	commons_page(&va, 1);
	for (unsigned i = 0; i < limit_count; i++) {
		if (limits[i] > KX_CONSOLE_READ)
			CHECK(raw(KX_HC_CONSOLE, limits[i], 0, va, 8, 0) == -EINVAL);
		for (uint64_t op = 0; op <= KX_CONSOLE_READ; op++) {
			long r = raw(KX_HC_CONSOLE, op, limits[i] | 512, va, 8, 0); /* a number nobody has */

			CHECK(r == -EIO);
			bool inside = limits[i] >= KX_VA_DATA && limits[i] < KX_VA_BOOT;
			inside |= limits[i] >= KX_VA_VCPUS && limits[i] < KX_VA_IMAGE && limits[i] != KX_VA_COMMONS + KX_COMMONS_MAX - PAGE;
			if (!inside || limits[i] == KX_VA_COMMONS - 8)
				CHECK(raw(KX_HC_CONSOLE, op, 512, limits[i], 16, 0) == -EFAULT);
		}
	}
	CHECK(raw(KX_HC_CONSOLE, KX_CONSOLE_WRITE_OUT, 512, KX_VA_COMMONS + KX_COMMONS_MAX - 1, ~0ul, 0) == -EFAULT);
}

/* ---- Reports ---- */

static void report_faults(struct kx_fault_report *f, uint64_t va)
{
	static const uint32_t odd[] = { 0, 1, KX_FAULT_DEPTH, KX_FAULT_DEPTH + 1, 0x7fffffff, 0x80000000, 0xffffffff };
	static const uint64_t lengths[] = { 0, 1, sizeof *f - 1, sizeof *f, sizeof *f + 1, sizeof *f + 128, PAGE };

	memset(f, 0xff, PAGE);
	for (unsigned d = 0; d < 7; d++)
		for (unsigned m = 0; m < 7; m++)
			for (unsigned l = 0; l < 7; l++) {
				f->depth = odd[d];
				f->maps = odd[m];
				memcpy(f->comm, d & 1 ? "\x1b[2Jevil\"\\\n\x01\xff\xc3\x28 " : "0123456789abcdef", 16);
				CHECK(raw(KX_HC_REPORT, KX_REPORT_FAULT, va, lengths[l], 0, 0) == 0);
			}
}

TRIAL(reports, "hypercall-report")
{
	static const char *const texts[] = { "}", "{\"a\":1},\"ok\":false", "{\"a\":", "[[[[[[[[[[[[[[[[", "\"\xff\xfe\"", "null,\"id\":1", "1e999999", "" };
	uint64_t va[4];
	uint8_t *p = commons_page(va, 4);

	for (unsigned i = 0; i < limit_count; i++) {
		if (limits[i] > KX_REPORT_PANIC)
			CHECK(raw(KX_HC_REPORT, limits[i], va[0], 8, 0, 0) == -EINVAL);
		if (limits[i] < KX_VA_SHARED || limits[i] >= KX_VA_IMAGE)
			for (unsigned kind = 0; kind < 4; kind++) {
				CHECK(raw(KX_HC_REPORT, kind, limits[i], 8, 0, 0) == -EFAULT);
				CHECK(raw(KX_HC_REPORT, kind, limits[i], ~0ul, 0, 0) == -EFAULT);
			}
	}
	memset(p, '%', PAGE);
	strcpy((char *)p, "%s%n%p\x1b[31m\r\n\x07");
	CHECK(raw(KX_HC_REPORT, KX_REPORT_LOG, va[0], PAGE, 0, 0) == 0);
	memset(p, '\\', PAGE);
	CHECK(raw(KX_HC_REPORT, KX_REPORT_LOG, va[0], PAGE, 0, 0) == 0);
	for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
		strcpy((char *)p, texts[i]);
		CHECK(raw(KX_HC_REPORT, KX_REPORT_STATS, va[0], strlen(texts[i]), 0, 0) == 0);
	}
	memset(p, '[', PAGE);
	CHECK(raw(KX_HC_REPORT, KX_REPORT_STATS, va[0], PAGE, 0, 0) == 0);
	report_faults((struct kx_fault_report *)p, va[0]);
}

/* ---- The host's directories: the first can be read, the second written; each has a link out of it and a FIFO ---- */

static const char *const outside[] = { "..", "../secret", "/etc/passwd", "a/../../secret", "link", "link/passwd", "linkdir/secret", "./../secret",
	"a/../..", "../share/../secret", "fifo", "//secret", "a//../../secret", "\x2e\x2e/secret" };

static long hostfs(struct kx_hostfs *r, uint64_t va, uint64_t op, const char *path, const char *path2)
{
	snprintf(r->path, sizeof r->path, "%s", path);
	snprintf(r->path2, sizeof r->path2, "%s", path2);
	return raw(KX_HC_HOSTFS, op, va, 0, 0, 0);
}

static void set(struct kx_hostfs *r, uint32_t share, int32_t handle, uint32_t flags)
{
	memset(r, 0, sizeof *r);
	r->share = share;
	r->handle = handle;
	r->flags = flags;
	r->mode = 07777;
}

static void paths_out(struct kx_hostfs *r, uint64_t va)
{
	for (uint32_t share = 0; share < 2; share++)
		for (unsigned i = 0; i < sizeof outside / sizeof *outside; i++) {
			const uint32_t flags[] = { O_RDONLY, O_RDWR, O_RDWR | O_CREAT, O_WRONLY | O_TRUNC, O_DIRECTORY, O_PATH, 0xffffffff };

			for (unsigned f = 0; f < 7; f++) {
				set(r, share, -1, flags[f]);
				long h = hostfs(r, va, KX_HOSTFS_OPEN, outside[i], "");
				if (h >= 0)
					fail("opened %s of share %u with flags %x", outside[i], share, flags[f]);
			}
			set(r, share, -1, 0);
			bool last = !strcmp(outside[i], "link") || !strcmp(outside[i], "fifo"); /* themselves: no harm */
			CHECK(last || hostfs(r, va, KX_HOSTFS_STAT, outside[i], "") < 0);
			CHECK(last || hostfs(r, va, KX_HOSTFS_UNLINK, outside[i], "") < 0);
			CHECK(hostfs(r, va, KX_HOSTFS_MKDIR, outside[i], "") < 0);
			CHECK(last || hostfs(r, va, KX_HOSTFS_RENAME, "file", outside[i]) < 0);
			CHECK(last || hostfs(r, va, KX_HOSTFS_RENAME, outside[i], "taken") < 0);
			CHECK(hostfs(r, va, KX_HOSTFS_TRUNCATE, outside[i], "") < 0);
		}
}

static void read_only(struct kx_hostfs *r, uint64_t va)
{
	set(r, 0, -1, O_RDWR);
	CHECK(hostfs(r, va, KX_HOSTFS_OPEN, "file", "") < 0);
	CHECK(hostfs(r, va, KX_HOSTFS_MKDIR, "new", "") == -EROFS);
	CHECK(hostfs(r, va, KX_HOSTFS_UNLINK, "file", "") == -EROFS);
	CHECK(hostfs(r, va, KX_HOSTFS_RENAME, "file", "other") == -EROFS);
	CHECK(hostfs(r, va, KX_HOSTFS_TRUNCATE, "file", "") == -EROFS);
	set(r, 0, -1, O_RDONLY);
	long h = hostfs(r, va, KX_HOSTFS_OPEN, "file", "");
	CHECK(h >= 0);
	for (uint32_t share = 0; share < 2; share++) { /* by a handle, also in the name of the other share */
		set(r, share, (int32_t)h, 0);
		CHECK(hostfs(r, va, KX_HOSTFS_TRUNCATE, "", "") < 0);
		r->buffer = va;
		r->length = 8;
		CHECK(hostfs(r, va, KX_HOSTFS_WRITE, "", "") < 0);
	}
	set(r, 0, (int32_t)h, 0);
	CHECK(hostfs(r, va, KX_HOSTFS_CLOSE, "", "") == 0 && hostfs(r, va, KX_HOSTFS_CLOSE, "", "") == -EBADF);
}

TRIAL(hostfs, "hypercall-hostfs")
{
	uint64_t va;
	struct kx_hostfs *r = (struct kx_hostfs *)commons_page(&va, 1);

	for (uint64_t op = 0; op <= KX_HOSTFS_SYNC + 2; op++)
		for (unsigned i = 0; i < limit_count; i++) {
			if (limits[i] < KX_VA_SHARED || limits[i] >= KX_VA_IMAGE)
				CHECK(raw(KX_HC_HOSTFS, op, limits[i], 0, 0, 0) == -EFAULT);
			set(r, (uint32_t)limits[i] | 0x80, -1, 0);
			CHECK(hostfs(r, va, op, "file", "") == -ENODEV);
			set(r, 0, (int32_t)limits[i] | 0x400, 0); /* no such handle */
			r->buffer = va;
			r->length = 64;
			if (op != KX_HOSTFS_OPEN)
				CHECK(hostfs(r, va, op, "", "") < 0 || (int32_t)limits[i] < 0);
		}
	for (unsigned i = 0; i < limit_count; i++) {
		set(r, 0, -1, 0);
		CHECK(raw(KX_HC_HOSTFS, limits[i] > KX_HOSTFS_SYNC ? limits[i] : 99, va, 0, 0, 0) == -EINVAL);
	}
	memset(r, 'a', sizeof *r); /* names without an end */
	r->share = 0;
	for (uint64_t op = 0; op <= KX_HOSTFS_SYNC; op++)
		CHECK(raw(KX_HC_HOSTFS, op, va, 0, 0, 0) < 0);
	paths_out(r, va);
	read_only(r, va);
	set(r, 0, -1, O_RDONLY);
	long h = hostfs(r, va, KX_HOSTFS_OPEN, "file", "");
	for (unsigned i = 0; i < limit_count; i++) {
		set(r, 0, (int32_t)h, 0);
		r->buffer = limits[i];
		r->length = ~0ul;
		if (limits[i] < KX_VA_SHARED || limits[i] >= KX_VA_IMAGE)
			CHECK(hostfs(r, va, KX_HOSTFS_READ, "", "") == -EFAULT);
		r->buffer = va;
		r->length = 64;
		r->offset = limits[i];
		CHECK(hostfs(r, va, KX_HOSTFS_READ, "", "") <= 64);
	}
	long handles = 0;
	set(r, 0, -1, O_RDONLY);
	while (hostfs(r, va, KX_HOSTFS_OPEN, "file", "") >= 0)
		CHECK(++handles < 5000); /* there is an end to them, and not the monitor's own */
	for (int32_t i = 0; i < 5000; i++) {
		set(r, 0, i, 0);
		hostfs(r, va, KX_HOSTFS_CLOSE, "", "");
	}
}

/* ---- All of it at random. What ends the family by right (exit, panic, a fork with a task that is none) is left out. ---- */

static uint64_t some(void)
{
	return draw() % 3 ? limits[draw() % limit_count] + (draw() % 4 ? 0 : draw() % 9 - 4) : draw() >> draw() % 64;
}

static void storm(uint64_t seconds_from)
{
	static const uint8_t calls[] = { KX_HC_NOTIFY, KX_HC_KICK, KX_HC_TIMER, KX_HC_MEMORY, KX_HC_HOSTFS, KX_HC_REPORT, KX_HC_YIELD, KX_HC_FORK,
		KX_HC_AFFINITY };
	uint64_t until = now_ns() + 300000000, va[2];
	struct kx_hostfs *r = (struct kx_hostfs *)commons_page(va, 2);

	for (uint64_t i = 0; i < seconds_from; i++)
		draw();
	while (now_ns() < until) {
		uint64_t nr = calls[draw() % sizeof calls], a[5] = { some(), some(), some(), some(), some() };

		if (nr == KX_HC_MEMORY && (a[1] & 0xfffff000000) == (KX_USER_STACK_TOP & 0xfffff000000))
			a[1] = 0;
		if (nr == KX_HC_FORK)
			a[1] |= 2; /* flags there are none of */
		if (nr == KX_HC_REPORT && a[0] == KX_REPORT_PANIC)
			a[0]++;
		if (nr == KX_HC_HOSTFS) {
			for (size_t k = 0; k < sizeof *r; k += 8)
				*(uint64_t *)((uint8_t *)r + k) = draw() % 4 ? 0 : draw();
			r->share = draw() % 3;
			r->buffer = draw() % 4 ? va[1] : KX_VA_KERNEL + some();
			snprintf(r->path, sizeof r->path, "%s", draw() % 2 ? "file" : outside[draw() % 14]);
			a[0] = draw() % 14;
			a[1] = draw() % 8 ? va[0] : a[1];
			if (a[1] != va[0] && a[1] >= KX_VA_DATA && a[1] < KX_VA_IMAGE)
				continue; /* STAT would write over the LibOS's own */
		}
		if (nr == KX_HC_REPORT && draw() % 2)
			a[1] = va[1];
		raw(nr, a[0], a[1], a[2], a[3], a[4]);
	}
}

TRIAL(random, "hypercalls-at-random")
{
	unsigned ended = 0;

	for (uint64_t i = 0; i < (argc ? strtoul(argv[0], NULL, 0) : 8); i++) {
		int status = fate_with(storm, draw() % 1000);

		if (status == GONE || (WIFEXITED(status) && WEXITSTATUS(status)))
			fail("status %x", status);
		ended += status == 0;
	}
	printf("%u to their end\n", ended);
}
