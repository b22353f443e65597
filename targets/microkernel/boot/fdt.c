/* What the kernel wants of the flattened device tree (Devicetree Specification 0.4, 5): memory, command line, initrd, devices. */
#include "../core/kernel.h"
#include "board.h"
#include "boot.h"

#define FDT_MAGIC 0xd00dfeedu
#define NODE_BEGIN 1
#define NODE_END 2
#define PROPERTY 3
#define NOP 4
#define DEPTH 8

struct boot_memory boot_memory;

struct node { const char *name, *compatible; const u32 *reg, *interrupts; u32 reg_bytes, interrupt_bytes; };

static u32 big(const u32 *p) { return __builtin_bswap32(*p); }

bool same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static bool has_zero(u32 word) { return (word - 0x01010101u) & ~word & 0x80808080u; }

static u32 address_of(const u32 *cells, u32 bytes) { return big(bytes == 8 ? cells + 1 : cells); }

static void chosen_property(const char *name, const u32 *value, u32 bytes)
{
	if (same(name, "linux,initrd-start"))
		boot_memory.initrd = address_of(value, bytes);
	else if (same(name, "linux,initrd-end"))
		boot_memory.initrd_end = address_of(value, bytes);
	else if (same(name, "bootargs"))
		for (u32 i = 0; i < bytes && i < sizeof boot_info.arguments - 1; i++)
			boot_info.arguments[i] = ((const char *)value)[i];
}

static void note_property(struct node *n, const char *name, const u32 *value, u32 bytes)
{
	if (same(name, "compatible")) {
		n->compatible = (const char *)value;
	} else if (same(name, "reg")) {
		n->reg = value;
		n->reg_bytes = bytes;
	} else if (same(name, "interrupts")) {
		n->interrupts = value;
		n->interrupt_bytes = bytes;
	}
}

/* reg: address and size of two cells each; interrupts: kind (0: shared), number, flags (GIC binding). */
static void note_node(const struct node *n)
{
	u32 physical = n->reg_bytes >= 16 ? big(n->reg + 1) : 0, bytes = n->reg_bytes >= 16 ? big(n->reg + 3) : 0;
	u32 irq = n->interrupt_bytes >= 12 && !big(n->interrupts) ? 32 + big(n->interrupts + 1) : 0;

	if (same(n->name, "memory@40000000"))
		boot_memory.end = physical + (bytes > 0x80000000u - MK_PAGE || big(n->reg + 2) ? 0x80000000u - MK_PAGE : bytes);
	else if (n->compatible && same(n->compatible, "virtio,mmio"))
		boot_device(MK_DEVICE_VIRTIO, physical, bytes, irq);
	else if (n->compatible && same(n->compatible, "arm,pl011"))
		boot_device(MK_DEVICE_PL011, physical, bytes, irq);
	else if (n->compatible && same(n->compatible, "arm,pl031"))
		boot_device(MK_DEVICE_PL031, physical, bytes, irq);
}

void fdt_parse(const void *blob)
{
	const u32 *header = blob, *p = header + big(header + 2) / 4;
	const char *strings = (const char *)blob + big(header + 3);
	struct node nodes[DEPTH];
	u32 depth = 0;

	if (big(header) != FDT_MAGIC)
		panic("no device tree at %x", (u32)blob);
	boot_memory.tree = (u32)blob;
	boot_memory.tree_end = (u32)blob + big(header + 1);
	for (;;) {
		u32 token = big(p++);

		if (token == NODE_BEGIN) {
			if (depth == DEPTH)
				panic("the device tree is over %d deep", DEPTH);
			nodes[depth++] = (struct node){ .name = (const char *)p };
			while (!has_zero(*p))
				p++;
			p++;
		} else if (token == NODE_END && depth) {
			note_node(&nodes[--depth]);
		} else if (token == PROPERTY && depth) {
			u32 bytes = big(p);
			const char *name = strings + big(p + 1);

			note_property(&nodes[depth - 1], name, p + 2, bytes);
			if (same(nodes[depth - 1].name, "chosen"))
				chosen_property(name, p + 2, bytes);
			p += 2 + (bytes + 3) / 4;
		} else if (token != NOP) {
			return;
		}
	}
}
