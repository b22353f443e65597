/* Log-linear bins: 16 sub-buckets an octave, so a bin is at most 1/16 = 6.25 % of its lower edge wide.
 * Shared by eBPF (probes/), the generator (workloads/) and, as numpy, vocabulary/histogram.py; a test
 * holds the three equal. Values below 16 have a bin each; 976 bins span all of u64. */
#ifndef KXB_LOGLINEAR_H
#define KXB_LOGLINEAR_H

#define KXB_BINS 976

/* floor(log2(v)) for v > 0 in five steps: eBPF of older kernels has neither loops nor clz. */
static inline __attribute__((always_inline)) unsigned int kxb_log2(unsigned long long v)
{
	unsigned int r, s;

	r = (v > 0xFFFFFFFFULL) << 5;
	v >>= r;
	s = (v > 0xFFFF) << 4;
	v >>= s;
	r |= s;
	s = (v > 0xFF) << 3;
	v >>= s;
	r |= s;
	s = (v > 0xF) << 2;
	v >>= s;
	r |= s;
	s = (v > 0x3) << 1;
	v >>= s;
	r |= s;
	return r | (unsigned int)(v >> 1);
}

static inline __attribute__((always_inline)) unsigned int kxb_bin(unsigned long long v)
{
	unsigned int e;

	if (v < 16)
		return (unsigned int)v;
	e = kxb_log2(v);
	return (e - 3) * 16 + ((unsigned int)(v >> (e - 4)) & 15);
}

#endif
