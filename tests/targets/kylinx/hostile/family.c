/* Trials on a family's limits and its borders: other families, bombs, storms, a pVM that dies among others. */
#include "hostile.h"
#include <dirent.h>
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define KEY 0x6b78

static struct sockaddr_un hidden = { .sun_family = AF_UNIX, .sun_path = "\0kx-hidden" };

/* ---- Two families ---- */

TRIAL(host_of, "names")
{
	struct mq_attr attr = { .mq_maxmsg = 2, .mq_msgsize = 16 };
	int s = socket(AF_UNIX, SOCK_STREAM, 0), id;
	pid_t last = 0;

	CHECK((id = msgget(KEY, IPC_CREAT | 0666)) >= 0);
	CHECK(semget(KEY, 1, IPC_CREAT | 0666) >= 0);
	CHECK(shmget(KEY, PAGE, IPC_CREAT | 0666) >= 0);
	CHECK(mq_open("/kx-hidden", O_CREAT | O_RDWR, 0666, &attr) >= 0);
	CHECK(shm_open("/kx-hidden", O_CREAT | O_RDWR, 0666) >= 0);
	CHECK(!mkfifo("/tmp/kx-hidden", 0666));
	CHECK(!bind(s, (struct sockaddr *)&hidden, sizeof(sa_family_t) + 10) && !listen(s, 5));
	for (int i = 0; i < 30; i++) {
		last = fork();
		if (!last)
			pause();
	}
	printf("%d %d\n", last, id);
	fflush(stdout);
	while (getchar() >= 0)
		;
	for (pid_t pid = last; pid > last - 30; pid--)
		CHECK(waitpid(pid, &id, WNOHANG) == 0); /* nobody touched it */
	kill(0, SIGKILL);
}

/* argv: a pid of the other family, a queue's number there */
TRIAL(stranger, "stranger")
{
	int s = socket(AF_UNIX, SOCK_STREAM, 0), pid = atoi(argv[0]), id = atoi(argv[1]);
	struct { long type; char text[8]; } message = { 1, "x" };
	struct dirent *e;
	DIR *d;

	CHECK(msgget(KEY, 0) < 0 && errno == ENOENT);
	CHECK(semget(KEY, 1, 0) < 0 && errno == ENOENT);
	CHECK(shmget(KEY, PAGE, 0) < 0 && errno == ENOENT);
	CHECK(msgsnd(id, &message, 8, IPC_NOWAIT) < 0 && (errno == EINVAL || errno == EIDRM));
	CHECK(mq_open("/kx-hidden", O_RDWR) < 0 && errno == ENOENT);
	CHECK(shm_open("/kx-hidden", O_RDWR, 0) < 0 && errno == ENOENT);
	CHECK(open("/tmp/kx-hidden", O_RDWR | O_NONBLOCK) < 0 && errno == ENOENT);
	CHECK(connect(s, (struct sockaddr *)&hidden, sizeof(sa_family_t) + 10) < 0 && errno == ECONNREFUSED);
	for (int p = pid - 25; p <= pid; p++)
		CHECK(kill(p, 0) < 0 && errno == ESRCH && kill(p, SIGKILL) < 0 && errno == ESRCH);
	CHECK(kill(-pid, SIGKILL) < 0);
	CHECK((d = opendir("/proc")));
	while ((e = readdir(d)))
		CHECK(!(atoi(e->d_name) > 2 && atoi(e->d_name) != getpid()));
	kill(-1, SIGTERM); /* all of ours but us */
	for (unsigned slot = 0; slot < KX_MAX_SLOTS; slot++) { /* slots are the family's own as well */
		raw(KX_HC_KICK, slot, 0, 0, 0, 0);
		raw(KX_HC_NOTIFY, slot, 0, 0, 0, 0);
	}
}

/* ---- Progress beside a storm ---- */

TRIAL(progress, "progress")
{
	uint64_t until = now_ns() + strtoull(argv[0], NULL, 0) * 1000000, n = 0;
	volatile uint64_t x = 1;

	for (; !n || now_ns() < until; n++)
		for (int i = 0; i < 20000; i++)
			x = x * 6364136223846793005 + 1;
	printf("%llu\n", (unsigned long long)n);
}

