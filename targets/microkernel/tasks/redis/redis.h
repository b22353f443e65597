/* What the parts of the RESP server share. */
#ifndef REDIS_H
#define REDIS_H
#include "number.h"
#include "value.h"

/* ---- limits ---- */
#define CLIENTS_MOST 4096
#define ARGUMENTS_MOST (1024 * 1024)  /* as Redis */
#define BULK_MOST (16u << 20)         /* of one argument */
#define REQUEST_MOST (32u << 20)      /* of a command */
#define LINE_MOST (64u << 10)         /* of an inline command, and of a line with a length: as Redis */
#define ARGUMENTS_INLINE 8            /* kept in the client itself */
#define SEGMENT 4096                  /* of memory for replies that wait for room */
#define BY_REFERENCE 1024             /* a string of so many bytes that does not fit is held, not copied */

/* ---- a client ---- */

/* A part of a reply that waits for room. */
struct segment {
	struct segment *next;
	struct string *owner;          /* held; NULL: the bytes are its own */
	const uint8_t *at;
	uint32_t bytes, capacity;
	uint8_t own[];
};

/* A request as far as it has come. Its bytes are in the driver's input, or from a piece that was not whole on in the buffer. */
struct request {
	uint8_t *buffer;
	uint32_t bytes, capacity;
	uint32_t start;                /* of the command in the buffer */
	uint32_t at;                   /* bytes of the command that are parsed */
	uint32_t left;                 /* arguments still to come, if begun */
	uint32_t bulk;                 /* bytes of the next argument, if has_bulk */
	bool begun, has_bulk;
	uint32_t argument_capacity;
	struct span inline_arguments[ARGUMENTS_INLINE];
};

struct watched {
	struct watched *next;
	struct span key;
	uint8_t copy[];
};

/* A command of a transaction; its arguments' bytes follow the last of them. */
struct queued {
	struct queued *next;
	const struct command *command;
	uint32_t argc;
	struct span argv[];
};

struct client {
	struct client *next, *previous;
	struct app_io *io;             /* while it runs */
	struct request request;
	const struct command *command;
	uint32_t argc;
	struct span *argv;             /* of the command that is executed */
	struct segment *pending, *pending_last;
	uint64_t id;
	struct string *name, *library, *library_version;
	struct queued *queue, *queue_last;
	struct watched *watched;
	uint8_t protocol;              /* 2 or 3 */
	bool closing;                  /* once what is pending is sent */
	bool lost;                     /* a reply found no memory: it becomes an error */
	bool multi, spoiled, dirty;    /* in a transaction; a command of it was refused; a watched key has changed */
};

struct server {
	struct dict keys;
	uint32_t expiring;             /* keys that have an expiry */
	uint32_t watchers;             /* watched keys of all clients */
	struct client clients;         /* a ring */
	uint32_t client_count;
	uint64_t clients_ever, commands_ever, expired_ever, hits, misses, started_ms;
	uint32_t expiry_cursor, random;
};
extern struct server server;

/* ---- request.c, inline.c ---- */
enum request_state { REQUEST_READY, REQUEST_EMPTY, REQUEST_MORE, REQUEST_BAD };
enum request_state request_next(struct client *c); /* BAD: answered, and the client is closing */
void request_done(struct client *c);               /* its arguments are no longer needed */
void request_free(struct client *c);
enum inline_state { INLINE_SPLIT, INLINE_UNBALANCED, INLINE_NO_MEMORY };
enum inline_state inline_split(struct client *c, uint8_t *line, size_t bytes); /* writes to the line */
bool request_argument(struct client *c, struct span argument); /* false: no memory */

/* ---- reply.c ---- */
bool reply_drain(struct client *c);                /* false: there was not enough room */
void reply_drop(struct client *c);
void reply_raw(struct client *c, const void *bytes, size_t count);
void reply_ok(struct client *c);
void reply_simple(struct client *c, const char *text);
void reply_error(struct client *c, const char *text); /* with its code in front */
void reply_error_about(struct client *c, const char *before, struct span what, const char *after);
void reply_integer(struct client *c, int64_t number);
void reply_bulk(struct client *c, struct span bytes);
void reply_string(struct client *c, struct string *s);
void reply_verbatim(struct client *c, struct span text);
void reply_millionths(struct client *c, int64_t number);
void reply_null(struct client *c);
void reply_null_array(struct client *c);
void reply_array(struct client *c, size_t count);
void reply_map(struct client *c, size_t pairs);
void reply_set(struct client *c, size_t count);

/* ---- commands.c ---- */
#define WRITES 1       /* changes keys */
#define GROWS 2        /* may need memory */
#define FAST 4
#define AT_ONCE 8      /* not queued in a transaction */
#define CONTAINER 16   /* argument 1, if any, names a subcommand */
#define SUBCOMMAND 32  /* its name is "container|subcommand" */

struct command {
	const char *name;
	int8_t arity;      /* with the name; negative: at least */
	uint8_t flags;
	int8_t first, last, step; /* where its keys are */
	void (*run)(struct client *);
};
extern const struct command *const command_groups[];
void commands_begin(void);
const struct command *command_find(struct span name);
void command_execute(struct client *c);
void wrong_arity(struct client *c);

/* ---- keys.c ---- */
struct node *key_find(struct span key);            /* NULL: not there, or expired by now */
bool key_typed(struct client *c, struct span key, enum kind kind, void **value); /* false: of another kind, and answered so;
                                                                                  * *value is NULL if it is not there */
void *key_or_new(struct client *c, struct span key, enum kind kind); /* NULL: answered */
bool key_assign(struct node *node, struct span key, struct span bytes); /* a string; node: the key's, or NULL: there is none.
                                                                         * Its expiry stays. false: no memory */
bool key_set(struct span key, void *value);        /* takes the value over, unless there is no memory: false. No expiry */
void key_expires(struct node *node, int64_t unix_ms); /* 0: not at all */
bool key_delete(struct span key);
void key_changed(struct span key);                 /* whoever watches it is told */
void key_delete_if_empty(struct span key, void *value);
void keys_clear(void);
void keys_expire_some(void);
bool key_has_expired(const struct node *node);

/* ---- transaction.c ---- */
void exec(struct client *c);
void exec_refused(struct client *c);               /* for its number of arguments */
bool transaction_takes(struct client *c);          /* the command was queued, or refused: answered */
void transaction_forget(struct client *c);
void unwatch(struct client *c);

/* ---- glob.c ---- */
bool glob_matches(struct span pattern, struct span text);

/* ---- shared by commands ---- */
#define NO_MEMORY "OOM command not allowed when used memory > 'maxmemory'."
#define NOT_AN_INTEGER "ERR value is not an integer or out of range"
#define NOT_A_FLOAT "ERR value is not a valid float"
#define SYNTAX "ERR syntax error"
#define WRONG_TYPE "WRONGTYPE Operation against a key holding the wrong kind of value"

bool argument_integer(struct client *c, uint32_t index, int64_t *number); /* false: answered */
uint32_t next_random(void);
#endif
