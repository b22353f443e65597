/* Latency, first contact and throughput over any struct ipc_way: see ipc.h.
 *
 * A message's first byte numbers it, so that a lost or doubled one is noticed. Stamps are kept by each side and
 * subtracted afterwards: the clock is the same, and a message of one byte has no room for a stamp. */
#include "ipc.h"
#include "probes.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_SIZE 65536
#define LAST 0xff		   /* the first byte of the message that ends a stream */
#define STREAM_BYTES (256u << 10) /* a throughput sample is about this much, within these numbers of messages: */
#define STREAM_LEAST 16u
#define STREAM_MOST 2048u

long long ipc_size = 1;
bool ipc_awake;

enum { MODE_BLOCKED, MODE_AWAKE };
#define UNSIZED 4 /* options before those that only sized messages have */
static const char *const modes[] = { "blocked", "awake", NULL };
static long long mode, rounds = 5, batches = 200, gap_us = 20;
static const struct micro_option options[] = {
	MICRO_WARMUP,
	{ "mode", &mode, 0, 0, modes, NULL, "the receiver is blocked, or awake and polling" },
	{ "rounds", &rounds, 1, 1000, NULL, NULL, "channels opened for the first-contact samples" },
	{ "gap-us", &gap_us, 0, 1000000, NULL, NULL, "busy time before each message, for the receiver to block" },
	{ "size-bytes", &ipc_size, 1, MOST_SIZE, NULL, NULL, "message size" },
	{ "batches", &batches, 1, 100000, NULL, NULL, "the most throughput samples" },
	{ 0 },
};
static struct micro_option unsized[UNSIZED + 1];

static const struct ipc_way *way;
static unsigned char message[MOST_SIZE];

static struct shared {
	_Atomic int ready;	/* the round whose child is up */
	_Atomic bool enough;	/* the next ping is the last: a signal has no room to say so */
	_Atomic uint64_t first_at;
} *shared;
static uint64_t *received_at;	/* by the child, of each measured message */
static struct micro_series *opened, *first_contact, *first_round_trip, *one_way, *round_trip, *throughput;

static unsigned char number(long long i)
{
	return (unsigned char)(i % 251);
}

static uint64_t receive_number(int side, unsigned char wanted)
{
	uint64_t at = way->receive(side, message);

	if (way->sized && message[0] != wanted)
		die("message %u came where %u was to come", message[0], wanted);
	return at;
}

static void send_number(int side, unsigned char value)
{
	message[0] = value;
	way->send(side, message);
}

static size_t stream_messages(void)
{
	size_t count = STREAM_BYTES / (size_t)ipc_size;

	return count < STREAM_LEAST ? STREAM_LEAST : count > STREAM_MOST ? STREAM_MOST : count;
}

/* The child: answers each numbered message, until told that the parent has measured enough. */
static void answer(void)
{
	for (long long i = -micro.warmup;; i++) {
		uint64_t at = way->receive(1, message);
		bool enough = atomic_load(&shared->enough);

		if (i >= 0 && !enough) {
			PROBE(ipc_recv, i);
			received_at[i] = at;
		}
		way->send(1, message);
		if (enough)
			return;
	}
}

/* The child: times batches of the stream. */
static void drain(void)
{
	size_t count = stream_messages(), in_batch = 0;
	uint64_t begin = receive_number(1, 0);

	for (;;) {
		uint64_t at = way->receive(1, message);

		if (message[0] == LAST)
			break;
		if (++in_batch < count)
			continue;
		micro_add(throughput, (double)count * (double)ipc_size * 1e9 / (double)(at - begin));
		in_batch = 0;
		begin = at;
	}
	way->send(1, message);
}

static _Noreturn void child(int round, bool last)
{
	micro_pin(1);
	if (way->attach)
		way->attach(1, getppid());
	atomic_store(&shared->ready, round + 1);
	atomic_store(&shared->first_at, receive_number(1, 0));
	send_number(1, 0);
	if (last) {
		answer();
		if (way->sized)
			drain();
	}
	_exit(0);
}

static void settle(void)
{
	if (!ipc_awake)
		micro_busy((uint64_t)gap_us * 1000u);
}

static void ping(long long i)
{
	uint64_t begin, end;

	settle();
	if (i >= 0)
		PROBE(ipc_send, i);
	begin = now_ns();
	send_number(0, number(i + micro.warmup));
	end = receive_number(0, number(i + micro.warmup));
	if (i < 0)
		return;
	micro_add(one_way, (double)(received_at[i] - begin));
	micro_add(round_trip, (double)(end - begin));
}