static volatile uint8_t *guard;
static void spin(void) { for (;;) ; }
static void calls(void) { for (;;) raw(KX_HC_NOTIFY, area()->slot, 0, 0, 0, 0); }
static void kicks(void) { for (uint64_t i = 0;; i++) raw(KX_HC_KICK, i % 8, 0, 0, 0, 0); }
static void reports(void)
{
	uint64_t va;
	uint8_t *p = commons_page(&va, 1);

	memset(p, 0xff, PAGE);
	for (;;)
		raw(KX_HC_REPORT, KX_REPORT_FAULT, va, PAGE, 0, 0);
}
static void faults(void)
{
	uint64_t seen;

	survive_faults();
	for (;;)
		touch((volatile uint64_t *)guard, &seen, true);
}
static void touches(void)
{
	uint8_t *p = pages(256 * PAGE);

	for (;;) {
		for (int i = 0; i < 256; i++)
			p[i * PAGE] = 1;
		raw(KX_HC_MEMORY, KX_MEMORY_DROP, (uint64_t)p, 256 * PAGE, 0, 0);
	}
}
static void forks(void)
{
	for (;;) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
}

static const struct { const char *name; void (*run)(void); } storms[] = { { "spin", spin }, { "calls", calls }, { "kicks", kicks },
	{ "reports", reports }, { "faults", faults }, { "touches", touches }, { "forks", forks } };

/* argv: which, how many at once; until our input ends */
TRIAL(storm, "storm")
{
	guard = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < atoi(argv[1]); i++)
		for (unsigned k = 0; k < sizeof storms / sizeof *storms; k++)
			if (!strcmp(storms[k].name, argv[0]) && !fork())
				storms[k].run();
	puts("ready");
	fflush(stdout);
	while (getchar() >= 0)
		;
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
}

/* A kick may come between a fault and the delivery of its exception: each is the application's, the LibOS's neither. argv: ms */
static volatile sig_atomic_t told;
static void count(int signo __attribute__((unused))) { told++; }

