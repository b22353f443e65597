/* struct uio: the bytes a read or write is about, wherever they are. */
#include "core.h"

static void uio_one(struct uio *u, struct iovec *one, void *p, size_t n, bool kernel)
{
	one->iov_base = p;
	one->iov_len = n;
	*u = (struct uio){ .iov = one, .count = 1, .resid = n, .kernel = kernel };
}

void uio_user(struct uio *u, struct iovec *one, void __user *p, size_t n) { uio_one(u, one, p, n, false); }
void uio_kernel(struct uio *u, struct iovec *one, void *p, size_t n) { uio_one(u, one, p, n, true); }

enum way { PUT, GET, ZERO };

static long piece(struct uio *u, char *app, char *own, size_t n, enum way way)
{
	switch (way) {
	case PUT:
		return u->kernel ? (memcpy(app, own, n), 0) : copy_to_user(app, own, n);
	case GET:
		return u->kernel ? (memcpy(own, app, n), 0) : copy_from_user(own, app, n);
	default:
		return u->kernel ? (memset(app, 0, n), 0) : clear_user(app, n);
	}
}

/* Up to the page that faults: what was moved before it is the result. */
static long move(struct uio *u, char *own, size_t n, enum way way)
{
	size_t done = 0;
	bool by_pages = false;
	if (n > u->resid)
		n = u->resid;
	while (done < n && u->at < u->count) {
		struct iovec *v = &u->iov[u->at];
		size_t left = v->iov_len - u->skip, take = left < n - done ? left : n - done;
		char *app = (char *)v->iov_base + u->skip;
		size_t page_rest = KX_PAGE - (u64)app % KX_PAGE;
		if (by_pages && take > page_rest)
			take = page_rest;
		if (take && piece(u, app, own ? own + done : NULL, take, way)) {
			if (take <= page_rest)
				return done ? (long)done : -EFAULT;
			by_pages = true;
			continue;
		}
		done += take;
		u->resid -= take;
		u->skip += take;
		if (u->skip == v->iov_len) {
			u->at++;
			u->skip = 0;
		}
	}
	return (long)done;
}

long uio_put(struct uio *u, const void *from, size_t n) { return move(u, (char *)(u64)from, n, PUT); }
long uio_get(struct uio *u, void *to, size_t n) { return move(u, to, n, GET); }
long uio_zero(struct uio *u, size_t n) { return move(u, NULL, n, ZERO); }
