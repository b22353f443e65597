/* Reading and writing the application's memory: addresses checked once, faults turned into -EFAULT. */
#include "core.h"

size_t user_copy(void *, const void *, size_t);
size_t user_fill(void *, size_t);
long user_string(char *, const char *, size_t);
long user_cmpxchg(u32 *, u32 old, u32 new, u32 *seen);

struct ex_entry { s32 at, to; };
extern const struct ex_entry __start___ex_table[], __stop___ex_table[];

#ifdef KX_HOSTED /* applications are the tests themselves: any address may be theirs, and bad ones fault */
bool hosted_strict_access;
#endif

bool access_ok(const void __user *p, size_t n)
{
	u64 start = (u64)p, end = start + n;
#ifdef KX_HOSTED
	if (!hosted_strict_access)
		return end >= start;
#endif
	if (end < start || end > KX_USER_MAX)
		return false;
	return end <= KX_VA_SHARED || start >= KX_VA_KERNEL_END;
}

long copy_from_user(void *to, const void __user *from, size_t n)
{
	return likely(access_ok(from, n)) && likely(!user_copy(to, from, n)) ? 0 : -EFAULT;
}

long copy_to_user(void __user *to, const void *from, size_t n)
{
	return likely(access_ok(to, n)) && likely(!user_copy(to, from, n)) ? 0 : -EFAULT;
}

long clear_user(void __user *to, size_t n)
{
	return access_ok(to, n) && !user_fill(to, n) ? 0 : -EFAULT;
}

long strncpy_from_user(char *to, const char __user *from, size_t n)
{
	if (!access_ok(from, 1))
		return -EFAULT;
	u64 room = (u64)from < KX_VA_SHARED ? KX_VA_SHARED - (u64)from : KX_USER_MAX - (u64)from;
#ifdef KX_HOSTED
	room = n;
#endif
	long length = user_string(to, from, n < room ? n : room);
	return room < n && length == (long)room ? -EFAULT : length;
}

long user_cmpxchg32(u32 __user *p, u32 old, u32 new, u32 *seen)
{
	if (!access_ok(p, sizeof *p) || (u64)p & 3)
		return -EFAULT;
	return user_cmpxchg(p, old, new, seen);
}

bool uaccess_fixup(struct kx_frame *f)
{
	for (const struct ex_entry *e = __start___ex_table; e < __stop___ex_table; e++)
		if ((u64)&e->at + (u64)(s64)e->at == f->rip) {
			f->rip = (u64)&e->to + (u64)(s64)e->to;
			return true;
		}
	return false;
}
