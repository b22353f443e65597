/* What the parts of the DNS server share. Names are in wire form (RFC 1035 section 3.1): labels with their lengths, the root's at
 * the end. */
#ifndef DNS_H
#define DNS_H
#include "text.h"

#define NAME_MOST 255
#define LABELS_MOST 127
#define LABEL_MOST 63
#define MESSAGE_MOST 65535
#define PLAIN_MOST 512           /* of UDP without EDNS (RFC 1035 section 4.2.1) */
#define PAYLOAD 1232             /* of UDP with it: what passes unfragmented nearly everywhere (DNS flag day 2020) */
#define QUERY_MOST 4096          /* over TCP */
#define CHAIN_MOST 16            /* aliases that are followed */
#define CONNECTIONS_MOST 1024

enum { TYPE_A = 1, TYPE_NS = 2, TYPE_CNAME = 5, TYPE_SOA = 6, TYPE_PTR = 12, TYPE_MX = 15, TYPE_AAAA = 28, TYPE_SRV = 33,
	TYPE_OPT = 41, TYPE_DS = 43, TYPE_TSIG = 250, TYPE_IXFR = 251, TYPE_AXFR = 252, TYPE_MAILB = 253, TYPE_MAILA = 254,
	TYPE_ANY = 255 };
enum { CLASS_IN = 1, CLASS_ANY = 255 };
enum { NOERROR = 0, FORMERR = 1, SERVFAIL = 2, NXDOMAIN = 3, NOTIMP = 4, REFUSED = 5, BADVERS = 16 };

static inline uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static inline void set16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline void set32(uint8_t *at, uint32_t value)
{
	set16(at, value >> 16);
	set16(at + 2, value);
}

/* ---- name.c ---- */

/* A name taken apart: in lower case, with where its labels begin and the hash of each of its ends. */
struct labels {
	uint8_t name[NAME_MOST];
	uint8_t bytes, count;              /* count without the root */
	uint8_t start[LABELS_MOST];
	uint32_t hash[LABELS_MOST];        /* of the part from label i on */
};
size_t name_bytes(const uint8_t *name);                     /* of a whole, sound one */
size_t name_check(const uint8_t *at, const uint8_t *end);   /* -> its bytes; 0: cut off, too long or compressed */
void name_labels(const uint8_t *name, size_t bytes, struct labels *labels);
bool name_same(const uint8_t *a, const uint8_t *b, size_t bytes); /* whatever their case */
/* From text, with "\" escapes, relative to the origin unless it ends in a dot -> bytes; 0: it is none. */
size_t name_parse(struct span text, const uint8_t *origin, uint8_t to[NAME_MOST]);

/* ---- zone.c ---- */

struct rrset {
	struct rrset *next;
	uint32_t ttl, bytes;               /* bytes of the data */
	uint16_t type, count;
	uint8_t data[];                    /* of each record: its length (2 bytes) and itself, names not compressed */
};

/* A name of the zone; also one that has no records but names below it. */
struct node {
	struct node *next;                 /* of the same bucket */
	struct node *parent, *wildcard;    /* its child "*", or NULL */
	struct node *cut;                  /* the delegation it is at or below, or NULL: the zone's own */
	struct rrset *rrsets;
	uint32_t hash;
	uint8_t bytes;
	uint8_t name[];                    /* in lower case */
};

struct zone {
	struct node **buckets;
	uint32_t mask, count;
	struct node *apex;
	const struct rrset *soa;
	uint32_t negative_ttl;             /* RFC 2308 section 5 */
};
extern struct zone zone;

const char *zone_add(const uint8_t *owner, uint16_t type, uint32_t ttl, struct span data); /* NULL, or why not */
const char *zone_finish(void);
void zone_clear(void);
/* The node of the name, or of its closest ancestor in the zone (RFC 4592 section 3.3.1); NULL: outside. *exact: it is the name's. */
struct node *zone_find(const struct labels *labels, bool *exact);
const struct rrset *rrset_of(const struct node *node, uint16_t type);

/* ---- load.c, lexer.c, rdata.c ---- */
const char *zone_load(const char *path);                    /* NULL, or why not, with the line */

enum token { WORD, QUOTED, LINE_END, FILE_END, TOKEN_BAD };
#define TOKEN_MOST 2048
struct lexer {
	struct app_file file;
	uint32_t offset;                   /* of the file that was read */
	uint32_t line;
	uint16_t at, filled;
	uint8_t parentheses;
	bool line_start, blank_first;      /* the line began with a blank: the owner is the one before */
	bool again;                        /* the last token is to be had once more */
	enum token last;
	struct span text;                  /* of the token, escapes as they are */
	const char *wrong;                 /* of TOKEN_BAD */
	uint8_t buffer[4096], token[TOKEN_MOST];
};
bool lexer_open(struct lexer *lexer, const char *path);
enum token lexer_next(struct lexer *lexer);

uint16_t type_parse(struct span text);                      /* 0: unknown */
bool ttl_parse(struct span text, uint32_t *ttl);
#define RDATA_MOST 65535
/* The rest of the line as data of that type -> NULL, or what is wrong. */
const char *rdata_parse(struct lexer *lexer, uint16_t type, const uint8_t *origin, uint8_t to[RDATA_MOST], size_t *bytes);
bool type_compresses(uint16_t type, size_t *name_at);       /* whether names in its data may be compressed; the first is there */
bool address_parse(struct span text, bool six, uint8_t to[16]); /* address.c */

/* ---- query.c ---- */
struct query {
	uint16_t id, flags, type, class;
	const uint8_t *question;           /* as it came: its case is given back */
	size_t name_bytes;                 /* 0: there is no question to give back */
	bool edns, dnssec_ok;
	uint16_t payload;
};
#define NO_ANSWER (-1)
int query_parse(const uint8_t *at, size_t bytes, struct query *query); /* -> response code so far, or NO_ANSWER */

/* ---- message.c ---- */
#define REMEMBERED 48
struct message {
	uint8_t *start, *at, *end;
	uint16_t counts[4];                /* question, answer, authority, additional */
	unsigned section;
	bool full;                         /* something did not fit */
	unsigned names;                    /* that can be pointed to */
	struct {
		const uint8_t *name;
		uint16_t offset;
		uint8_t bytes;
	} known[REMEMBERED];
};
enum { QUESTION, ANSWER, AUTHORITY, ADDITIONAL };
void message_begin(struct message *m, uint8_t *start, size_t room, const struct query *query);
/* All records of the set, or none and the message is full. The owner's name must stay as long as the message. */
bool message_rrset(struct message *m, const uint8_t *owner, const struct rrset *rrset, uint32_t ttl);
bool message_has_room(const struct message *m, size_t bytes);
size_t message_end(struct message *m, const struct query *query, unsigned code, bool authoritative);
const uint8_t *rdata_name(const struct rrset *rrset, const uint8_t *record); /* the name in it, or NULL */

/* ---- answer.c ---- */
size_t answer(const uint8_t *in, size_t bytes, uint8_t *out, size_t room, bool datagram); /* 0: none */
#endif
