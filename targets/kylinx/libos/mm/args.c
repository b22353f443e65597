/* The strings of execve(2), copied out of the caller's memory before it goes. */
#include "mm.h"

#define STRING_MAX (32 * KX_PAGE)            /* Linux' MAX_ARG_STRLEN */
#define TOTAL_MAX (6ul << 20)                /* three quarters of Linux' default stack */
#define COPY_BYTES 256

static u64 total_limit(void)
{
	u64 quarter = limit_of(current->proc, RLIMIT_STACK) / 4;
	return quarter > TOTAL_MAX ? TOTAL_MAX : quarter < STRING_MAX ? STRING_MAX : quarter;
}

static long room(struct exec_args *a, size_t more)
{
	/* each string also takes a pointer on the new stack */
	if (a->bytes + more + (a->argc + a->envc) * 8ul > a->limit)
		return -E2BIG;
	if (a->bytes + more <= a->capacity)
		return 0;
	size_t capacity = a->capacity ? a->capacity * 2 : 2048;
	while (capacity < a->bytes + more)
		capacity *= 2;
	char *text = krealloc(a->text, capacity);
	if (!text)
		return -ENOMEM;
	a->text = text;
	a->capacity = capacity;
	return 0;
}

static long add_user_string(struct exec_args *a, const char __user *s)
{
	size_t start = a->bytes;
	for (;;) {
		long e = room(a, COPY_BYTES);
		if (e)
			return e;
		long n = strncpy_from_user(a->text + a->bytes, s, COPY_BYTES);
		if (n < 0)
			return n;
		if (n < COPY_BYTES) {
			a->bytes += (size_t)n + 1;
			return 0;
		}
		a->bytes += COPY_BYTES;
		s += COPY_BYTES;
		if (a->bytes - start >= STRING_MAX)
			return -E2BIG;
	}
}

static long add_user_vector(struct exec_args *a, const char *const __user *vector, u32 *count)
{
	if (!vector)
		return 0; /* Linux takes no vector for an empty one */
	for (;; vector++) {
		const char *s;
		if (get_user(s, vector))
			return -EFAULT;
		if (!s)
			return 0;
		long e = add_user_string(a, s);
		if (e)
			return e;
		++*count;
	}
}

static long finish(struct exec_args *a, long e)
{
	if (e)
		args_free(a);
	return e;
}

long args_user(struct exec_args *a, const char *const __user *argv, const char *const __user *envp)
{
	*a = (struct exec_args){ .limit = total_limit() };
	long e = add_user_vector(a, argv, &a->argc);
	if (!e && !a->argc) { /* a program always has a name, be it empty */
		e = room(a, 1);
		if (!e) {
			a->text[a->bytes++] = 0;
			a->argc = 1;
		}
	}
	a->argv_bytes = a->bytes;
	if (!e)
		e = add_user_vector(a, envp, &a->envc);
	return finish(a, e);
}

static long add_kernel_vector(struct exec_args *a, char **vector, u32 *count)
{
	for (; vector && *vector; vector++, ++*count) {
		size_t n = strlen(*vector) + 1;
		long e = room(a, n);
		if (e)
			return e;
		memcpy(a->text + a->bytes, *vector, n);
		a->bytes += n;
	}
	return 0;
}

long args_kernel(struct exec_args *a, char **argv, char **envp)
{
	*a = (struct exec_args){ .limit = total_limit() };
	long e = add_kernel_vector(a, argv, &a->argc);
	a->argv_bytes = a->bytes;
	if (!e)
		e = add_kernel_vector(a, envp, &a->envc);
	return finish(a, e);
}

/* A script's first line: its interpreter and argument, and the script's name, stand where argv[0] stood. */
long args_prepend(struct exec_args *a, const char *const *strings, u32 count)
{
	size_t gone = a->argc ? strlen(a->text) + 1 : 0, more = 0;
	for (u32 i = 0; i < count; i++)
		more += strlen(strings[i]) + 1;
	long e = room(a, more);
	if (e)
		return e;
	memmove(a->text + more, a->text + gone, a->bytes - gone);
	char *to = a->text;
	for (u32 i = 0; i < count; i++) {
		size_t n = strlen(strings[i]) + 1;
		memcpy(to, strings[i], n);
		to += n;
	}
	a->bytes += more - gone;
	a->argv_bytes += more - gone;
	a->argc += count - (a->argc ? 1 : 0);
	return 0;
}

void args_free(struct exec_args *a)
{
	kfree(a->text);
	a->text = NULL;
}
