/* TCP connections: lwIP's callbacks on one side, clients' actions on the other. */
#include "sockets.h"

#define LINGER_HALF_SECONDS 8
#define QUEUE_SPARE (TCP_SND_BUF / TCP_MSS + 4) /* pieces that a full room may need */

static struct socket *first_dirty;

static int error_of(err_t e)
{
	switch (e) {
	case ERR_OK: return 0;
	case ERR_MEM:
	case ERR_BUF: return MK_EMEMORY;
	case ERR_USE: return MK_EBUSY;
	case ERR_TIMEOUT: return MK_ETIMEOUT;
	case ERR_ABRT:
	case ERR_RST:
	case ERR_CLSD: return MK_EDEAD;
	default: return MK_EARGUMENT;
	}
}

/* ---- Output is put off to the end of a batch: what a client says to one connection goes out together ---- */

static void dirty(struct socket *s)
{
	if (s->dirty)
		return;
	s->dirty = true;
	s->next_dirty = first_dirty;
	first_dirty = s;
}

void streams_output(void)
{
	while (first_dirty) {
		struct socket *s = first_dirty;

		first_dirty = s->next_dirty;
		s->dirty = false;
		if (s->kind == FREE)
			socket_free(s);
		else if (s->tcp)
			tcp_output(s->tcp);
	}
}

/* ---- From lwIP ---- */

/* The connection is gone, its pcb freed. */
static void on_error(void *argument, err_t e)
{
	struct socket *s = argument;

	lookup_remove(s);
	s->tcp = NULL;
	if (s->kind == LINGERING) {
		socket_free(s);
		return;
	}
	if (s->held && s->received) {
		pbuf_free(s->received);
		s->received = NULL;
	}
	s->error = e == ERR_CLSD ? MK_EDEAD : error_of(e);
	socket_tell(s, NEWS_CLOSED);
}

static void detach(struct socket *s)
{
	lookup_remove(s);
	tcp_arg(s->tcp, NULL);
	tcp_recv(s->tcp, NULL);
	tcp_sent(s->tcp, NULL);
	tcp_err(s->tcp, NULL);
	tcp_poll(s->tcp, NULL, 0);
}

/* Of a connection that its client has closed, what still comes is dropped; with the peer's end it is over. */
static err_t on_lingering(struct socket *s, struct tcp_pcb *pcb, struct pbuf *p)
{
	if (p) {
		tcp_recved(pcb, p->tot_len);
		pbuf_free(p);
		return ERR_OK;
	}
	detach(s);
	socket_free(s);
	return tcp_close(pcb);
}

static err_t on_received(void *argument, struct tcp_pcb *pcb, struct pbuf *p, err_t e)
{
	struct socket *s = argument;

	(void)e;
	if (s->kind == LINGERING)
		return on_lingering(s, pcb, p);
	if (!p) {
		s->ended = true;
		socket_tell(s, NEWS_ENDED);
		if (pcb->state >= CLOSING) { /* both ended: lwIP frees it without a word */
			detach(s);
			s->tcp = NULL;
		}
		return ERR_OK;
	}
	if (s->received)
		pbuf_cat(s->received, p);
	else
		s->received = p;
	if (!s->held)
		socket_tell(s, 0);
	return ERR_OK;
}

static err_t on_sent(void *argument, struct tcp_pcb *pcb, u16_t bytes)
{
	struct socket *s = argument;

	(void)pcb, (void)bytes;
	if (s->room_wanted && stream_room(s) >= s->room_wanted) {
		s->room_wanted = 0;
		socket_tell(s, NEWS_ROOM);
	}
	return ERR_OK;
}

static err_t on_linger_poll(void *argument, struct tcp_pcb *pcb)
{
	struct socket *s = argument;

	if (s->lingers--)
		return ERR_OK;
	detach(s);
	socket_free(s);
	tcp_abort(pcb);
	return ERR_ABRT;
}

bool stream_owns(const struct tcp_pcb *pcb)
{
	return pcb->recv == on_received;
}

static void attach(struct socket *s, struct tcp_pcb *pcb)
{
	s->tcp = pcb;
	tcp_arg(pcb, s);
	tcp_recv(pcb, on_received);
	tcp_sent(pcb, on_sent);
	tcp_err(pcb, on_error);
	tcp_nagle_disable(pcb);
}

static err_t on_accept(void *argument, struct tcp_pcb *pcb, err_t e)
{
	struct socket *listener = argument, *s = NULL;

	if (e == ERR_OK && pcb && listener->client)
		s = socket_make(listener->client, STREAM);
	if (!s)
		return ERR_MEM;
	s->tag = listener->tag;
	attach(s, pcb);
	lookup_add(s);
	socket_tell(s, NEWS_OPENED);
	return ERR_OK;
}

