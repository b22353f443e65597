/* The main thread's loop: control socket, consoles' input, clock. */
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "family.h"

static int wake_fd = -1;

int control_open(struct settings *s, const char **why)
{
	(void)s;
	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	*why = "eventfd";
	return wake_fd < 0 ? -errno : 0;
}

void control_wake(void)
{
	uint64_t one = 1;

	if (write(wake_fd, &one, sizeof one) < 0)
		return; /* it is awake */
}

void control_loop(void)
{
	static struct pollfd set[1 + 1024];

	for (;;) {
		uint64_t count;
		uint32_t n = console_poll_set(set + 1, 1024);

		set[0] = (struct pollfd){ .fd = wake_fd, .events = POLLIN };
		int r = poll(set, n + 1, 1000);
		if (r > 0 && set[0].revents && read(wake_fd, &count, sizeof count) < 0)
			continue;
		if (r > 0)
			console_poll_done(set + 1, n);
		clock_update(&memory_boot()->clock);
	}
}

void control_pvm_ended(uint32_t slot, int32_t status, bool killed)
{
	(void)slot;
	(void)status;
	(void)killed;
}

void control_fault(uint32_t slot, uint32_t console, const void *report, uint32_t length)
{
	(void)slot;
	(void)console;
	(void)report;
	(void)length;
}

void control_stats_answer(const char *json, uint32_t length)
{
	(void)json;
	(void)length;
}

void control_panic(const char *text)
{
	(void)text;
}

void control_write_stats(int fd)
{
	(void)fd;
}
