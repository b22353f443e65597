/* kill: a signal from one process to another; received is the first statement of its handler. */
#include "ipc.h"

#include <errno.h>
#include <signal.h>

static pid_t other;
static volatile sig_atomic_t arrived;
static volatile uint64_t arrived_at;
static sigset_t without, with; /* the mask that lets the signal in, and the one that does not */

static void on_arrival(int number)
{
	arrived_at = now_ns();
	arrived = 1;
	(void)number;
}

static void create(void)
{
	struct sigaction action = { .sa_handler = on_arrival };

	arrived = 0;
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGUSR1, &action, NULL) || sigprocmask(SIG_SETMASK, NULL, &without))
		die_errno("sigaction");
	sigdelset(&without, SIGUSR1);
	with = without;
	sigaddset(&with, SIGUSR1);
	if (sigprocmask(SIG_SETMASK, ipc_awake ? &without : &with, NULL))
		die_errno("sigprocmask");
}

static void attach(int side, pid_t peer)
{
	(void)side;
	other = peer;
}

static void send_message(int side, const unsigned char *message)
{
	(void)side;
	(void)message;
	if (kill(other, SIGUSR1))
		die_errno("kill");
}

static uint64_t receive(int side, unsigned char *message)
{
	unsigned polls = 0;

	(void)side;
	(void)message;
	while (!arrived)
		if (ipc_awake)
			micro_poll(&polls);
		else if (sigsuspend(&without) && errno != EINTR)
			die_errno("sigsuspend");
	arrived = 0;
	return arrived_at;
}

static void destroy(void)
{
}

int main(int argc, char **argv)
{
	static const struct ipc_way way = { "kill", false, create, attach, send_message, receive, destroy };

	return ipc_main(&way, argc, argv);
}
