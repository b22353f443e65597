/* Programs that do not behave: wrong calls to each server, or more of them than it has room for. case=NAME; without one: anything,
 * by seed=N. Says what a server answered that it should not have; that others are served is seen from outside. */
#include "trial.h"

static const struct trial *const groups[] = { any_trials, net_trials, files_trials, console_trials, fault_trials, names_trials };

uint8_t *pages;
static unsigned wrong;

void expect(const char *what, int got, int wanted)
{
	if (got == wanted)
		return;
	if (wrong < 20)
		mk_print("trial: %s: %d instead of %d\n", what, got, wanted);
	wrong++;
}

unsigned server(const char *name)
{
	int port = mk_name_find(name, CALL_US);

	if (port < 0)
		mk_fail("trial: there is no %s: %d", name, port);
	return (unsigned)port;
}

int call(unsigned port, unsigned tag, unsigned w0, unsigned w1, unsigned w2, unsigned w3, unsigned protection)
{
	struct mk_message m = { .tag = tag, .word = { w0, w1, w2, w3, 0, 0, 0, (unsigned)pages | protection, PAGES } };
	int error = mk_call(port, &m, CALL_US);

	return error ? error : (int)m.word[0];
}

/* Of a child only what is wrong: its parent's word is waited for. */
static void told(void)
{
	if (wrong || !mk_option_number("child", 0))
		mk_print("trial: %u wrong answers\n", wrong);
}

void hold(void)
{
	told();
	for (;;)
		mk_sleep(MK_TIMEOUT_MAX_US);
}

/* ---- Other programs ---- */

static bool ended[MK_SPACES];

static void look_for_ended(void)
{
	static unsigned sequence;
	unsigned spaces[NAME_ENDED_MOST];
	int n;

	while ((n = mk_ended(&sequence, spaces, MK_COUNT(spaces))) > 0)
		for (int i = 0; i < n; i++)
			ended[spaces[i] % MK_SPACES] = true;
}

unsigned child(const char *name)
{
	char line[64];
	int number;

	mk_format(line, sizeof line, "trial case=%s child=1 to=%u", name, mk_option_number("to", 0));
	look_for_ended();
	number = mk_spawn(line, 10);
	if (number < 0)
		mk_fail("trial: no child: %d", number);
	ended[number % MK_SPACES] = false;
	return (unsigned)number;
}

void child_ended(unsigned number)
{
	for (look_for_ended(); !ended[number % MK_SPACES]; look_for_ended())
		mk_sleep(1000);
}

int main(void)
{
	char name[24] = "anything";

	mk_option("case", name, sizeof name);
	pages = mk_pages(PAGES);
	for (unsigned g = 0; g < MK_COUNT(groups); g++)
		for (const struct trial *t = groups[g]; t->name; t++)
			if (!strcmp(t->name, name)) {
				t->run();
				told();
				return 0;
			}
	mk_fail("trial: no case %s", name);
}
