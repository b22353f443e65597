/* What a server receives of clients that it need not trust. */
#include "mk.h"

int mk_serve(unsigned token, struct mk_message *m, unsigned port, unsigned us)
{
	int next = mk_reply_receive(token, m, port, us);

	if (next < 0)
		return next;
	if (m->tag & MK_TAG_HANDLE)
		mk_drop(m->word[MK_WORDS - 1]);
	for (unsigned i = m->tag & MK_TAG_WORDS; i < MK_WORDS; i++)
		m->word[i] = 0;
	return next;
}
