/* The zone in memory: a hash table of all its names, each with its record sets. */
#include "dns.h"

#define BUCKETS_FIRST 256

struct zone zone;

/* ---- finding ---- */

static struct node *find_end(const struct labels *l, unsigned label)
{
	const uint8_t *name = l->name + l->start[label];
	size_t bytes = (size_t)(l->bytes - l->start[label]);
	struct node *node;

	for (node = zone.buckets[l->hash[label] & zone.mask]; node; node = node->next)
		if (node->hash == l->hash[label] && node->bytes == bytes && equal(node->name, name, bytes))
			break;
	return node;
}

struct node *zone_find(const struct labels *l, bool *exact)
{
	*exact = true;
	for (unsigned label = 0; label < l->count && l->bytes - l->start[label] >= zone.apex->bytes; label++) {
		struct node *node = find_end(l, label);

		if (node)
			return node;
		*exact = false;
	}
	if (zone.apex->bytes == 1) { /* the root itself */
		*exact = !l->count;
		return zone.apex;
	}
	return NULL;
}

const struct rrset *rrset_of(const struct node *node, uint16_t type)
{
	const struct rrset *rrset = node->rrsets;

	while (rrset && rrset->type != type)
		rrset = rrset->next;
	return rrset;
}

/* ---- building ---- */

static bool grow(void)
{
	uint32_t buckets = zone.buckets ? 2 * (zone.mask + 1) : BUCKETS_FIRST;
	struct node **table;

	if (zone.buckets && zone.count <= zone.mask)
		return true;
	if (!(table = app_allocate(buckets * sizeof *table)))
		return zone.buckets; /* the old one will do, if there is one */
	memset(table, 0, buckets * sizeof *table);
	for (uint32_t i = 0; zone.buckets && i <= zone.mask; i++)
		for (struct node *node = zone.buckets[i], *next; node; node = next) {
			next = node->next;
			node->next = table[node->hash & (buckets - 1)];
			table[node->hash & (buckets - 1)] = node;
		}
	app_release(zone.buckets);
	zone.buckets = table;
	zone.mask = buckets - 1;
	return true;
}

static struct node *node_new(const struct labels *l, unsigned label)
{
	size_t bytes = label < l->count ? (size_t)(l->bytes - l->start[label]) : 1;
	struct node *node;

	if (!grow() || !(node = app_allocate(sizeof *node + bytes)))
		return NULL;
	memset(node, 0, sizeof *node);
	node->hash = label < l->count ? l->hash[label] : app_seed;
	node->bytes = (uint8_t)bytes;
	memcpy(node->name, l->name + l->bytes - bytes, bytes);
	node->next = zone.buckets[node->hash & zone.mask];
	zone.buckets[node->hash & zone.mask] = node;
	zone.count++;
	return node;
}

/* The node of the name, made together with those between it and its closest ancestor. NULL: no memory. */
static struct node *node_make(const struct labels *l)
{
	bool exact;
	struct node *node = zone_find(l, &exact);
	unsigned label;

	if (exact)
		return node;
	for (label = 0; l->bytes - l->start[label] > node->bytes; label++)
		if (label + 1u == l->count) { /* below the root, which has no label */
			label++;
			break;
		}
	while (label--) {
		struct node *child = node_new(l, label);

		if (!child)
			return NULL;
		child->parent = node;
		if (child->name[0] == 1 && child->name[1] == '*')
			node->wildcard = child;
		node = child;
	}
	return node;
}

static bool has_record(const struct rrset *rrset, struct span data)
{
	const uint8_t *at = rrset->data;

	for (unsigned i = 0; i < rrset->count; i++, at += 2 + get16(at))
		if (same_bytes((struct span){ at + 2, get16(at) }, data))
			return true;
	return false;
}

/* As the last record of its set; one that is there already is no second one (RFC 2181 section 5). */
static const char *record_add(struct node *node, uint16_t type, uint32_t ttl, struct span data)
{
	struct rrset **at = &node->rrsets, *rrset;
	size_t had;

	while (*at && (*at)->type != type)
		at = &(*at)->next;
	if (*at && has_record(*at, data))
		return NULL;
	if (*at && (type == TYPE_CNAME || type == TYPE_SOA))
		return "a second CNAME or SOA";
	had = *at ? (*at)->bytes : 0;
	if (had + data.bytes + 2 > MESSAGE_MOST)
		return "a record set larger than any message";
	if (!(rrset = app_resize(*at, sizeof *rrset + had + data.bytes + 2)))
		return "no memory";
	if (!*at)
		*rrset = (struct rrset){ .type = type, .ttl = ttl };
	set16(rrset->data + had, (uint32_t)data.bytes);
	memcpy(rrset->data + had + 2, data.at, data.bytes);
	rrset->bytes = (uint32_t)(had + data.bytes + 2);
	rrset->count++;
	*at = rrset;
	return NULL;
}

const char *zone_add(const uint8_t *owner, uint16_t type, uint32_t ttl, struct span data)
{
	struct labels labels;
	struct node *node;
	bool exact;

	name_labels(owner, name_bytes(owner), &labels);
	if (!zone.apex) {
		if (type != TYPE_SOA)
			return "the first record must be the SOA";
		if (!(zone.apex = node_new(&labels, 0)))
			return "no memory";
	}
	if (!zone_find(&labels, &exact))
		return "a name outside of the zone";
	if (!(node = node_make(&labels)))
		return "no memory";
	if (type == TYPE_SOA && node != zone.apex)
		return "a second SOA";
	return record_add(node, type, ttl, data);
}

/* The delegation nearest to the apex that the node is at or below: what is below it is another zone's. */
static struct node *cut_of(struct node *node)
{
	struct node *cut = NULL;

	for (; node && node != zone.apex; node = node->parent)
		if (rrset_of(node, TYPE_NS))
			cut = node;
	return cut;
}

const char *zone_finish(void)
{
	const uint8_t *soa;

	if (!zone.apex)
		return "no record";
	for (uint32_t i = 0; i <= zone.mask; i++)
		for (struct node *node = zone.buckets[i]; node; node = node->next) {
			node->cut = cut_of(node);
			if (rrset_of(node, TYPE_CNAME) && node->rrsets->next)
				return "a CNAME beside other records";
		}
	zone.soa = rrset_of(zone.apex, TYPE_SOA);
	if (!rrset_of(zone.apex, TYPE_NS))
		return "no NS record at its apex";
	soa = zone.soa->data;
	zone.negative_ttl = get32(soa + 2 + get16(soa) - 4);
	if (zone.soa->ttl < zone.negative_ttl)
		zone.negative_ttl = zone.soa->ttl;
	return NULL;
}

void zone_clear(void)
{
	for (uint32_t i = 0; zone.buckets && i <= zone.mask; i++)
		for (struct node *node = zone.buckets[i], *next; node; node = next) {
			next = node->next;
			for (struct rrset *rrset = node->rrsets, *after; rrset; rrset = after) {
				after = rrset->next;
				app_release(rrset);
			}
			app_release(node);
		}
	app_release(zone.buckets);
	zone = (struct zone){ 0 };
}
