/* What the kernel wants of the flattened device tree (Devicetree Specification 0.4, 5): memory, command line, initrd, devices. */
#include "../core/kernel.h"
#include "board.h"

#define FDT_MAGIC 0xd00dfeedu
enum { NODE_BEGIN = 1, NODE_END, PROPERTY, NOP };

struct boot_memory boot_memory;

struct node { const char *name, *compatible; const u32 *reg, *interrupts; };

static u32 big(const u32 *p) { return __builtin_bswap32(*p); }

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static bool has_zero(u32 word) { return (word - 0x01010101u) & ~word & 0x80808080u; }

static u32 address_of(const u32 *cells, u32 bytes) { return big(bytes == 8 ? cells + 1 : cells); }

/* initrd, bootargs: of /chosen. reg: address and size of two cells each; interrupts: kind (0: shared), number, flags (GIC binding). */
static void note_property(struct node *n, const char *name, const u32 *value, u32 bytes)
{
	if (same(name, "linux,initrd-start"))
		boot_memory.initrd = address_of(value, bytes);
	else if (same(name, "linux,initrd-end"))
		boot_memory.initrd_end = address_of(value, bytes);
	else if (same(name, "bootargs"))
		for (u32 i = 0; i < bytes && i < sizeof boot_info.arguments - 1; i++)
			boot_info.arguments[i] = ((const char *)value)[i];
	else if (same(name, "compatible"))
		n->compatible = (const char *)value;
	else if (same(name, "reg") && bytes >= 16)
		n->reg = value;
	else if (same(name, "interrupts") && bytes >= 12)
		n->interrupts = value;
}

static void note_node(const struct node *n)
{
	static const struct { const char *compatible; u32 kind; } known[] = {
		{ "virtio,mmio", MK_DEVICE_VIRTIO }, { "arm,pl011", MK_DEVICE_PL011 }, { "arm,pl031", MK_DEVICE_PL031 },
	};
	u32 physical = n->reg ? big(n->reg + 1) : 0, bytes = n->reg ? big(n->reg + 3) : 0;
	u32 irq = n->interrupts && !big(n->interrupts) ? 32 + big(n->interrupts + 1) : 0;

	if (n->reg && same(n->name, "memory@40000000"))
		boot_memory.end = physical + (bytes > 0x80000000u - MK_PAGE || big(n->reg + 2) ? 0x80000000u - MK_PAGE : bytes);
	for (u32 i = 0; i < COUNT(known); i++)
		if (n->compatible && same(n->compatible, known[i].compatible))
			boot_device(known[i].kind, physical, bytes, irq);
}

/* A node's properties come before the nodes in it (5.4.2): so it is known whole where the next begins, or it ends. */
void fdt_parse(const void *blob)
{
	const u32 *header = blob, *p = header + big(header + 2) / 4;
	const char *strings = (const char *)blob + big(header + 3);
	struct node node = { .name = "" };

	if (big(header) != FDT_MAGIC)
		panic("no device tree at %x", (u32)blob);
	for (;;) {
		u32 token = big(p++);

		if (token == PROPERTY) {
			u32 bytes = big(p);

			note_property(&node, strings + big(p + 1), p + 2, bytes);
			p += 2 + (bytes + 3) / 4;
		} else if (token == NODE_BEGIN || token == NODE_END) {
			note_node(&node);
			node = (struct node){ .name = "" };
			if (token == NODE_END)
				continue;
			node.name = (const char *)p;
			while (!has_zero(*p++))
				;
		} else if (token != NOP) {
			return;
		}
	}
}
