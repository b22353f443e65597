/* The file system server: one request after another, each answered at once. README.md describes it. */
#include "../../include/names.h"
#include "tree.h"

#define HANDLES (MK_SPACES * FILES_OPEN_MOST) /* as many as all may have: nobody takes another's */
#define ENDED_BIT 1u

/* Those of an index below `used` that are free are in a list, by their indices plus one. A file's number is its index and a count, so
 * that a stale one, also one that the server before this one gave, names nothing. */
static struct { struct node *node; unsigned space, number, next_free; bool write; } handles[HANDLES];
static unsigned first_free, used, count, open_of[MK_SPACES];
static bool known[MK_SPACES];

/* The lent pages. What is in them may change under the server: it is copied before it is looked at. */
struct pages { uint8_t *at; uint32_t bytes; bool write; };

static struct pages pages_of(const struct mk_message *m)
{
	if (!(m->tag & MK_TAG_GRANT))
		return (struct pages){ 0 };
	return (struct pages){ (uint8_t *)(m->word[7] & ~(MK_PAGE - 1)), m->word[8] * MK_PAGE, m->word[7] & MK_WRITE };
}

static int path_of(const struct mk_message *m, const struct pages *p, char path[FILES_PATH_MOST])
{
	uint32_t bytes = m->word[0];

	if (bytes > p->bytes || bytes > FILES_PATH_MOST)
		return FILES_EPATH;
	memcpy(path, p->at, bytes);
	return 0;
}

static void put_status(struct mk_message *m, const struct node *n)
{
	m->word[1] = n->bytes;
	m->word[2] = n->directory ? FILES_DIRECTORY : 0;
	m->word[3] = n->modified_s;
}

/* ---- Open files ---- */

/* Programs may have open files, for their ends are told; a space that some program has made may not. */
static bool may_open(unsigned space)
{
	if (!known[space % MK_SPACES])
		known[space % MK_SPACES] = mk_is_program(space);
	return known[space % MK_SPACES];
}

static int handle_make(unsigned space, struct node *n, bool write)
{
	unsigned h = first_free ? first_free - 1 : used;

	if (first_free)
		first_free = handles[h].next_free;
	else
		used++;
	handles[h].node = n;
	handles[h].space = space;
	handles[h].write = write;
	handles[h].number = (h + HANDLES * count++) & INT32_MAX;
	open_of[space % MK_SPACES]++;
	n->opens++;
	return (int)handles[h].number;
}

static struct node *handle_node(const struct mk_message *m, bool write)
{
	unsigned h = m->word[0] % HANDLES;

	return handles[h].node && handles[h].number == m->word[0] && handles[h].space == m->sender && (handles[h].write || !write) ?
		       handles[h].node :
		       NULL;
}

static void handle_close(unsigned h)
{
	struct node *n = handles[h].node;

	handles[h].node = NULL;
	handles[h].next_free = first_free;
	first_free = h + 1;
	open_of[handles[h].space % MK_SPACES]--;
	tree_release(n);
}

static void spaces_ended(void)
{
	static unsigned sequence;
	unsigned spaces[NAME_ENDED_MOST];
	int n;

	while ((n = mk_ended(&sequence, spaces, MK_COUNT(spaces))) > 0)
		for (int i = 0; i < n; i++) {
			known[spaces[i] % MK_SPACES] = false;
			for (unsigned h = 0; h < used && open_of[spaces[i] % MK_SPACES]; h++)
				if (handles[h].node && handles[h].space == spaces[i])
					handle_close(h);
		}
}

/* ---- Requests ---- */

static int find_or_make(const char *path, uint32_t bytes, unsigned flags, struct node **n)
{
	struct place place;
	int error = tree_find(path, bytes, n);

	if (error != FILES_ENONE || !(flags & FILES_MAKE))
		return error;
	error = tree_place(path, bytes, &place);
	return error ? error : tree_make(&place, false, n);
}