static err_t on_connected(void *argument, struct tcp_pcb *pcb, err_t e)
{
	(void)pcb, (void)e;
	lookup_add(argument);
	socket_tell(argument, NEWS_OPENED);
	return ERR_OK;
}

/* ---- From clients ---- */

int stream_listen(struct socket *s, uint16_t port)
{
	struct tcp_pcb *pcb = tcp_new(), *listening;
	err_t e;

	if (!pcb)
		return MK_EMEMORY;
	e = tcp_bind(pcb, IP4_ADDR_ANY, port);
	listening = e == ERR_OK ? tcp_listen_with_backlog_and_err(pcb, TCP_DEFAULT_LISTEN_BACKLOG, &e) : NULL;
	if (!listening) {
		tcp_close(pcb);
		return error_of(e);
	}
	s->tcp = listening;
	s->port = listening->local_port;
	tcp_arg(listening, s);
	tcp_accept(listening, on_accept);
	return 0;
}

int stream_connect(struct socket *s, uint32_t address, uint16_t port)
{
	struct tcp_pcb *pcb = tcp_new();
	ip_addr_t to = IPADDR4_INIT(lwip_htonl(address));
	err_t e;

	if (!pcb)
		return MK_EMEMORY;
	attach(s, pcb);
	e = tcp_connect(pcb, &to, port, on_connected);
	s->port = pcb->local_port;
	if (e == ERR_OK)
		return 0;
	detach(s);
	s->tcp = NULL;
	tcp_abort(pcb);
	return error_of(e);
}

uint32_t stream_room(const struct socket *s)
{
	if (!s->tcp || s->tcp->snd_queuelen > TCP_SND_QUEUELEN - QUEUE_SPARE)
		return 0;
	return tcp_sndbuf(s->tcp);
}

/* More than its room, of which there is none before it is open, is the client's mistake, no memory is nobody's; both end the
 * connection, for its bytes are lost. */
void stream_send(struct socket *s, const void *data, uint16_t bytes)
{
	err_t e = !s->tcp ? ERR_OK : s->tcp->state == SYN_SENT ? ERR_MEM : tcp_write(s->tcp, data, bytes, TCP_WRITE_FLAG_COPY);

	if (e == ERR_MEM) {
		struct tcp_pcb *pcb = s->tcp;

		detach(s);
		tcp_abort(pcb);
		on_error(s, ERR_MEM);
	} else if (e == ERR_OK) {
		dirty(s);
	}
}

void stream_want_room(struct socket *s, uint32_t bytes)
{
	s->room_wanted = bytes < TCP_SND_BUF ? bytes : TCP_SND_BUF;
	on_sent(s, s->tcp, 0);
}

void stream_finish(struct socket *s)
{
	if (s->tcp && tcp_shutdown(s->tcp, 0, 1) == ERR_MEM)
		stream_abort(s);
}

void stream_consumed(struct socket *s, uint16_t bytes)
{
	if (s->tcp)
		tcp_recved(s->tcp, bytes);
}

/* The peer's last bytes must not meet a closed connection: a reset could overtake ours (RFC 1122, 4.2.2.13). */
void stream_close(struct socket *s)
{
	struct tcp_pcb *pcb = s->tcp;

	if (s->kind == LISTENER || !pcb || pcb->state == SYN_SENT) {
		stream_abort(s);
		return;
	}
	if (s->received) {
		tcp_recved(pcb, s->received->tot_len);
		pbuf_free(s->received);
		s->received = NULL;
	}
	socket_forget(s);
	s->kind = LINGERING;
	s->lingers = LINGER_HALF_SECONDS;
	tcp_poll(pcb, on_linger_poll, 1);
	if (s->ended) {
		detach(s);
		socket_free(s);
		if (tcp_close(pcb) != ERR_OK)
			tcp_abort(pcb);
	} else if (pcb->state < FIN_WAIT_1 && tcp_shutdown(pcb, 0, 1) != ERR_OK) { /* from then on it is shut down */
		stream_abort(s);
	}
}

void stream_abort(struct socket *s)
{
	struct tcp_pcb *pcb = s->tcp;

	if (pcb && s->kind == LISTENER) {
		tcp_accept(pcb, NULL);
		tcp_close(pcb);
	} else if (pcb) {
		detach(s);
		tcp_abort(pcb);
	}
	s->tcp = NULL;
	socket_free(s);
}
