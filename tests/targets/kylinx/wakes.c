/* No wake-up is lost: pairs of processes hand a count to and fro over one way each, with pauses at random, so that the receiver is
 * found running, watching, about to wait, and waiting. Who hears nothing for STALL_S says so and fails.
 * wakes PAIRS MESSAGES SECONDS: ends with "ok" and the number of messages after whichever comes first. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STALL_S 40
#define MOST_PAIRS 64
#define LAST 0xffffffffu

struct message { long type; uint32_t count; };
static struct pair {
	int fd[2][2];                /* [who receives][end]; of an eventfd both are the same; a queue's and semaphores' number */
	_Atomic uint32_t *word;      /* [who receives] */
	_Atomic uint32_t *passed;
} pair;
static const char *way;
static uint64_t seed;

static void fail(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", way, what, strerror(errno));
	exit(1);
}

static void check(int bad, const char *what)
{
	if (bad)
		fail(what);
}

static uint32_t at_random(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32) % below;
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Mostly none; else as long as a watch, a watch and a half, a wait; at times asleep. */
static void rest(void)
{
	uint32_t r = at_random(256);
	uint64_t until = now() + (r < 200 ? 0 : r < 240 ? at_random(20000) : r < 254 ? at_random(300000) : 0);

	if (r >= 254) {
		struct timespec t = { 0, (long)at_random(500000) };
		nanosleep(&t, NULL);
	}
	while (now() < until)
		;
}

/* ---- ways: create for both, send to a side, receive as a side */

static void pipe_create(void)
{
	check(pipe(pair.fd[0]) || pipe(pair.fd[1]), "pipe");
}

static void fd_send(int to, uint32_t count)
{
	check(write(pair.fd[to][1], &count, sizeof count) != sizeof count, "write");
}

static uint32_t fd_receive(int side)
{
	uint32_t count;

	check(read(pair.fd[side][0], &count, sizeof count) != sizeof count, "read");
	return count;
}

static void socket_create(void)
{
	int s[2];

	check(socketpair(AF_UNIX, SOCK_STREAM, 0, s), "socketpair");
	pair.fd[0][0] = pair.fd[1][1] = s[0];
	pair.fd[1][0] = pair.fd[0][1] = s[1];
}

static void event_create(void)
{
	for (int side = 0; side < 2; side++) {
		pair.fd[side][0] = pair.fd[side][1] = eventfd(0, 0);
		check(pair.fd[side][0] < 0, "eventfd");
	}
}

static void event_send(int to, uint32_t count)
{
	uint64_t value = (uint64_t)count + 1;

	check(write(pair.fd[to][1], &value, 8) != 8, "write");
}

static uint32_t event_receive(int side)
{
	uint64_t value;

	check(read(pair.fd[side][0], &value, 8) != 8, "read");
	return (uint32_t)(value - 1);
}

static void queue_create(void)
{
	pair.fd[0][0] = msgget(IPC_PRIVATE, 0600);
	check(pair.fd[0][0] < 0, "msgget");
}

static void queue_send(int to, uint32_t count)
{
	struct message m = { to + 1, count };

	check(msgsnd(pair.fd[0][0], &m, sizeof m.count, 0), "msgsnd");
}

static uint32_t queue_receive(int side)
{
	struct message m;

	check(msgrcv(pair.fd[0][0], &m, sizeof m.count, side + 1, 0) != sizeof m.count, "msgrcv");
	return m.count;
}

static void queue_destroy(void)
{
	msgctl(pair.fd[0][0], IPC_RMID, NULL);
}

static void sem_create(void)
{
	pair.fd[0][0] = semget(IPC_PRIVATE, 2, 0600);
	check(pair.fd[0][0] < 0, "semget");
}

static void sem_move(int which, short by)
{
	struct sembuf op = { (unsigned short)which, by, 0 };

	check(semop(pair.fd[0][0], &op, 1), "semop");
}

static void sem_send(int to, uint32_t count)
{
	pair.word[to] = count;
	sem_move(to, 1);
}

static uint32_t sem_receive(int side)
{
	sem_move(side, -1);
	return pair.word[side];
}

static void sem_destroy(void)
{
	semctl(pair.fd[0][0], 0, IPC_RMID);
}

static void futex_create(void)
{
	pair.word[0] = pair.word[1] = 0;
}

