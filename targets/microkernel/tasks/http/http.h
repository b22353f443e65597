/* What the parts of the HTTP server share. RFC 9110 is the semantics, RFC 9112 the messages of HTTP/1.1. */
#ifndef HTTP_H
#define HTTP_H
#include "pending.h"
#include "text.h"

/* ---- limits ---- */
#define CONNECTIONS_MOST 4096
#define HEAD_MOST 16384          /* bytes of a request's line and fields: 431 */
#define TARGET_MOST 8192         /* of its line: 414 */
#define FIELDS_MOST 100          /* 431 */
#define PATH_MOST 512            /* of a path, decoded: 414 */
#define BODY_MOST (1u << 20)     /* of a request's body, which is dropped: 413 */
#define CHUNK_LINE_MOST 256      /* of a chunk's size with its extensions; of all trailers HEAD_MOST */

/* ---- a request ---- */
enum method { GET, HEAD, OTHER_METHOD, UNKNOWN_METHOD };

/* A field that must stand alone. */
struct field {
	struct span value;
	uint8_t times;           /* that it was there */
};

struct request {
	enum method method;
	bool minor;              /* HTTP/1.1 or a later 1.x, not 1.0 */
	struct span path;        /* of the target: as it came, without the query */
	bool close, keep_alive;  /* words of Connection */
	bool chunked, has_length, expects;
	uint64_t length;
	struct field host, content_length, transfer_encoding, range, if_match, if_none_match, if_modified, if_unmodified, if_range;
};

/* -> 0, or the status that refuses it */
unsigned request_parse(struct span head, struct request *r);              /* parse.c */
unsigned request_framing(struct request *r);                              /* fields.c: what the body's length is */
void request_field(struct request *r, struct span name, struct span value); /* fields.c */
unsigned path_decode(struct span path, char to[PATH_MOST]);               /* path.c */
extern const uint32_t token_bits[8];                                      /* parse.c */

static inline bool is_token(uint8_t c)
{
	return token_bits[c >> 5] >> (c & 31) & 1;
}

/* ---- a request's body, which is read and dropped ---- */
enum body_state { BODY_NONE, BODY_LENGTH, BODY_SIZE, BODY_SIZE_LF, BODY_CHUNK, BODY_CHUNK_CR, BODY_CHUNK_LF, BODY_TRAILER,
	BODY_TRAILER_LF };
struct body {
	enum body_state state;
	uint32_t left;           /* of what has a length */
	uint32_t total;          /* of chunks so far */
	uint16_t line;           /* bytes of a line so far; of all trailers */
	bool digits, extension, line_begun;
};
void body_begin(struct body *b, const struct request *r);
bool body_skip(struct body *b, struct app_io *io); /* false: malformed or too large. Over when its state is BODY_NONE */

/* ---- a response ---- */
struct range {
	uint32_t first, bytes;
};
enum range_state { RANGE_NONE, RANGE_ONE, RANGE_UNSATISFIABLE };
enum range_state range_parse(struct span value, uint32_t size, struct range *range); /* range.c */

struct file_tags {
	char tag[32];            /* with its quotes */
	size_t tag_bytes;
	int64_t modified_s;
};
void file_tags(const struct app_file *file, struct file_tags *tags);       /* conditions.c */
unsigned conditions_fail(const struct request *r, const struct file_tags *tags); /* 304, 412, or 0 */
bool range_applies(const struct request *r, const struct file_tags *tags);

#define DATE_BYTES 29            /* "Sun, 06 Nov 1994 08:49:37 GMT" */
void date_put(int64_t unix_s, char to[DATE_BYTES]);                        /* date.c */
bool date_get(struct span text, int64_t *unix_s);

struct span content_type(const char *path);                                /* types.c */

/* What is to be said; built in one buffer that all connections share, since it is put out at once (response.c). */
struct response {
	unsigned status;
	bool closing, keeping, head_only;
	struct span type;
	uint32_t bytes;          /* of the body */
	const struct file_tags *tags; /* NULL: of no file */
	uint32_t size;           /* of the file, for 206 and 416 */
	struct range range;
	const char *location;    /* of 301; a decoded path */
};
struct span response_head(const struct response *r);                      /* with the body, if it is no file's */

/* ---- a connection ---- */
struct connection {
	uint8_t *head;           /* of a request that did not come in one piece */
	uint32_t head_bytes, head_capacity;
	uint8_t end_of_line;     /* how much of the end of the head has been seen: 1 LF, 2 LF CR */
	bool line_over;          /* the request's line has come whole */
	bool closing;            /* when all is sent */
	bool sending;            /* the file is open: of it, from offset on, */
	uint32_t offset, left;
	struct app_file file;
	struct body body;
	struct pending pending;  /* of a response's head */
};
void answer(struct connection *c, struct app_io *io, const struct request *r);        /* answer.c */
void answer_error(struct connection *c, struct app_io *io, unsigned status);           /* and close */
bool connection_put(struct connection *c, struct app_io *io, struct span bytes);      /* http.c; false: no memory, and closing */
#endif
