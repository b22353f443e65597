/* What cases of exec run: this program again, as `conformance --helper WHAT ...`. */
#include "suite.h"
#include <sys/stat.h>

int helper_main(int argc, char **argv);

static bool action_is(int signo, void (*handler)(int))
{
	struct sigaction a;
	return sigaction(signo, NULL, &a) == 0 && a.sa_handler == handler;
}

static bool blocked(int signo)
{
	sigset_t set;
	return sigprocmask(SIG_BLOCK, NULL, &set) == 0 && sigismember(&set, signo);
}

int helper_main(int argc, char **argv)
{
	const char *what = argc ? argv[0] : "";
	int number = argc > 1 ? atoi(argv[1]) : 0;

	if (!strcmp(what, "exit"))
		return number;
	if (!strcmp(what, "fd-open")) /* 0: open */
		return fcntl(number, F_GETFD) < 0;
	if (!strcmp(what, "ignored"))
		return !action_is(number, SIG_IGN);
	if (!strcmp(what, "default"))
		return !action_is(number, SIG_DFL);
	if (!strcmp(what, "blocked"))
		return !blocked(number);
	if (!strcmp(what, "pending")) {
		sigset_t set;
		return sigpending(&set) < 0 || !sigismember(&set, number);
	}
	if (!strcmp(what, "pid"))
		return getpid() != number;
	if (!strcmp(what, "env"))
		return argc < 3 || !getenv(argv[1]) || strcmp(getenv(argv[1]), argv[2]);
	if (!strcmp(what, "argc"))
		return argc - 2 != number;
	if (!strcmp(what, "alarm"))
		return alarm(0) == 0;
	if (!strcmp(what, "umask"))
		return (int)umask(0) != number;
	if (!strcmp(what, "write"))
		return write(number, "helper", 6) != 6;
	if (!strcmp(what, "pause"))
		for (;;)
			pause();
	return 99;
}