static void futex_send(int to, uint32_t count)
{
	pair.word[to] = count + 1;
	check(syscall(SYS_futex, &pair.word[to], FUTEX_WAKE, 1, NULL, NULL, 0) < 0, "futex");
}

static uint32_t futex_receive(int side)
{
	static uint32_t last[2];
	uint32_t got;

	while ((got = pair.word[side]) == last[side])
		check(syscall(SYS_futex, &pair.word[side], FUTEX_WAIT, got, NULL, NULL, 0) && errno != EAGAIN && errno != EINTR, "futex");
	last[side] = got;
	return got - 1;
}

static pid_t other;

static void signal_create(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static void signal_send(int to, uint32_t count)
{
	pair.word[to] = count;
	check(kill(other, SIGUSR1), "kill");
}

static uint32_t signal_receive(int side)
{
	sigset_t set;
	int got;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	check(sigwait(&set, &got), "sigwait");
	return pair.word[side];
}

static void nothing(void)
{
}

static const struct way {
	const char *name;
	void (*create)(void);
	void (*send)(int to, uint32_t count);
	uint32_t (*receive)(int side);
	void (*destroy)(void);
} ways[] = {
	{ "pipe", pipe_create, fd_send, fd_receive, nothing }, { "futex", futex_create, futex_send, futex_receive, nothing },
	{ "eventfd", event_create, event_send, event_receive, nothing }, { "msg", queue_create, queue_send, queue_receive, queue_destroy },
	{ "socketpair", socket_create, fd_send, fd_receive, nothing }, { "sem", sem_create, sem_send, sem_receive, sem_destroy },
	{ "signal", signal_create, signal_send, signal_receive, nothing },
};
#define WAYS (sizeof ways / sizeof *ways)

static void stalled(int number)
{
	char line[160];
	int n = snprintf(line, sizeof line, "%s: nothing came for %d s, after message %u (%d)\n", way, STALL_S, *pair.passed, number);

	if (write(2, line, (size_t)n) == n)
		kill(0, SIGKILL);
	_exit(1);
}

static void follow(const struct way *w)
{
	uint32_t count;

	do {
		alarm(STALL_S);
		count = w->receive(1);
		if (count != LAST && count % 2)
			fail("a message that was not sent");
		rest();
		w->send(0, count == LAST ? LAST : count + 1);
	} while (count != LAST);
	_exit(0);
}

static void lead(const struct way *w, uint32_t messages, uint64_t end)
{
	pid_t child;
	int status;

	w->create();
	other = getpid();
	child = fork();
	check(child < 0, "fork");
	seed += (uint64_t)getpid() * 7919;
	if (!child)
		follow(w);
	other = child;
	for (uint32_t count = 0; count < messages && (!count || now() < end); count += 2) {
		alarm(STALL_S);
		w->send(1, count);
		rest();
		if (w->receive(0) != count + 1)
			fail("another message than was to come");
		*pair.passed = count + 2;
	}
	w->send(1, LAST);
	check(w->receive(0) != LAST, "the end");
	check(waitpid(child, &status, 0) != child || status, "the other's end");
	w->destroy();
	_exit(0);
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	int pairs = atoi(argv[1]), status;
	uint32_t messages = (uint32_t)atoi(argv[2]) & ~1u;
	uint64_t end = now() + (uint64_t)(atof(argv[3]) * 1e9), total = 0;
	_Atomic uint32_t *words = mmap(NULL, MOST_PAIRS * 64, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (pairs < 1 || pairs > MOST_PAIRS || words == MAP_FAILED)
		return 2;
	signal(SIGALRM, stalled);
	seed = (uint64_t)strtoull(getenv("KX_SEED") ? getenv("KX_SEED") : "1", NULL, 10) * 0x9e3779b97f4a7c15u + 1;
	for (int i = 0; i < pairs; i++) {
		pair.word = words + i * 16;
		pair.passed = pair.word + 2;
		way = ways[(size_t)i % WAYS].name;
		pid_t child = fork();
		check(child < 0, "fork");
		if (!child)
			lead(&ways[(size_t)i % WAYS], messages, end);
	}
	for (int i = 0; i < pairs; i++)
		if (wait(&status) < 0 || status) {
			fprintf(stderr, "a pair failed, status %x\n", (unsigned)status);
			return 1;
		}
	for (int i = 0; i < pairs; i++)
		total += words[i * 16 + 2];
	printf("ok %llu\n", (unsigned long long)total);
	return 0;
}
