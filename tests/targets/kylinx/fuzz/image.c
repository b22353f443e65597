/* The LibOS's image reader (libos/fs/image.c): the input is the image; all that it gives out is read to its last byte. */
#include "fs/fs.h"
#include "fuzz.h"

void *memalign(size_t, size_t);
void free(void *);

#define LOOKED_AT 200
static volatile u8 sink;

static void touch(const char *p, u64 n)
{
	for (u64 i = 0; i < n; i += i < 64 || n - i < 64 ? 1 : n - i - 63 < 509 ? n - i - 63 : 509)
		sink ^= (u8)p[i];
}

static void directory(const struct kx_image_inode *d)
{
	static const char *const made_up[] = { "a", "lib", "zzzzz", "" };
	struct name stored, again;
	u32 inode, same, place;

	for (u32 i = 0; i < d->count && i < LOOKED_AT; i++) {
		if (image_dirent(d->first, d->count, i, &stored, &inode))
			continue;
		FUZZ_CHECK(stored.n && stored.n <= NAME_BYTES && image_holds(stored.s) && image_holds(stored.s + stored.n - 1));
		touch(stored.s, stored.n);
		if (image_find(d->first, d->count, stored, &again, &same, &place))
			FUZZ_CHECK(place < d->count && again.n == stored.n && !memcmp(again.s, stored.s, stored.n));
	}
	for (u32 i = 0; i < ARRAY_SIZE(made_up); i++)
		image_find(d->first, d->count, (struct name){ made_up[i], (u32)strlen(made_up[i]) }, &again, &same, &place);
	FUZZ_CHECK(image_dirent(d->first, d->count, d->count, &stored, &inode) < 0);
}

static void program(u32 index, u64 size)
{
	const struct kx_image_exec *e = image_exec(index, size);

	if (!e)
		return;
	FUZZ_CHECK(e->text + e->text_bytes <= ((size + KX_PAGE - 1) & ~(u64)(KX_PAGE - 1)));
	touch(image_bytes_at(e->patched), e->text_bytes);
	touch(image_bytes_at(e->trampoline), e->trampoline_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *image = memalign(KX_PAGE, n ? n : 1);
	struct kx_image_inode inode;

	memcpy(image, data, n);
	image_init(image, n);
	for (u32 i = 0; image_present() && i < LOOKED_AT; i++) {
		if (!image_inode(i, &inode))
			continue;
		if ((inode.mode & S_IFMT) == S_IFDIR)
			directory(&inode);
		else if (inode.size)
			touch(image_bytes_at(inode.data), inode.size);
		program(inode.exec, inode.size);
	}
	image_inode(~0u, &inode);
	image_exec(~0u, n);
	image_init(NULL, 0);
	free(image);
	return 0;
}
