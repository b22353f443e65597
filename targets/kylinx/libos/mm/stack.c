/* The stack a program begins with: strings, auxiliary vector, environment, arguments (System V ABI, 3.4.1). */
#include "mm.h"

void auxv_add(struct exec_auxv *v, u64 type, u64 value)
{
	if (v->words + 2 <= ARRAY_SIZE(v->word)) {
		v->word[v->words++] = type;
		v->word[v->words++] = value;
	}
}

struct strings { u64 name, platform, random, text; };

/* From the top: 8 bytes of zero, the program's name, the strings of environment and arguments, platform, random bytes. */
static long put_strings(u64 *sp, const struct exec_args *a, const char *name, struct strings *at)
{
	static const char platform[] = "x86_64";
	u8 random[16];
	random_bytes(random, sizeof random);
	*sp -= 8;
	at->name = *sp -= strlen(name) + 1;
	at->text = *sp -= a->bytes;
	at->platform = *sp = (*sp - sizeof platform) & ~15ul;
	at->random = *sp -= sizeof random;
	if (copy_to_user((void __user *)at->name, name, strlen(name) + 1) || copy_to_user((void __user *)at->text, a->text, a->bytes))
		return -EFAULT;
	if (copy_to_user((void __user *)at->platform, platform, sizeof platform))
		return -EFAULT;
	return copy_to_user((void __user *)at->random, random, sizeof random);
}

static u64 *put_pointers(u64 *to, const struct exec_args *a, u64 text)
{
	const char *s = a->text;
	*to++ = a->argc;
	for (u32 i = 0; i < a->argc; i++, s += strlen(s) + 1)
		*to++ = text + (u64)(s - a->text);
	*to++ = 0;
	for (u32 i = 0; i < a->envc; i++, s += strlen(s) + 1)
		*to++ = text + (u64)(s - a->text);
	*to++ = 0;
	return to;
}

long stack_build(struct mm *mm, const struct exec_args *a, const char *name, struct exec_auxv *v, u64 *rsp)
{
	struct proc *p = current->proc;
	struct strings at;
	u64 sp = mm->stack_top;
	if (put_strings(&sp, a, name, &at))
		return -EFAULT;
	auxv_add(v, AT_RANDOM, at.random);
	auxv_add(v, AT_EXECFN, at.name);
	auxv_add(v, AT_PLATFORM, at.platform);
	auxv_add(v, AT_NULL, 0);
	u64 words = 3ul + a->argc + a->envc + v->words;
	sp = (sp - words * 8) & ~15ul;
	u64 *block = kmalloc(words * 8);
	if (!block)
		return -ENOMEM;
	u64 *to = put_pointers(block, a, at.text);
	memcpy(to, v->word, v->words * 8);
	long e = copy_to_user((void __user *)sp, block, words * 8);
	kfree(block);
	memcpy(mm->auxv, v->word, v->words * 8);
	mm->auxv_words = v->words;
	p->arg_start = at.text;
	p->arg_end = p->env_start = at.text + a->argv_bytes;
	p->env_end = at.text + a->bytes;
	*rsp = sp;
	return e;
}