static int open_file(struct mk_message *m, const char *path)
{
	unsigned flags = m->word[1];
	struct node *n;
	int error, handle;

	if (!may_open(m->sender))
		return MK_ERIGHT;
	if (open_of[m->sender % MK_SPACES] == FILES_OPEN_MOST)
		return MK_EFULL;
	if (flags & ~(FILES_WRITE | FILES_MAKE | FILES_EMPTY) || (flags && !(flags & FILES_WRITE)))
		return MK_EARGUMENT;
	error = find_or_make(path, m->word[0], flags, &n);
	if (error)
		return error;
	if (n->directory && flags)
		return FILES_EKIND;
	handle = handle_make(m->sender, n, flags & FILES_WRITE);
	if (flags & FILES_EMPTY)
		node_empty(n);
	put_status(m, n);
	return handle;
}

static int transfer(const struct mk_message *m, const struct pages *p, bool write)
{
	struct node *n = handle_node(m, write);
	uint32_t bytes = m->word[2], at = m->word[3];

	if (!n)
		return MK_EHANDLE;
	if (n->directory)
		return FILES_EKIND;
	if (at > p->bytes || bytes > p->bytes - at || (!write && !p->write))
		return MK_EARGUMENT;
	return write ? node_write(n, m->word[1], p->at + at, bytes) : (int)node_read(n, m->word[1], p->at + at, bytes);
}

static int list(struct mk_message *m, const struct pages *p, const char *path)
{
	unsigned index = m->word[1];
	struct node *n;
	int error = tree_find(path, m->word[0], &n);

	if (error)
		return error;
	if (!n->directory)
		return FILES_EKIND;
	for (n = n->children; n && index; n = n->sibling)
		index--;
	if (!n)
		return FILES_ENONE;
	if (!p->write)
		return MK_EARGUMENT;
	memcpy(p->at, n->name, n->name_bytes);
	put_status(m, n);
	return n->name_bytes;
}

static int by_path(struct mk_message *m, const struct pages *p)
{
	char path[FILES_PATH_MOST];
	struct place place;
	struct node *n;
	int error = path_of(m, p, path);

	if (error)
		return error;
	switch (MK_LABEL(m->tag)) {
	case FILES_OPEN: return open_file(m, path);
	case FILES_LIST: return list(m, p, path);
	case FILES_FOLDER:
		error = tree_place(path, m->word[0], &place);
		return error ? error : tree_make(&place, true, &n);
	default: break;
	}
	error = tree_find(path, m->word[0], &n);
	if (error)
		return error;
	if (MK_LABEL(m->tag) == FILES_REMOVE)
		return tree_remove(n);
	put_status(m, n);
	return 0;
}

static void serve(struct mk_message *m)
{
	struct pages p = pages_of(m);
	int result;

	switch (MK_LABEL(m->tag)) {
	case FILES_OPEN:
	case FILES_STATUS:
	case FILES_LIST:
	case FILES_FOLDER:
	case FILES_REMOVE: result = by_path(m, &p); break;
	case FILES_READ: result = transfer(m, &p, false); break;
	case FILES_CHANGE: result = transfer(m, &p, true); break;
	case FILES_CLOSE:
		result = handle_node(m, false) ? 0 : MK_EHANDLE;
		if (!result)
			handle_close(m->word[0] % HANDLES);
		break;
	default: result = MK_ECALL; break;
	}
	m->tag = MK_TAG(0, 4);
	m->word[0] = (unsigned)result;
}

int main(void)
{
	unsigned port = (unsigned)mk_port_create(), reply = 0;
	struct mk_message m = { 0 };
	const char *wrong;
	void *window = mk_region(MK_GRANT_PAGES);

	count = mk_cycles();
	tree_init();
	wrong = archive_load();
	if (wrong)
		mk_fail("ramfs: %s", wrong);
	if (!window || mk_window(window, MK_GRANT_PAGES) || mk_watch(port, ENDED_BIT))
		mk_fail("ramfs: cannot serve");
	spaces_ended(); /* those of before are nobody's, and their numbers may be others' now */
	if (mk_name_register("ramfs", port, true))
		mk_fail("ramfs: there is one already");
	for (;;) {
		int token = mk_serve(reply, &m, port, 0);

		reply = token > 0 ? (unsigned)token : 0;
		if (reply)
			serve(&m);
		else if (token == 0 && m.tag & MK_TAG_NOTIFIED)
			spaces_ended();
	}
}
