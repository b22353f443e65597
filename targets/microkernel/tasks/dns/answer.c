/* How a question is answered: RFC 1034 section 4.3.2, wildcards RFC 4592, negative answers RFC 2308. */
#include "dns.h"

struct answering {
	struct message *m;
	const struct query *query;
	unsigned code;
	bool authoritative;
	const struct rrset *aliases[CHAIN_MOST]; /* that have been followed */
	unsigned alias_count;
};

/* The addresses of the names in a set's data, as far as the zone has them. false: one did not fit. */
static bool add_addresses(struct answering *a, const struct rrset *rrset, bool glue)
{
	static const uint16_t types[] = { TYPE_A, TYPE_AAAA };
	const uint8_t *record = rrset->data;
	struct labels labels;
	bool exact, all = true;

	a->m->section = ADDITIONAL;
	for (unsigned i = 0; i < rrset->count; i++, record += 2 + get16(record)) {
		const uint8_t *name = rdata_name(rrset, record);
		struct node *node;

		name_labels(name, name_bytes(name), &labels);
		node = zone_find(&labels, &exact);
		if (!node || !exact || (node->cut && !glue))
			continue;
		for (unsigned t = 0; t < 2; t++) {
			const struct rrset *addresses = rrset_of(node, types[t]);

			if (addresses)
				all &= message_rrset(a->m, name, addresses, addresses->ttl);
		}
	}
	return all;
}

/* Additional records are a service: what does not fit is left out, and the answer is whole without. */
static void add_service(struct answering *a, const struct rrset *rrset)
{
	if (a->m->full || (rrset->type != TYPE_MX && rrset->type != TYPE_NS && rrset->type != TYPE_SRV))
		return;
	add_addresses(a, rrset, false);
	a->m->full = false;
}

/* The zone below is another server's: its NS, and the addresses without which they are not found (RFC 9471). */
static void refer(struct answering *a, struct node *cut)
{
	const struct rrset *servers = rrset_of(cut, TYPE_NS);

	if (!a->m->counts[ANSWER])
		a->authoritative = false;
	a->m->section = AUTHORITY;
	if (message_rrset(a->m, cut->name, servers, servers->ttl))
		add_addresses(a, servers, true);
}

static void deny(struct answering *a, unsigned code)
{
	a->code = code;
	a->m->section = AUTHORITY;
	message_rrset(a->m, zone.apex->name, zone.soa, zone.negative_ttl);
}

/* The set that answers, from a node that has been found. ANY gets one set (RFC 8482 section 4.1). */
static const struct rrset *chosen(const struct node *node, uint16_t type)
{
	return type == TYPE_ANY ? node->rrsets : rrset_of(node, type);
}

/* The alias goes into the answer. -> what it is of, or NULL: enough, or a loop. */
static const uint8_t *follow_alias(struct answering *a, const uint8_t *name, const struct rrset *alias)
{
	for (unsigned i = 0; i < a->alias_count; i++)
		if (a->aliases[i] == alias)
			return NULL;
	if (a->alias_count == CHAIN_MOST || !message_rrset(a->m, name, alias, alias->ttl))
		return NULL;
	a->aliases[a->alias_count++] = alias;
	return alias->data + 2;
}

/* One name of the chain. -> the name it is an alias of, or NULL: done. */
static const uint8_t *follow(struct answering *a, const uint8_t *name)
{
	const struct rrset *rrset, *alias;
	struct labels labels;
	struct node *node;
	bool exact;

	name_labels(name, name_bytes(name), &labels);
	node = zone_find(&labels, &exact);
	if (!node) { /* an alias leads outside: the client goes on from there */
		if (!a->m->counts[ANSWER])
			a->code = REFUSED;
		a->authoritative = a->m->counts[ANSWER];
		return NULL;
	}
	if (node->cut && !(exact && node == node->cut && a->query->type == TYPE_DS)) {
		refer(a, node->cut);
		return NULL;
	}
	if (!exact && !(node = node->wildcard)) {
		deny(a, NXDOMAIN);
		return NULL;
	}
	rrset = chosen(node, a->query->type);
	alias = rrset ? NULL : rrset_of(node, TYPE_CNAME);
	if (alias)
		return follow_alias(a, name, alias);
	if (!rrset)
		deny(a, NOERROR);
	else if (message_rrset(a->m, name, rrset, rrset->ttl))
		add_service(a, rrset);
	return NULL;
}

static void answer_question(struct answering *a)
{
	uint16_t type = a->query->type;
	const uint8_t *name = a->query->question;

	if (a->query->class != CLASS_IN && a->query->class != CLASS_ANY) {
		a->code = REFUSED;
		return;
	}
	if (type == TYPE_AXFR || type == TYPE_IXFR) {
		a->code = REFUSED;
		return;
	}
	if (type == TYPE_MAILA || type == TYPE_MAILB || type == TYPE_TSIG || type == TYPE_OPT) {
		a->code = type == TYPE_MAILA || type == TYPE_MAILB ? NOTIMP : FORMERR;
		return;
	}
	a->authoritative = true;
	while (name)
		name = follow(a, name);
}

static size_t room_of(const struct query *query, size_t room, bool datagram)
{
	size_t most = query->edns ? query->payload : PLAIN_MOST;

	if (!datagram)
		return room < MESSAGE_MOST ? room : MESSAGE_MOST;
	most = most < PLAIN_MOST ? PLAIN_MOST : most > PAYLOAD ? PAYLOAD : most;
	return most < room ? most : room;
}

size_t answer(const uint8_t *in, size_t bytes, uint8_t *out, size_t room, bool datagram)
{
	static struct message m; /* its table of names is worth not being on a small stack */
	struct query query;
	struct answering a;
	int code = query_parse(in, bytes, &query);

	if (code == NO_ANSWER)
		return 0;
	a.m = &m;
	a.query = &query;
	a.code = (unsigned)code;
	a.authoritative = false;
	a.alias_count = 0;
	message_begin(&m, out, room_of(&query, room, datagram), &query);
	if (code == NOERROR)
		answer_question(&a);
	return message_end(&m, &query, a.code, a.authoritative);
}
