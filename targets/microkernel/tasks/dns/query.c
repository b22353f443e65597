/* Queries (RFC 1035 section 4.1, EDNS: RFC 6891). */
#include "dns.h"

#define QR 0x8000
#define OPCODE 0x7800

struct cursor {
	const uint8_t *at, *end;
};

/* A record of the additional section; the name may be anything but must be sound. false: malformed. */
static bool additional(struct cursor *k, struct query *query, bool *bad_version)
{
	size_t name = name_check(k->at, k->end);
	const uint8_t *fixed = k->at + name;
	uint16_t type;

	if (!name || k->end - fixed < 10 || k->end - fixed - 10 < get16(fixed + 8))
		return false;
	type = get16(fixed);
	k->at = fixed + 10 + get16(fixed + 8);
	if (type != TYPE_OPT)
		return true;
	if (query->edns || name != 1) /* one, of the root */
		return false;
	query->edns = true;
	query->payload = get16(fixed + 2);
	query->dnssec_ok = fixed[6] >> 7;
	*bad_version = fixed[5];
	return true;
}

int query_parse(const uint8_t *at, size_t bytes, struct query *query)
{
	struct cursor k = { at + 12, at + bytes };
	bool bad_version = false;
	uint16_t more;

	*query = (struct query){ 0 };
	if (bytes < 12 || get16(at + 2) & QR) /* who answers answers goes round in circles */
		return NO_ANSWER;
	query->id = get16(at);
	query->flags = get16(at + 2);
	if (query->flags & OPCODE)
		return NOTIMP;
	if (get16(at + 4) != 1 || get16(at + 6) || get16(at + 8))
		return FORMERR;
	query->question = k.at;
	query->name_bytes = name_check(k.at, k.end);
	if (!query->name_bytes || k.end - k.at - (ptrdiff_t)query->name_bytes < 4) {
		query->name_bytes = 0;
		return FORMERR;
	}
	k.at += query->name_bytes;
	query->type = get16(k.at);
	query->class = get16(k.at + 2);
	k.at += 4;
	for (more = get16(at + 10); more; more--)
		if (!additional(&k, query, &bad_version))
			return FORMERR;
	if (k.at != k.end)
		return FORMERR;
	return bad_version ? BADVERS : NOERROR;
}