TRIAL(told_while_faulting, "signals-among-faults")
{
	uint64_t until = now_ns() + strtoull(argv[0], NULL, 0) * 1000000;
	int status;

	guard = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	signal(SIGUSR1, count);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (!pid)
		faults();
	for (uint64_t next = now_ns(); next < until; next += 20000 + draw() % 20000) {
		while (now_ns() < next)
			;
		CHECK(!kill(pid, SIGUSR1));
	}
	CHECK(waitpid(pid, &status, WNOHANG) == 0);
	CHECK(!kill(pid, SIGKILL) && waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* ---- Bombs ---- */

TRIAL(fork_bomb, "fork-bomb")
{
	int made = 0;

	setpgid(0, 0);
	for (;; made++) { /* each stays */
		pid_t pid = fork();

		if (pid < 0)
			break;
		if (!pid) {
			pause();
			_exit(0);
		}
		CHECK(made < 5000);
	}
	CHECK(errno == EAGAIN);
	CHECK(fork() < 0 && errno == EAGAIN);
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	while (wait(NULL) > 0)
		;
	pid_t pid = fork(); /* there is room again */
	CHECK(pid >= 0);
	if (!pid)
		_exit(0);
	CHECK(waitpid(pid, NULL, 0) == pid);
	printf("%d\n", made);
}

TRIAL(fork_storm, "fork-bomb-of-all")
{
	uint64_t until = now_ns() + 1000000000;
	pid_t first = fork();

	CHECK(first >= 0);
	if (!first) {
		setpgid(0, 0);
		while (now_ns() < until) /* parents and children alike */
			if (fork() < 0 && errno != EAGAIN && errno != ENOMEM)
				_exit(1);
		_exit(0);
	}
	int status;
	CHECK(waitpid(first, &status, 0) == first && status == 0);
	while (now_ns() < until + 300000000)
		usleep(10000);
	while (!kill(-first, SIGKILL)) /* there is none left */
		usleep(10000);
}

static size_t got;
static void map_all(void)
{
	for (;; got++) {
		uint8_t *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			_exit(errno == ENOMEM ? 12 : 1);
		memset(p, 1, 1 << 20);
	}
}

static void share_all(void)
{
	for (;;) {
		uint8_t *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			_exit(errno == ENOMEM ? 12 : 1);
		memset(p, 1, 1 << 20);
	}
}

static void write_all(void)
{
	static char bytes[65536];
	int fd = open("/tmp/bomb", O_CREAT | O_RDWR | O_TRUNC, 0600);

	while (write(fd, bytes, sizeof bytes) > 0)
		;
	int error = errno;
	unlink("/tmp/bomb");
	_exit(error == ENOSPC || error == ENOMEM ? 12 : 1);
}

static void pipe_all(void)
{
	static char bytes[65536];
	struct rlimit many = { 100000, 100000 };
	int fd[2];

	setrlimit(RLIMIT_NOFILE, &many);
	for (;;) {
		if (pipe2(fd, O_NONBLOCK))
			_exit(errno == ENOMEM || errno == ENFILE || errno == EMFILE ? 12 : 1);
		if (write(fd[1], bytes, sizeof bytes) < 0)
			_exit(errno == ENOMEM || errno == EAGAIN ? 12 : 1);
	}
}

static unsigned descend(unsigned depth)
{
	volatile uint8_t frame[65536];

	frame[0] = 1;
	return depth ? descend(depth - 1) + frame[0] : 0;
}

static void grow_stack(void)
{
	struct rlimit any = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_STACK, &any);
	descend(1u << 30);
}

static void grow_break(void)
{
	while (sbrk(1 << 20) != (void *)-1)
		*(volatile uint8_t *)((uint8_t *)sbrk(0) - 1) = 1, memset((uint8_t *)sbrk(0) - (1 << 20), 1, 1 << 20);
	_exit(errno == ENOMEM ? 12 : 1);
}

static void nothing(void) { }

/* Out of memory is ENOMEM, or the death of the one that wants it (as Linux' OOM killer has it): the others go on. */
TRIAL(memory_bomb, "memory-bomb")
{
	static const struct { const char *name; void (*run)(void); } bombs[] = { { "private", map_all }, { "shared", share_all },
		{ "file", write_all }, { "pipes", pipe_all }, { "stack", grow_stack }, { "break", grow_break } };

	for (unsigned i = 0; i < sizeof bombs / sizeof *bombs; i++) {
		uint64_t from = now_ns();

		patience_ns = 30000000000;
		int status = fate(bombs[i].run);

		if (!(status != GONE && WIFEXITED(status) && WEXITSTATUS(status) == 12) && !died(status, SIGKILL) && !died(status, SIGSEGV) &&
		    !died(status, SIGBUS))
			fail("%s: status %x, exit %d", bombs[i].name, status, WEXITSTATUS(status));
		printf("%s: %x after %llu ms\n", bombs[i].name, status, (unsigned long long)(now_ns() - from) / 1000000);
		volatile uint8_t *p = pages(1 << 20); /* and there is memory again */
		memset((void *)p, 1, 1 << 20);
		munmap((void *)p, 1 << 20);
		CHECK(fate(nothing) == 0);
	}
}

/* ---- One that faults among others ---- */

__attribute__((noinline)) void crash_here(volatile int *at)
{
	*at = 7 + getpid(); /* a call: no leaf, so it has a frame */
	__asm__ volatile("");
}

__attribute__((noinline)) void on_purpose(void)
{
	crash_here((volatile int *)0x1230);
	__asm__ volatile("");
}

TRIAL(dies_alone, "dies-alone")
{
	int fd[2], status, ended = 0, crashed = 0;
	char byte;

	CHECK(!pipe(fd));
	for (int i = 0; i < 4; i++)
		if (!fork()) { /* siblings that go on */
			for (int k = 0; k < 200; k++)
				usleep(500);
			_exit(write(fd[1], "x", 1) == 1 ? 5 : 1);
		}
	usleep(5000);
	if (!fork()) {
		on_purpose();
		_exit(0);
	}
	while (wait(&status) > 0) {
		crashed += died(status, SIGSEGV);
		ended += WIFEXITED(status) && WEXITSTATUS(status) == 5;
	}
	CHECK(crashed == 1 && ended == 4);
	for (int i = 0; i < 4; i++)
		CHECK(read(fd[0], &byte, 1) == 1);
}
