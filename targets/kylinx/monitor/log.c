/* What the monitor says: kept in a ring for the control socket, and written to stderr. */
#include <errno.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "family.h"

#define RING 16384
static char ring[RING];
static uint64_t ring_at;                 /* bytes ever written */
static pthread_mutex_t ring_lock = PTHREAD_MUTEX_INITIALIZER;
bool log_debug;
uint64_t log_start_ns;

static void keep(const char *text, size_t length)
{
	pthread_mutex_lock(&ring_lock);
	for (size_t i = 0; i < length; i++)
		ring[ring_at++ % RING] = text[i];
	pthread_mutex_unlock(&ring_lock);
}

/* A line, whole even when several threads speak; control characters of a guest's text do not reach the user's terminal. */
static void say(bool user, const char *format, va_list list)
{
	char line[4096];
	size_t at = (size_t)snprintf(line, sizeof line, "monitor: ");

	if (log_debug) /* with the time since the start, in microseconds */
		at += (size_t)snprintf(line + at, sizeof line - at, "%7llu ", (unsigned long long)(clock_mono_ns() - log_start_ns) / 1000);
	int n = vsnprintf(line + at, sizeof line - at - 1, format, list);

	if (n < 0)
		return;
	at += (size_t)n < sizeof line - at - 1 ? (size_t)n : sizeof line - at - 2;
	while (at && line[at - 1] == '\n')
		at--;
	for (size_t i = 0; i < at; i++)
		if ((unsigned char)line[i] < ' ' && line[i] != '\n' && line[i] != '\t')
			line[i] = '?';
	line[at++] = '\n';
	keep(line, at);
	if ((user || log_debug) && write(STDERR_FILENO, line, at) < 0)
		return; /* nobody listens: it is in the ring */
}

void log_line(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say(false, format, list);
	va_end(list);
}

void log_user(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say(true, format, list);
	va_end(list);
}

void die(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say(true, format, list);
	va_end(list);
	_exit(EXIT_MONITOR);
}

uint32_t log_tail(char *to, uint32_t room)
{
	pthread_mutex_lock(&ring_lock);
	uint64_t have = ring_at < RING ? ring_at : RING;
	uint32_t n = have < room ? (uint32_t)have : room;

	for (uint32_t i = 0; i < n; i++)
		to[i] = ring[(ring_at - n + i) % RING];
	pthread_mutex_unlock(&ring_lock);
	return n;
}

long futex_wait(uint32_t *word, uint32_t seen, uint64_t deadline)
{
	struct timespec at = { (time_t)(deadline / NS_PER_SECOND), (long)(deadline % NS_PER_SECOND) };
	long r = syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, seen, deadline == NEVER ? NULL : &at, NULL, FUTEX_BITSET_MATCH_ANY);

	return r < 0 ? -errno : 0;
}

void futex_wake(uint32_t *word, uint32_t count)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}
