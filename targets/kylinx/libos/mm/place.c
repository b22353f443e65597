/* Where mappings may go, and where they go when the program does not care. */
#include "mm.h"

bool range_allowed(u64 start, u64 end)
{
	if (start >= end || start < KX_USER_MIN || end > KX_USER_MAX)
		return false;
	return end <= KX_VA_SHARED || start >= KX_VA_KERNEL_END;
}

static u64 fit(u64 low, u64 high, u64 length, u64 align)
{
	if (high < low || high - low < length)
		return 0;
	u64 start = (high - length) & ~(align - 1);
	return start >= low && range_allowed(start, start + length) ? start : 0;
}

/* The highest hole below the given address; all of KX_USER_PIE's part of the address space comes first, so that few page
 * tables are in use, then what lies below it. */
u64 place_find(const struct mm *mm, u64 length, u64 align, u64 below)
{
	u64 high = below;
	for (u32 i = region_after(mm, below); ; i--) {
		/* regions[i] ends above `below` or was looked at: the hole is under it */
		if (i < mm->count && mm->regions[i].start < high)
			high = mm->regions[i].start;
		u64 low = i ? mm->regions[i - 1].end : KX_USER_MIN;
		/* two ranges of addresses are not the application's */
		if (high > KX_VA_KERNEL_END) {
			u64 start = fit(low > KX_VA_KERNEL_END ? low : KX_VA_KERNEL_END, high, length, align);
			if (start)
				return start;
		}
		u64 start = fit(low, high < KX_VA_SHARED ? high : KX_VA_SHARED, length, align);
		if (start)
			return start;
		if (!i)
			return 0;
		if (mm->regions[i - 1].start < high)
			high = mm->regions[i - 1].start;
	}
}
