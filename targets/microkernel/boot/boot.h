/* What the boot layer's files tell each other. */
#ifndef MK_BOOT_H
#define MK_BOOT_H

struct boot_memory { u32 end, initrd, initrd_end, tree, tree_end; }; /* physical addresses */
extern struct boot_memory boot_memory;

bool same(const char *a, const char *b);
void boot_device(u32 kind, u32 physical, u32 bytes, u32 irq);
#endif
