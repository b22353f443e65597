/* What a thread leaves behind when it ends: locks of its robust list, the word its joiner waits on. */
#include "futex.h"

#define LIST_LIMIT 2048 /* a list made into a ring does not keep us for ever */

void futex_owner_died(u32 __user *);

long sys_set_robust_list(struct robust_list_head __user *head, size_t length)
{
	if (length != sizeof *head)
		return -EINVAL;
	current->robust_list = head;
	return 0;
}

long sys_get_robust_list(int tid, struct robust_list_head __user *__user *head, size_t __user *length)
{
	struct robust_list_head __user *of = current->robust_list;
	if (tid) {
		lock(&family.tree);
		struct task *t = task_find((u32)tid);
		of = t ? t->robust_list : NULL;
		unlock(&family.tree);
		if (!t)
			return -ESRCH;
	}
	return put_user((u64)of, (u64 __user *)head) || put_user(sizeof **head, (u64 __user *)length) ? -EFAULT : 0;
}

static bool release(u32 __user *word, bool pi, bool pending)
{
	u32 old, seen;
	if ((u64)word & 3 || futex_read(&old, word))
		return false;
	if (pending && !pi && !old) { /* it was between unlocking and waking */
		futex_wake_address(word, 1);
		return true;
	}
	while ((old & FUTEX_TID_MASK) == current->tid) {
		if (user_cmpxchg32(word, old, (old & FUTEX_WAITERS) | FUTEX_OWNER_DIED, &seen))
			return false;
		if (seen == old) {
			if (pi)
				futex_owner_died(word);
			else if (old & FUTEX_WAITERS)
				futex_wake_address(word, 1);
			return true;
		}
		old = seen;
	}
	return true;
}

static void release_list(struct robust_list_head __user *head)
{
	struct robust_list_head h;
	u64 next, at;
	if (get_user(h, head))
		return;
	u64 pending = (u64)h.list_op_pending;
	at = (u64)h.list.next;
	for (u32 i = 0; i < LIST_LIMIT && (at & ~1UL) != (u64)&head->list; i++, at = next) {
		bool last = copy_from_user(&next, (void __user *)(at & ~1UL), sizeof next);
		if ((at ^ pending) & ~1UL && !release((u32 __user *)((at & ~1UL) + (u64)h.futex_offset), at & 1, false))
			return;
		if (last)
			break;
	}
	if (pending)
		release((u32 __user *)((pending & ~1UL) + (u64)h.futex_offset), pending & 1, true);
}

void thread_exit_cleanup(struct task *t)
{
	if (t->robust_list)
		release_list(t->robust_list);
	t->robust_list = NULL;
	struct mm *mm = t->proc->mm; /* with nobody left to see it, writing would only copy a page */
	if (t->clear_child_tid && mm && (t->proc->task_count > 1 || mm->refs > 1)) {
		u32 zero = 0;
		if (!copy_to_user(t->clear_child_tid, &zero, sizeof zero))
			futex_wake_address(t->clear_child_tid, 1);
	}
	t->clear_child_tid = NULL;
}
