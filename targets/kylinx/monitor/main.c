/* monitor.elf: parse, create the family, confine, start its first program, serve. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include "family.h"

static void start_first_program(struct settings *s)
{
	struct spawn_request q = { .program = s->program[0], .cwd = s->cwd, .argv = s->program, .envp = s->env, .envc = s->envc,
		.flags = KX_SPAWN_STDIN | (s->tty ? KX_SPAWN_TTY : 0) };

	while (q.argv[q.argc])
		q.argc++;
	q.console = (uint32_t)console_create(STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO);
	int64_t slot = family_spawn(&q);
	if (slot < 0)
		die("%s: cannot be started: %s", q.program, strerror((int)-slot));
}

/* Threads made later inherit the mask: SIGUSR1, which interrupts KVM_RUN, is let in by vCPU threads alone. */
static void set_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

int main(int argc, char **argv)
{
	static struct settings settings;
	const char *why = "";
	int r;

	log_start_ns = clock_mono_ns();
	clock_begin();
	settings_parse(&settings, argc, argv);
	log_debug = settings.debug;
	set_signals();
	confine_descriptors(&settings);
	r = hostfs_open_shares(&settings, &why);
	if (!r)
		r = control_open(&settings, &why);
	if (r)
		die("%s: %s", why, strerror(-r));
	family_open(&settings);
	log_line("KVM and files are open");
	if (!settings.no_confine) {
		r = confine_privileges(&why);
		if (r)
			log_user("warning: less confined than it should be: %s: %s", why, strerror(-r));
		family.confined = !r;
	}
	log_line("privileges are dropped");
	family_create();
	log_line("memory is made");
	if (!settings.no_confine)
		seccomp_confine();
	r = pool_start();
	if (r)
		die("no vCPU: %s", strerror(-r));
	log_line("vCPUs are ready");
	if (!settings.keep)
		start_first_program(&settings);
	if (settings.ready_fd >= 0 && write(settings.ready_fd, "ready\n", 6) != 6)
		log_line("--ready-fd: nobody listens");
	control_loop();
}
