/* From the name of a program to ELF files: its own, or its script's interpreter's, and its dynamic loader's. */
#include "../fs/fs.h"
#include "mm.h"

#define SCRIPT_LINE 256          /* Linux' BINPRM_BUF_SIZE */
#define SCRIPT_DEPTH 5

long program_open(int dirfd, const char *path, u32 at_flags, struct file **out)
{
	struct path *p;
	u32 walk = at_flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW;
	if (at_flags & AT_EMPTY_PATH)
		walk |= WALK_EMPTY;
	long e = path_lookup(dirfd, path, walk, &p);
	if (e)
		return e;
	if ((at_flags & AT_SYMLINK_NOFOLLOW) && S_ISLNK(p->inode->mode))
		e = -ELOOP;
	else if (!S_ISREG(p->inode->mode))
		e = -EACCES;
	else
		e = inode_permission(p->inode, 1);
	if (!e)
		e = path_open(p, O_RDONLY, out);
	path_put(p);
	return e;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

/* "#! interpreter [argument]": cut in place. */
static long script_parse(char *line, size_t n, char **interpreter, char **argument)
{
	line[n] = 0;
	char *end = strchr(line, '\n');
	bool cut = !end && n >= SCRIPT_LINE - 1;
	if (!end)
		end = line + strlen(line);
	while (end > line + 2 && blank(end[-1]))
		end--;
	*end = 0;
	char *s = line + 2;
	while (blank(*s))
		s++;
	if (!*s)
		return -ENOEXEC;
	*interpreter = s;
	while (*s && !blank(*s))
		s++;
	if (!*s) {
		*argument = NULL;
		return cut ? -ENOEXEC : 0; /* nobody knows how long the name is */
	}
	*s++ = 0;
	while (blank(*s))
		s++;
	*argument = *s ? s : NULL;
	return 0;
}

/* name: the script's on entry, its interpreter's on return */
static long script_follow(struct program *p, char *head, size_t n, char *name)
{
	char *interpreter, *argument;
	long e = script_parse(head, n < SCRIPT_LINE ? n : SCRIPT_LINE - 1, &interpreter, &argument);
	if (e)
		return e;
	const char *strings[3] = { interpreter };
	u32 count = 1;
	if (argument)
		strings[count++] = argument;
	strings[count++] = *name ? name : p->name;
	e = args_prepend(&p->args, strings, count);
	struct file *f;
	if (!e)
		e = program_open(AT_FDCWD, interpreter, 0, &f);
	if (e)
		return e;
	file_put(p->file);
	p->file = f;
	strlcpy(name, interpreter, SCRIPT_LINE);
	return 0;
}

static long parse_file(struct file *f, char *head, size_t n, struct elf_plan *plan)
{
	struct stat st;
	long e = file_stat(f, &st);
	if (e)
		return e;
	e = elf_parse(head, n, (u64)st.st_size, plan);
	if (e != -ENODATA)
		return e;
	size_t bytes = plan->headers * sizeof(struct elf64_phdr);
	void *headers = kmalloc(bytes);
	if (!headers)
		return -ENOMEM;
	long got = file_read_kernel(f, headers, bytes, plan->headers_offset);
	e = got == (long)bytes ? elf_parse_headers(headers, (u64)st.st_size, plan) : got < 0 ? got : -ENOEXEC;
	kfree(headers);
	return e;
}

/* Through scripts to an ELF file. head: ELF_HEAD_BYTES + 1. */
static long find_binary(struct program *p, char *head)
{
	char name[SCRIPT_LINE] = "";
	for (u32 depth = 0; depth <= SCRIPT_DEPTH; depth++) {
		long n = file_read_kernel(p->file, head, ELF_HEAD_BYTES, 0);
		if (n < 0)
			return n;
		if (n < 2 || head[0] != '#' || head[1] != '!')
			return parse_file(p->file, head, (size_t)n, &p->plan);
		long e = script_follow(p, head, (size_t)n, name);
		if (e)
			return e;
	}
	return -ELOOP;
}

static long find_interpreter(struct program *p, char *head)
{
	u32 bytes = p->plan.interpreter_bytes;
	if (!bytes)
		return 0;
	long n = file_read_kernel(p->file, head, bytes, p->plan.interpreter_offset);
	if (n != (long)bytes || head[bytes - 1] || !*head)
		return n < 0 ? n : -ENOEXEC;
	long e = program_open(AT_FDCWD, head, 0, &p->interpreter);
	if (e)
		return e;
	n = file_read_kernel(p->interpreter, head, ELF_HEAD_BYTES, 0);
	if (n < 0)
		return n;
	e = parse_file(p->interpreter, head, (size_t)n, &p->interpreter_plan);
	return e == -ENOEXEC || p->interpreter_plan.interpreter_bytes ? -ELIBBAD : e;
}

long program_prepare(struct program *p)
{
	struct stat st;
	char *head = kmalloc(ELF_HEAD_BYTES + 1);
	if (!head)
		return -ENOMEM;
	long e = find_binary(p, head);
	if (!e)
		e = find_interpreter(p, head);
	kfree(head);
	if (!e)
		e = file_stat(p->file, &st);
	if (e)
		return e;
	p->mode = st.st_mode;
	p->uid = st.st_uid;
	p->gid = st.st_gid;
	return program_map(p);
}

void program_free(struct program *p)
{
	args_free(&p->args);
	kfree(p->name);
	if (p->file)
		file_put(p->file);
	if (p->interpreter)
		file_put(p->interpreter);
	mm_put(p->mm);
	kfree(p);
}
