/* Hypercalls with arguments that no LibOS would give: numbers, addresses and lengths at and beyond every border, a region table
 * and a stack pointer at random, while faults come in between. Says "done" at the end; the monitor and its host live on. */
#include "guest.h"

static const u64 borders[] = { 0, 1, 2, 3, 4, 5, 7, 8, 64, 1000, 4000, 4095, 4096, 0x10000, 0x100000, 0x200000, 0x7f0000000000,
	0x7f0000200000, 0x7fffffffffff, KX_VA_COMMONS, KX_VA_COMMONS + 0x1000, KX_VA_COMMONS + 0x1ffff8, KX_VA_COMMONS + 0x200000,
	KX_VA_BOOT, KX_VA_VCPUS, KX_VA_TEXT, KX_VA_DATA, KX_VA_IMAGE, KX_VA_KERNEL, ~0ull, ~0ull - 7, 1ull << 63, 1ull << 32,
	0xffffffff, ~0ull << 12 };
#define BORDERS (sizeof borders / sizeof *borders)
static const char *const paths[] = { "", ".", "..", "../x", "a", "a/b", "l", "/etc", "sub/../..", "f" };

#ifndef SEED
#define SEED 1
#endif

static u64 seed = SEED;

static u64 any(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

static u64 argument(void)
{
	switch (any() % 8) {
	case 0: return any();
	case 1: return any() >> any() % 64;
	case 2: return borders[any() % BORDERS] + any() % KX_PAGE;
	default: return borders[any() % BORDERS];
	}
}

/* Where a hypercall may write. In the guest's own memory that is the first page of its data or what its stack will not need: over
 * its slot's area or its return addresses it would only do away with itself, and may then loop for ever. */
static u64 destination(void)
{
	u64 at = argument();

	if (at >= KX_VA_VCPUS && at < KX_VA_VCPUS + KX_VCPU_STRIDE)
		return KX_VA_VCPUS + KX_PAGE + at % (2 * KX_PAGE);
	return at;
}

static u64 length_at(u64 at)
{
	u64 length = argument();

	return at >= KX_VA_DATA && at < KX_VA_COMMONS && length < 1ull << 40 ? length % KX_PAGE : length;
}

static void put_path(char *to)
{
	const char *from = paths[any() % 10];

	for (int i = 0; i < 16; i++)
		to[i] = 0;
	for (int i = 0; from[i]; i++)
		to[i] = from[i];
}

static void hostfs(void)
{
	struct kx_hostfs *h = (void *)(KX_VA_COMMONS + 0x20000);

	h->share = (uint32_t)(any() % 3);
	h->handle = (int32_t)(any() % 4) - 1;
	h->flags = (uint32_t)any();
	h->offset = argument();
	h->buffer = any() % 4 ? KX_VA_COMMONS + 0x100000 + any() % 0x100000 : destination();
	h->length = length_at(h->buffer);
	h->mode = any() & 0777;
	put_path(h->path);
	put_path(h->path2);
	call(KX_HC_HOSTFS, any() % 13, any() % 8 ? (u64)h : destination(), 0, 0, 0);
}

static void disturb(void)
{
	struct kx_region *t = (void *)(KX_VA_COMMONS + 0x10000);

	for (int i = 0; i < 8; i++)
		t[i] = (struct kx_region){ argument(), argument(), (uint32_t)any() % 8, (uint32_t)any() % 6, argument(), argument(), 0, 0 };
	t[0] = (struct kx_region){ 0x7f0000000000, 0x7f0000400000, 3, KX_REGION_ANON, 0, 0, 0, 0 };
	me()->regions = any() % 4 ? (u64)t : destination();
	me()->region_count = any() % 4 ? 8 : (uint32_t)any();
	me()->stack_top = KX_VA_COMMONS + 0x80000;
}

static void one(u64 nr)
{
	switch (nr) {
	case KX_HC_EXIT:
	case KX_HC_YIELD:
	case KX_HC_REPORT: /* a panic ends the family */
		return;
	case KX_HC_FORK:
		if (any() % 64 == 0)
			call(nr, argument(), any() % 3, argument(), any() % 2 ? destination() : 0, any() % 2 ? argument() : 0);
		return;
	case KX_HC_WAIT: /* one that returns at once */
		call(nr, me()->events + 1, argument(), 0, 0, 0);
		return;
	case KX_HC_COMMONS:
		call(nr, any() % 4 ? any() % 3 : argument(), 0, 0, 0, 0);
		return;
	case KX_HC_CONSOLE: /* nothing to be seen: lengths of 0, or addresses that are none */
		call(nr, any() % 5, any() % 3, argument(), 0, 0);
		call(nr, KX_CONSOLE_WRITE_OUT, any() % 3 ? 1 + any() : 0, KX_VA_KERNEL + any() % 0x100000000, argument(), 0);
		return;
	case KX_HC_HOSTFS:
		hostfs();
		return;
	default:
		call(nr, argument(), argument(), argument(), argument(), argument());
	}
}

void guest_boot(void)
{
	call(KX_HC_COMMONS, 1, 0, 0, 0, 0);
	disturb();
	for (int i = 0; i < 60000; i++) {
		one(any() % 14);
		if (any() % 16 == 0)
			disturb();
		if (any() % 64 == 0)
			touch(0x7f0000000000 + any() % 0x800000);
	}
	say("done\n");
	leave(0);
}

void guest_child(void)
{
	if (me()->slot % 2)
		touch(0);
	leave(0);
}
