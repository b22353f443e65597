/* Where one response ends and the next begins, and whether it was a good one. Responses are never stored:
 * the framers are byte-stream machines that take any split of the stream and skip bodies. */
#ifndef KXB_FRAMING_H
#define KXB_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum frame {
	FRAME_MORE,	 /* all bytes used, the response goes on */
	FRAME_OK,	 /* one whole good response */
	FRAME_REFUSED,	 /* one whole response that says no: RESP error, HTTP status other than 200, DNS rcode or TC */
	FRAME_MALFORMED, /* not the protocol: the stream cannot be followed any further */
};

#define FRAME_MAX_DEPTH 8		  /* nesting of RESP arrays */
#define FRAME_MAX_ELEMENTS (1u << 20)	  /* of one RESP array */
#define FRAME_MAX_BULK (512ULL << 20)	  /* redis: proto-max-bulk-len */
#define FRAME_MAX_LINE (64u << 10)	  /* a RESP text line; all header lines of an HTTP response */
#define FRAME_MAX_BODY (1ULL << 40)	  /* HTTP Content-Length */
#define FRAME_MAX_INTERIM 8		  /* 1xx responses before the final one */
#define FRAME_TEXT 128			  /* bytes kept of a header line that is split between reads */

struct framer {
	uint64_t skip;	 /* bytes of the body or chunk still to come */
	uint64_t number; /* being read (RESP) */
	uint32_t line;	 /* bytes of the line, or of the HTTP head, so far */
	uint32_t remaining[FRAME_MAX_DEPTH];
	uint16_t status;
	uint8_t state, depth, digits, type, interim;
	bool negative, refused;
	bool has_length, chunked, closing; /* HTTP; closing: the server will close after this response */
	bool cut;			   /* the split line was longer than text */
	uint8_t text_length;
	char text[FRAME_TEXT];
};

/* Ready for the first byte of a response. */
void framer_reset(struct framer *f);

/* Use bytes up to the end of one response at most; *used says how many. On anything but FRAME_MORE the
 * framer is ready for the next response (`closing` stays readable until then). */
enum frame frame_resp(struct framer *f, const uint8_t *data, size_t length, size_t *used);
enum frame frame_http(struct framer *f, const uint8_t *data, size_t length, size_t *used);

/* One datagram. *id is set unless it is FRAME_MALFORMED for being shorter than a DNS header. */
enum frame frame_dns(const uint8_t *data, size_t length, uint16_t *id);

#endif