static void latency(void)
{
	long long i = -micro.warmup;

	micro_budget(way->sized ? 50 : 90);
	while (i < 0 || micro_more(i))
		ping(i++);
	atomic_store(&shared->enough, true);
	send_number(0, LAST);
	receive_number(0, LAST);
}

static void stream(void)
{
	size_t count = stream_messages();

	micro_budget(40);
	send_number(0, 0);
	for (long long batch = 0; micro_more_of(batches, batch); batch++)
		for (size_t i = 0; i < count; i++)
			send_number(0, number((long long)i));
	send_number(0, LAST);
	receive_number(0, LAST);
}

/* A peer that dies without a word (kill -9) would be waited for until the time-out. */
static void on_child(int number)
{
	static const char died[] = "the other process died\n";
	siginfo_t how = { 0 };
	int kept = errno;

	(void)number;
	if (micro.peer > 0 && waitid(P_PID, (id_t)micro.peer, &how, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	    how.si_pid && (how.si_code != CLD_EXITED || how.si_status)) {
		micro.peer = 0;
		if (how.si_code == CLD_EXITED)
			micro_leave(how.si_status); /* it has said why */
		if (write(STDERR_FILENO, died, sizeof(died) - 1) < 0)
			_exit(MICRO_FAILED);
		micro_leave(MICRO_FAILED);
	}
	errno = kept;
}

static void watch_child(void)
{
	struct sigaction action = { .sa_handler = on_child, .sa_flags = SA_NOCLDSTOP };

	sigemptyset(&action.sa_mask);
	if (sigaction(SIGCHLD, &action, NULL))
		die_errno("sigaction");
}

static void run_round(int round, bool last)
{
	uint64_t begin = now_ns(), end;
	unsigned polls = 0;
	pid_t peer;

	micro.cleanup = way->destroy;
	micro.cleanup_owner = getpid();
	way->create();
	micro_add(opened, (double)(now_ns() - begin));
	peer = micro_fork();
	if (peer == 0)
		child(round, last);
	on_child(SIGCHLD); /* it may have died before it was known as the peer */
	if (way->attach)
		way->attach(0, peer);
	while (atomic_load(&shared->ready) != round + 1)
		micro_poll(&polls);
	micro_busy(200000); /* so that a blocking child is blocked */
	begin = now_ns();
	send_number(0, 0);
	end = receive_number(0, 0);
	micro_add(first_contact, (double)(atomic_load(&shared->first_at) - begin));
	micro_add(first_round_trip, (double)(end - begin));
	if (last) {
		latency();
		if (way->sized)
			stream();
	}
	micro_reap(peer);
	micro.cleanup = NULL;
	way->destroy();
}

static void make_series(void)
{
	size_t most = (size_t)micro.iterations;

	opened = micro_series("channel_open", "ns", "lower", NULL, (size_t)rounds, "creating both directions' channel");
	first_contact = micro_series("first_contact", "ns", "lower", NULL, (size_t)rounds,
				     "one way, the first message on a new channel to a new process");
	first_round_trip = micro_series("first_round_trip", "ns", "lower", NULL, (size_t)rounds,
					"the first message and its answer on a new channel");
	one_way = micro_series("one_way", "ns", "lower", NULL, most,
			       "send called to the receiver having the message");
	round_trip = micro_series("round_trip", "ns", "lower", NULL, most,
				  "send called to the sender having the answer of the same size");
	if (way->sized)
		throughput = micro_series("throughput", "bytes/s", "higher", NULL, (size_t)batches,
					  "received one way without answers: mean of each batch");
}

int ipc_main(const struct ipc_way *chosen, int argc, char **argv)
{
	way = chosen;
	micro.iterations = 2000;
	micro.warmup = 50;
	micro.pin = PIN_APART; /* one peer a processor, as virtual CPUs are; where that fails, as it comes */
	memcpy(unsized, options, UNSIZED * sizeof(options[0]));
	micro_start(way->program, argc, argv, way->sized ? options : unsized);
	ipc_awake = mode == MODE_AWAKE;
	make_series();
	shared = micro_shared(sizeof(*shared));
	received_at = micro_shared((size_t)micro.iterations * sizeof(*received_at));
	micro_pin(0);
	watch_child();
	for (int round = 0; round < rounds; round++)
		run_round(round, round == rounds - 1);
	return micro_finish();
}
