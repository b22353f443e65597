/* What travels beside the bytes of a message: descriptors (SCM_RIGHTS) and credentials (SCM_CREDENTIALS). */
#include "socket.h"

#define SCM_RIGHTS 1
#define SCM_CREDENTIALS 2
#define SCM_FILES_MOST 253 /* Linux' SCM_MAX_FD */
#define CMSG_ALIGN(n) (((n) + 7) & ~7ul)
#define NOBODY 65534u

void scm_free(struct scm *scm)
{
	if (!scm)
		return;
	for (u32 i = 0; i < scm->count; i++)
		file_put(scm->file[i]);
	kfree(scm);
}

static struct scm *scm_new(u32 room)
{
	struct scm *scm = kmalloc(sizeof *scm + room * sizeof scm->file[0]);

	if (scm)
		memset(scm, 0, sizeof *scm);
	return scm;
}

struct scm *scm_copy(const struct scm *from)
{
	struct scm *scm = from ? scm_new(from->count) : NULL;

	if (!scm)
		return NULL;
	memcpy(scm, from, sizeof *scm + from->count * sizeof from->file[0]);
	for (u32 i = 0; i < scm->count; i++)
		file_ref(scm->file[i]);
	return scm;
}

struct user_ucred cred_current(void)
{
	struct proc *p = current->proc;

	return (struct user_ucred){ .pid = (int)p->pid, .uid = p->cred.euid, .gid = p->cred.egid };
}

struct scm *scm_cred(struct scm *scm)
{
	if (!scm)
		scm = scm_new(0);
	if (scm && !scm->has_cred) {
		struct proc *p = current->proc;

		scm->has_cred = true;
		scm->cred = (struct user_ucred){ .pid = (int)p->pid, .uid = p->cred.uid, .gid = p->cred.gid };
	}
	return scm;
}

/* ---- from the sender --------------------------------------------------------------------------------------------------- */

static long rights_from_user(struct scm **scm, const int __user *from, u32 count)
{
	struct scm *with;

	if (count > SCM_FILES_MOST || ((*scm) && (*scm)->count + count > SCM_FILES_MOST))
		return -EINVAL;
	with = scm_new(((*scm) ? (*scm)->count : 0) + count);
	if (!with)
		return -ENOMEM;
	if (*scm)
		memcpy(with, *scm, sizeof *with + (*scm)->count * sizeof with->file[0]);
	kfree(*scm);
	*scm = with;
	for (u32 i = 0; i < count; i++) {
		struct file *f;
		int fd;

		if (get_user(fd, from + i))
			return -EFAULT;
		f = file_get(fd);
		if (!f)
			return -EBADF;
		with->file[with->count++] = f;
	}
	return 0;
}

static long cred_from_user(struct scm **scm, const struct user_ucred __user *from)
{
	const struct credentials *c = &current->proc->cred;
	struct user_ucred cred;

	if (get_user(cred, from))
		return -EFAULT;
	if (c->euid && ((u32)cred.pid != current->proc->pid || (cred.uid != c->uid && cred.uid != c->euid && cred.uid != c->suid) ||
			(cred.gid != c->gid && cred.gid != c->egid && cred.gid != c->sgid)))
		return -EPERM;
	if (!*scm)
		*scm = scm_new(0);
	if (!*scm)
		return -ENOMEM;
	(*scm)->has_cred = true;
	(*scm)->cred = cred;
	return 0;
}

long scm_from_user(struct scm **scm, const void __user *control, size_t length)
{
	const char __user *at = control;
	size_t left = length;
	long err = 0;

	while (!err && left >= sizeof(struct user_cmsghdr)) {
		struct user_cmsghdr h;
		size_t step;

		err = -EFAULT;
		if (get_user(h, (const struct user_cmsghdr __user *)at))
			break;
		err = -EINVAL;
		if (h.cmsg_len < sizeof h || h.cmsg_len > left)
			break;
		err = 0;
		if (h.cmsg_level == SOL_SOCKET) {
			size_t bytes = h.cmsg_len - sizeof h;
			const void __user *data = at + sizeof h;

			if (h.cmsg_type == SCM_RIGHTS)
				err = bytes / sizeof(int) ? rights_from_user(scm, data, bytes / sizeof(int)) : 0;
			else if (h.cmsg_type == SCM_CREDENTIALS)
				err = bytes == sizeof(struct user_ucred) ? cred_from_user(scm, data) : -EINVAL;
			else
				err = -EINVAL;
		}
		step = CMSG_ALIGN(h.cmsg_len);
		at += step;
		left -= step < left ? step : left;
	}
	if (err) {
		scm_free(*scm);
		*scm = NULL;
	}
	return err;
}

/* ---- to the receiver ----------------------------------------------------------------------------------------------------- */

struct control { /* where the next header goes */
	char __user *at;
	size_t left, used;
	u32 *flags;
};

static long put_header(struct control *c, int type, size_t bytes)
{
	struct user_cmsghdr h = { .cmsg_len = sizeof h + bytes, .cmsg_level = SOL_SOCKET, .cmsg_type = type };

	return copy_to_user(c->at, &h, sizeof h);
}

static void control_step(struct control *c, size_t bytes)
{
	size_t step = CMSG_ALIGN(sizeof(struct user_cmsghdr) + bytes);

	if (step > c->left)
		step = c->left;
	c->at += step;
	c->left -= step;
	c->used += step;
}

static long put_cred(struct control *c, const struct scm *scm)
{
	struct user_ucred cred = { .pid = 0, .uid = NOBODY, .gid = NOBODY };

	if (scm && scm->has_cred)
		cred = scm->cred;
	if (c->left < sizeof(struct user_cmsghdr) + sizeof cred) {
		*c->flags |= MSG_CTRUNC;
		return 0;
	}
	if (put_header(c, SCM_CREDENTIALS, sizeof cred) ||
	    copy_to_user(c->at + sizeof(struct user_cmsghdr), &cred, sizeof cred))
		return -EFAULT;
	control_step(c, sizeof cred);
	return 0;
}

static long put_rights(struct control *c, const struct scm *scm, bool cloexec)
{
	size_t room = c->left > sizeof(struct user_cmsghdr) ? (c->left - sizeof(struct user_cmsghdr)) / sizeof(int) : 0;
	int __user *to = (int __user *)(c->at + sizeof(struct user_cmsghdr));
	u32 n = 0;

	while (n < scm->count && n < room) {
		long fd = fd_install(file_ref(scm->file[n]), cloexec, 0);

		if (fd < 0)
			break;
		if (put_user((int)fd, to + n))
			return -EFAULT;
		n++;
	}
	if (n < scm->count)
		*c->flags |= MSG_CTRUNC;
	if (!n)
		return 0;
	if (put_header(c, SCM_RIGHTS, n * sizeof(int)))
		return -EFAULT;
	control_step(c, n * sizeof(int));
	return 0;
}

long scm_to_user(struct scm *scm, struct socket *s, struct user_msghdr *h, u32 flags)
{
	struct control c = { .at = h->msg_control, .left = h->msg_control ? h->msg_controllen : 0, .flags = &h->msg_flags };
	long err = 0;

	if (s->passcred)
		err = put_cred(&c, scm);
	if (!err && scm && scm->count)
		err = put_rights(&c, scm, flags & MSG_CMSG_CLOEXEC);
	h->msg_controllen = c.used;
	scm_free(scm);
	return err;
}
