/* Responses, with names compressed (RFC 1035 section 4.1.4). */
#include "dns.h"

#define HEADER 12
#define OPT_BYTES 11
#define POINTER_MOST 0x3fff

void message_begin(struct message *m, uint8_t *start, size_t room, const struct query *query)
{
	m->start = start;
	m->at = start + HEADER;
	m->end = start + room - (query->edns ? OPT_BYTES : 0);
	memset(m->counts, 0, sizeof m->counts);
	m->section = ANSWER;
	m->full = false;
	m->names = 0;
	if (!query->name_bytes)
		return;
	memcpy(m->at, query->question, query->name_bytes + 4);
	for (size_t i = 0; query->question[i] && m->names < REMEMBERED / 2; i += 1u + query->question[i], m->names++) {
		m->known[m->names].name = query->question + i;
		m->known[m->names].offset = (uint16_t)(HEADER + i);
		m->known[m->names].bytes = (uint8_t)(query->name_bytes - i);
	}
	m->at += query->name_bytes + 4;
	m->counts[QUESTION] = 1;
}

bool message_has_room(const struct message *m, size_t bytes)
{
	return (size_t)(m->end - m->at) >= bytes;
}

static bool put(struct message *m, const uint8_t *bytes, size_t count)
{
	if (!message_has_room(m, count))
		return false;
	memcpy(m->at, bytes, count);
	m->at += count;
	return true;
}

/* Where the name, or an end of one, already stands; 0: nowhere. */
static uint16_t known(const struct message *m, const uint8_t *name, size_t bytes)
{
	for (unsigned i = 0; i < m->names; i++)
		if (m->known[i].bytes == bytes && (m->known[i].name == name || name_same(m->known[i].name, name, bytes)))
			return m->known[i].offset;
	return 0;
}

/* A whole name: as many labels as are new, then a pointer to the rest. */
static bool put_name(struct message *m, const uint8_t *name, size_t bytes)
{
	for (; *name; bytes -= 1u + *name, name += 1u + *name) {
		uint16_t offset = known(m, name, bytes);

		if (offset) {
			uint8_t pointer[2] = { (uint8_t)(0xc0 | offset >> 8), (uint8_t)offset };

			return put(m, pointer, 2);
		}
		if (m->names < REMEMBERED && m->at - m->start <= POINTER_MOST) {
			m->known[m->names].name = name;
			m->known[m->names].offset = (uint16_t)(m->at - m->start);
			m->known[m->names++].bytes = (uint8_t)bytes;
		}
		if (!put(m, name, 1u + *name))
			return false;
	}
	return put(m, name, 1);
}

/* Data with names in it: what is before the first, the names (SOA has two), what is after. */
static bool put_compressed(struct message *m, const uint8_t *data, size_t bytes, size_t name_at, unsigned names)
{
	const uint8_t *end = data + bytes;

	if (!put(m, data, name_at))
		return false;
	for (data += name_at; names; names--) {
		size_t n = name_bytes(data);

		if (!put_name(m, data, n))
			return false;
		data += n;
	}
	return put(m, data, (size_t)(end - data));
}

static bool put_record(struct message *m, const uint8_t *owner, const struct rrset *rrset, uint32_t ttl, const uint8_t *record)
{
	uint8_t *fixed;
	size_t name_at;
	bool fits;

	if (!put_name(m, owner, name_bytes(owner)) || !message_has_room(m, 10))
		return false;
	fixed = m->at;
	m->at += 10;
	set16(fixed, rrset->type);
	set16(fixed + 2, CLASS_IN);
	set32(fixed + 4, ttl);
	if (type_compresses(rrset->type, &name_at))
		fits = put_compressed(m, record + 2, get16(record), name_at, rrset->type == TYPE_SOA ? 2 : 1);
	else
		fits = put(m, record + 2, get16(record));
	if (fits)
		set16(fixed + 8, (uint32_t)(m->at - fixed - 10));
	return fits;
}

bool message_rrset(struct message *m, const uint8_t *owner, const struct rrset *rrset, uint32_t ttl)
{
	uint8_t *before = m->at;
	unsigned names_before = m->names;
	const uint8_t *record = rrset->data;

	for (unsigned i = 0; i < rrset->count; i++, record += 2 + get16(record))
		if (!put_record(m, owner, rrset, ttl, record)) {
			m->at = before;
			m->names = names_before;
			m->full = true;
			return false;
		}
	m->counts[m->section] = (uint16_t)(m->counts[m->section] + rrset->count);
	return true;
}

/* OPT: the payload that is taken, the upper bits of the code, version 0, and DO as it was asked (RFC 3225 section 3). */
static void put_opt(struct message *m, const struct query *query, unsigned code)
{
	uint8_t opt[OPT_BYTES] = { 0, 0, TYPE_OPT };

	set16(opt + 3, PAYLOAD);
	opt[5] = (uint8_t)(code >> 4);
	opt[7] = (uint8_t)(query->dnssec_ok << 7);
	m->end += OPT_BYTES;
	put(m, opt, OPT_BYTES);
	m->counts[ADDITIONAL]++;
}

size_t message_end(struct message *m, const struct query *query, unsigned code, bool authoritative)
{
	uint32_t flags = 0x8000 | (query->flags & 0x7900u) | (code & 15); /* QR; opcode and RD as they came */

	if (m->full) { /* nothing but the question: the rest is asked for over TCP */
		m->at = m->start + HEADER + (query->name_bytes ? query->name_bytes + 4 : 0);
		m->counts[ANSWER] = m->counts[AUTHORITY] = m->counts[ADDITIONAL] = 0;
		flags |= 0x0200;
	}
	if (authoritative)
		flags |= 0x0400;
	if (query->edns)
		put_opt(m, query, code);
	set16(m->start, query->id);
	set16(m->start + 2, flags);
	for (unsigned i = 0; i < 4; i++)
		set16(m->start + 4 + 2 * i, m->counts[i]);
	return (size_t)(m->at - m->start);
}

const uint8_t *rdata_name(const struct rrset *rrset, const uint8_t *record)
{
	size_t name_at;

	if (!type_compresses(rrset->type, &name_at) && rrset->type != TYPE_SRV)
		return NULL;
	return record + 2 + name_at;
}
