/* Between the hosted build's host side (main.c, hypercall.c: libc's headers) and its LibOS side (slot.c). */
#ifndef KX_HOST_H
#define KX_HOST_H
#include <stdbool.h>
#include <stdint.h>
#include "../../abi/kx_abi.h"

#ifndef KX_LIBOS_H
typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;
static inline struct kx_vcpu *vcpu_of(u32 slot) { return (struct kx_vcpu *)(KX_VA_VCPUS + (u64)slot * KX_VCPU_STRIDE); }
#endif
u32 host_slot_prepare(u32 slot, u64 boot_arg);
void host_slot_start(u32 slot);
void host_slot_main(u32 slot);                       /* slot.c */
bool host_page_fault(u64 address, u64 error);        /* slot.c: resolved from current's region table */
bool host_map_page(u64 address, u32 prot, u64 object_page, const void *fill, u64 bytes); /* hypercall.c */
bool uaccess_fixup(struct kx_frame *);
void test_failed(const char *file, int line, const char *what, long a, long b);
extern u64 hosted_commons_limit;
extern int commons_fd;
#endif
