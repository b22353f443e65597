/* The console server: the PL011 (ARM DDI 0183) as lines of text in and out. What is typed is echoed, and can be corrected until
 * its line is complete. The kernel's own words go the same way, past this server. */
#include "../../include/console.h"
#include "../lib/mk.h"

#define DATA 0x00u
#define FLAGS 0x18u
#define FLAG_NOTHING_IN (1u << 4)
#define FLAG_OUT_FULL (1u << 5)
#define LINE_CONTROL 0x2cu
#define CONTROL 0x30u
#define MASK 0x38u
#define CLEAR 0x44u
#define RECEIVED (1u << 4 | 1u << 6) /* so many, or some that nobody took for a while */

#define INTERRUPT_BIT 1u
#define TYPED 4096u
#define BACKSPACE 8
#define DELETE 127
#define KILL_LINE 21              /* ^U */

static volatile uint8_t *uart;
static unsigned device;
static char line[CONSOLE_LINE], typed[TYPED]; /* the line under way; a ring of complete ones */
static unsigned line_bytes, first, count;
static struct { unsigned token, space; } readers[MK_SPACES]; /* whose calls wait, in their order: of a space one */
static unsigned reader_count;

static volatile uint32_t *reg(unsigned at)
{
	return (volatile uint32_t *)(uart + at);
}

static void put(char c)
{
	if (c == '\n')
		put('\r');
	while (*reg(FLAGS) & FLAG_OUT_FULL)
		;
	*reg(DATA) = (uint8_t)c;
}

/* ---- In ---- */

/* A line that there is no room for is lost, and a bell says so. */
static void line_done(void)
{
	put('\n');
	if (line_bytes + 1 > TYPED - count) {
		put('\a');
	} else {
		for (unsigned i = 0; i < line_bytes; i++)
			typed[(first + count++) % TYPED] = line[i];
		typed[(first + count++) % TYPED] = '\n';
	}
	line_bytes = 0;
}

static void rub_out(void)
{
	if (!line_bytes)
		return;
	line_bytes--;
	put('\b');
	put(' ');
	put('\b');
}

static void type(uint8_t c)
{
	if (c == '\r' || c == '\n')
		line_done();
	else if (c == BACKSPACE || c == DELETE)
		rub_out();
	else if (c == KILL_LINE)
		while (line_bytes)
			rub_out();
	else if (c >= ' ' && line_bytes < CONSOLE_LINE) {
		line[line_bytes++] = (char)c;
		put((char)c);
	}
}

/* Cleared first: what comes after the last look interrupts again. */
static void interrupt(void)
{
	*reg(CLEAR) = RECEIVED;
	while (!(*reg(FLAGS) & FLAG_NOTHING_IN))
		type((uint8_t)*reg(DATA));
	mk_irq_ack(device);
}

/* ---- Requests ---- */

static unsigned piece(char *to)
{
	unsigned n = 0;

	while (n < count && n < CONSOLE_PIECE) {
		to[n] = typed[(first + n) % TYPED];
		if (to[n++] == '\n')
			break;
	}
	return n;
}

/* What a reader that has gone does not take is the next one's. */
static void answer_readers(void)
{
	while (reader_count && count) {
		struct mk_message m = { .tag = MK_TAG(0, MK_WORDS) };
		unsigned bytes = piece((char *)&m.word[1]);

		m.word[0] = bytes;
		if (!mk_reply(readers[0].token, &m)) {
			first += bytes;
			count -= bytes;
		}
		memmove(readers, readers + 1, --reader_count * sizeof *readers);
	}
}

/* In the place of a call of the same space that waits already: its task may have gone, or have given it up. */
static void wait_for_line(unsigned token, unsigned space)
{
	const struct mk_message over = { .tag = MK_TAG(0, 1), .word = { (unsigned)MK_EBUSY } };
	unsigned i = 0;

	while (i < reader_count && readers[i].space != space)
		i++;
	if (i == reader_count)
		reader_count++;
	else
		mk_reply(readers[i].token, &over);
	readers[i].token = token;
	readers[i].space = space;
}

static int write_text(const struct mk_message *m)
{
	const char *text = (const char *)(m->word[7] & ~(MK_PAGE - 1));

	if (!(m->tag & MK_TAG_GRANT) || m->word[0] > m->word[8] * MK_PAGE)
		return MK_EARGUMENT;
	for (unsigned i = 0; i < m->word[0]; i++)
		put(text[i]);
	return (int)m->word[0];
}

/* -> the token to answer at once, or 0 */
static unsigned serve(unsigned token, struct mk_message *m)
{
	int result = MK_ECALL;

	if (MK_LABEL(m->tag) == CONSOLE_READ && !(m->tag & MK_TAG_GRANT)) {
		wait_for_line(token, m->sender);
		return 0;
	}
	if (MK_LABEL(m->tag) == CONSOLE_WRITE)
		result = write_text(m);
	m->tag = MK_TAG(0, 1);
	m->word[0] = (unsigned)result;
	return token;
}

static bool uart_open(unsigned port)
{
	for (unsigned i = 0; i < mk_started->devices && !uart; i++)
		if (mk_started->device[i].kind == MK_DEVICE_PL011) {
			device = mk_started->device[i].handle;
			uart = mk_region(mk_started->device[i].pages);
		}
	if (!uart || mk_device_map(device, (unsigned)uart) || mk_irq_bind(device, port, INTERRUPT_BIT))
		return false;
	*reg(LINE_CONTROL) = 0x70; /* 8 bits, with its queues */
	*reg(CONTROL) = 0x301;     /* on, both ways */
	*reg(MASK) = RECEIVED;
	return true;
}

int main(void)
{
	unsigned port = (unsigned)mk_port_create(), reply = 0;
	struct mk_message m = { 0 };
	void *window = mk_region(MK_GRANT_PAGES);

	if (!window || mk_window(window, MK_GRANT_PAGES) || !uart_open(port) || mk_name_register("console", port, true))
		mk_fail("console: cannot serve");
	for (;;) {
		int token = mk_serve(reply, &m, port, 0);

		reply = 0;
		if (token > 0)
			reply = serve((unsigned)token, &m);
		else if (token == 0 && m.tag & MK_TAG_NOTIFIED)
			interrupt();
		answer_readers();
	}
}
