/* System V message queues, semaphores, shared memory. */
#include "suite.h"
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#define GROUP "sysv msg"

CALL(msgget, "IPC_CREAT IPC_EXCL IPC_PRIVATE");
CALL(msgsnd, "IPC_NOWAIT");
CALL(msgrcv, "IPC_NOWAIT MSG_NOERROR MSG_EXCEPT MSG_COPY");
CALL(msgctl, "IPC_STAT IPC_SET IPC_RMID IPC_INFO MSG_INFO MSG_STAT");

static void nothing(int signo) { (void)signo; }

struct message { long type; char text[64]; };

static key_t own_key(int n)
{
	return (key_t)(0x4b580000 + getpid() * 8 + n);
}

static int queue(void)
{
	return OK(msgget(IPC_PRIVATE, 0600));
}

static void put(int q, long type, const char *text)
{
	struct message m = { .type = type };
	strcpy(m.text, text);
	OK(msgsnd(q, &m, strlen(text), 0));
}

CASE(msgget, "by key: made once, found again; IPC_EXCL: EEXIST; none: ENOENT")
{
	key_t key = own_key(0);
	ERR(msgget(key, 0), ENOENT);
	int q = OK(msgget(key, IPC_CREAT | 0600));
	EQ(msgget(key, 0), q);
	ERR(msgget(key, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
	OK(msgctl(q, IPC_RMID, NULL));
	ERR(msgget(key, 0), ENOENT);
}

CASE(msgget, "IPC_PRIVATE: a new one each time")
{
	int a = queue(), b = queue();
	CHECK(a != b);
	OK(msgctl(a, IPC_RMID, NULL));
	OK(msgctl(b, IPC_RMID, NULL));
}

CASE(msgrcv, "in order; by type; by the lowest type up to one; all but one")
{
	struct message m;
	int q = queue();
	put(q, 3, "three");
	put(q, 1, "one");
	put(q, 2, "two");
	put(q, 3, "drei");
	EQ(msgrcv(q, &m, 64, 3, 0), 5);
	EQ(msgrcv(q, &m, 64, -2, 0), 3);
	EQ(m.type, 1);
	EQ(msgrcv(q, &m, 64, 3, MSG_EXCEPT), 3);
	EQ(m.type, 2);
	EQ(msgrcv(q, &m, 64, 0, 0), 4);
	ERR(msgrcv(q, &m, 64, 0, IPC_NOWAIT), ENOMSG);
	OK(msgctl(q, IPC_RMID, NULL));
}

CASE(msgrcv, "too long: E2BIG and it stays; MSG_NOERROR cuts")
{
	struct message m;
	int q = queue();
	put(q, 1, "hello");
	ERR(msgrcv(q, &m, 2, 0, 0), E2BIG);
	EQ(msgrcv(q, &m, 2, 0, MSG_NOERROR), 2);
	ERR(msgrcv(q, &m, 64, 0, IPC_NOWAIT), ENOMSG);
	OK(msgctl(q, IPC_RMID, NULL));
}

CASE(msgrcv, "waits for another process; a handler: EINTR; removed: EIDRM")
{
	struct message m;
	int q = queue();
	CHILD(pid) {
		sleep_ms(20);
		put(q, 7, "x");
	}
	EQ(msgrcv(q, &m, 64, 7, 0), 1);
	child_ok(pid);
	on_signal(SIGALRM, nothing, SA_RESTART);
	ualarm(20000, 0);
	ERR(msgrcv(q, &m, 64, 0, 0), EINTR);
	CHILD(remover) {
		sleep_ms(20);
		OK(msgctl(q, IPC_RMID, NULL));
	}
	ERR(msgrcv(q, &m, 64, 0, 0), EIDRM);
	child_ok(remover);
	ERR(msgrcv(q, &m, 64, 0, 0), EINVAL);
}

CASE(msgrcv, "bad address: EFAULT; a size below 0: EINVAL")
{
	struct message m;
	int q = queue();
	EACH_BAD(bad) {
		put(q, 1, "x");
		ERR(msgrcv(q, bad, 64, 0, 0), EFAULT);
	}
	ERR(msgrcv(q, &m, (size_t)-1, 0, 0), EINVAL);
	OK(msgctl(q, IPC_RMID, NULL));
}

CASE(msgsnd, "type 0: EINVAL; too long: EINVAL; bad address: EFAULT; full: EAGAIN")
{
	struct { long type; char text[8192]; } m = { 0 };
	int q = queue(), n = 0;
	ERR(msgsnd(q, &m, 1, 0), EINVAL);
	m.type = 1;
	ERR(msgsnd(q, &m, 100000, 0), EINVAL);
	EACH_BAD(bad)
		ERR(msgsnd(q, bad, 1, 0), EFAULT);
	while (msgsnd(q, &m, 4096, IPC_NOWAIT) == 0)
		n++;
	EQ(errno, EAGAIN);
	EQ(n, 4);
	OK(msgctl(q, IPC_RMID, NULL));
	ERR(msgsnd(q, &m, 1, 0), EINVAL);
}

CASE(msgsnd, "waits for room")
{
	struct { long type; char text[8192]; } m = { .type = 1 };
	int q = queue();
	OK(msgsnd(q, &m, 8192, 0));
	OK(msgsnd(q, &m, 8192, 0));
	CHILD(pid) OK(msgsnd(q, &m, 8192, 0));
	sleep_ms(20);
	for (int i = 0; i < 3; i++)
		EQ(msgrcv(q, &m, 8192, 0, 0), 8192);
	child_ok(pid);
	OK(msgctl(q, IPC_RMID, NULL));
}

CASE(msgctl, "IPC_STAT counts; IPC_SET limits the bytes")
{
	struct msqid_ds d;
	struct message m = { .type = 1 };
	int q = queue();
	put(q, 1, "hello");
	OK(msgctl(q, IPC_STAT, &d));
	EQ(d.msg_qnum, 1);
	EQ(d.msg_cbytes, 5);
	EQ(d.msg_lspid, getpid());
	EQ(d.msg_perm.mode & 0777, 0600);
	d.msg_qbytes = 10;
	OK(msgctl(q, IPC_SET, &d));
	ERR(msgsnd(q, &m, 6, IPC_NOWAIT), EAGAIN);
	OK(msgsnd(q, &m, 5, IPC_NOWAIT));
	OK(msgctl(q, IPC_RMID, NULL));
}

CASE(msgctl, "unknown queue or command: EINVAL; bad address: EFAULT")
{
	struct msqid_ds d;
	int q = queue();
	ERR(msgctl(-1, IPC_STAT, &d), EINVAL);
	ERR(msgctl(q, 9999, &d), EINVAL);
	EACH_BAD(bad)
		ERR(msgctl(q, IPC_STAT, bad), EFAULT);
	OK(msgctl(q, IPC_RMID, NULL));
	ERR(msgctl(q, IPC_RMID, NULL), EINVAL);
}

CASE(msgget, "permissions: another user EACCES, for removing EPERM")
{
	struct message m = { .type = 1 };
	int q = queue();
	CHILD(pid) {
		OK(setgid(1000));
		OK(setuid(1000));
		ERR(msgsnd(q, &m, 1, 0), EACCES);
		ERR(msgctl(q, IPC_RMID, NULL), EPERM);
	}
	child_ok(pid);
	OK(msgctl(q, IPC_RMID, NULL));
}

#undef GROUP
#define GROUP "sysv sem"

CALL(semget, "IPC_CREAT IPC_EXCL IPC_PRIVATE");
CALL(semop, "IPC_NOWAIT SEM_UNDO");
CALL(semtimedop, "");
CALL(semctl, "IPC_STAT IPC_SET IPC_RMID SETVAL GETVAL SETALL GETALL GETPID GETNCNT GETZCNT");

static int set_of(int n)
{
	return OK(semget(IPC_PRIVATE, n, 0600));
}

static int change(int id, int which, int by, int flags)
{
	struct sembuf op = { (unsigned short)which, (short)by, (short)flags };
	return semop(id, &op, 1);
}

CASE(semget, "by key; too many asked of one that exists: EINVAL; none: ENOENT; 0: EINVAL")
{
	key_t key = own_key(1);
	ERR(semget(key, 1, 0), ENOENT);
	ERR(semget(key, 0, IPC_CREAT | 0600), EINVAL);
	int id = OK(semget(key, 2, IPC_CREAT | 0600));
	EQ(semget(key, 1, 0), id);
	ERR(semget(key, 3, 0), EINVAL);
	ERR(semget(key, 2, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
	OK(semctl(id, 0, IPC_RMID));
}

CASE(semop, "up and down; below 0 with IPC_NOWAIT: EAGAIN; wait for zero")
{
	int id = set_of(1);
	OK(change(id, 0, 3, 0));
	OK(change(id, 0, -2, 0));
	EQ(semctl(id, 0, GETVAL), 1);
	ERR(change(id, 0, -2, IPC_NOWAIT), EAGAIN);
	ERR(change(id, 0, 0, IPC_NOWAIT), EAGAIN);
	OK(change(id, 0, -1, 0));
	OK(change(id, 0, 0, 0));
	EQ(semctl(id, 0, GETPID), getpid());
	OK(semctl(id, 0, IPC_RMID));
}

CASE(semop, "several at once: all or none")
{
	int id = set_of(2);
	struct sembuf ops[] = { { 0, 1, 0 }, { 1, -1, IPC_NOWAIT } };
	ERR(semop(id, ops, 2), EAGAIN);
	EQ(semctl(id, 0, GETVAL), 0);
	OK(change(id, 1, 1, 0));
	OK(semop(id, ops, 2));
	EQ(semctl(id, 0, GETVAL), 1);
	OK(semctl(id, 0, IPC_RMID));
}

CASE(semop, "waits for another process; counted by GETNCNT")
{
	int id = set_of(1);
	CHILD(pid) OK(change(id, 0, -1, 0));
	for (int i = 0; i < 1000 && semctl(id, 0, GETNCNT) == 0; i++)
		sleep_ms(1);
	EQ(semctl(id, 0, GETNCNT), 1);
	OK(change(id, 0, 1, 0));
	child_ok(pid);
	EQ(semctl(id, 0, GETNCNT), 0);
	OK(semctl(id, 0, IPC_RMID));
}

CASE(semop, "SEM_UNDO: taken back when the process ends")
{
	int id = set_of(1);
	OK(change(id, 0, 5, 0));
	CHILD(pid) OK(change(id, 0, -3, SEM_UNDO));
	child_ok(pid);
	EQ(semctl(id, 0, GETVAL), 5);
	CHILD(killed) {
		OK(change(id, 0, -3, SEM_UNDO));
		kill(getpid(), SIGKILL);
	}
	child_killed(killed, SIGKILL);
	EQ(semctl(id, 0, GETVAL), 5);
	OK(semctl(id, 0, IPC_RMID));
}

CASE(semop, "a handler: EINTR; removed: EIDRM")
{
	int id = set_of(1);
	on_signal(SIGALRM, nothing, SA_RESTART);
	ualarm(20000, 0);
	ERR(change(id, 0, -1, 0), EINTR);
	CHILD(pid) {
		sleep_ms(20);
		OK(semctl(id, 0, IPC_RMID));
	}
	ERR(change(id, 0, -1, 0), EIDRM);
	child_ok(pid);
}

CASE(semop, "no such semaphore: EFBIG; too many operations: E2BIG; none: EINVAL; too high: ERANGE; bad address: EFAULT")
{
	static struct sembuf many[501];
	int id = set_of(1);
	ERR(change(id, 1, 1, 0), EFBIG);
	ERR(semop(id, many, 501), E2BIG);
	ERR(semop(id, many, 0), EINVAL);
	OK(change(id, 0, 32767, 0));
	ERR(change(id, 0, 1, 0), ERANGE);
	EACH_BAD(bad)
		ERR(semop(id, bad, 1), EFAULT);
	OK(semctl(id, 0, IPC_RMID));
	ERR(change(id, 0, 1, 0), EINVAL);
}

CASE(semtimedop, "a time-out: EAGAIN; not valid: EINVAL")
{
	int id = set_of(1);
	struct sembuf op = { 0, -1, 0 };
	struct timespec t = { 0, 20000000 }, bad = { 0, -1 };
	long long start = mono_ns();
	ERR(semtimedop(id, &op, 1, &t), EAGAIN);
	CHECK(mono_ns() - start >= 20000000);
	ERR(semtimedop(id, &op, 1, &bad), EINVAL);
	OK(semctl(id, 0, IPC_RMID));
}

CASE(semctl, "SETALL, GETALL, SETVAL out of range: ERANGE, unknown: EINVAL, bad address: EFAULT")
{
	unsigned short set[3] = { 1, 2, 3 }, got[3];
	struct semid_ds d;
	int id = set_of(3);
	OK(semctl(id, 0, SETALL, set));
	OK(semctl(id, 0, GETALL, got));
	EQ(memcmp(set, got, sizeof set), 0);
	ERR(semctl(id, 0, SETVAL, 32768), ERANGE);
	ERR(semctl(id, 0, SETVAL, -1), ERANGE);
	ERR(semctl(id, 3, GETVAL), EINVAL);
	ERR(semctl(id, 0, 9999), EINVAL);
	OK(semctl(id, 0, IPC_STAT, &d));
	EQ(d.sem_nsems, 3);
	EACH_BAD(bad)
		ERR(semctl(id, 0, GETALL, bad), EFAULT);
	OK(semctl(id, 0, IPC_RMID));
}

#undef GROUP
#define GROUP "sysv shm"

CALL(shmget, "IPC_CREAT IPC_EXCL IPC_PRIVATE");
CALL(shmat, "SHM_RDONLY SHM_RND SHM_REMAP");
CALL(shmdt, "");
CALL(shmctl, "IPC_STAT IPC_SET IPC_RMID SHM_LOCK SHM_UNLOCK");

static int segment(size_t bytes)
{
	return OK(shmget(IPC_PRIVATE, bytes, 0600));
}

static long attached(int id)
{
	struct shmid_ds d;
	OK(shmctl(id, IPC_STAT, &d));
	return (long)d.shm_nattch;
}

CASE(shmget, "by key; larger than it is: EINVAL; size 0: EINVAL; none: ENOENT; IPC_EXCL: EEXIST")
{
	key_t key = own_key(2);
	ERR(shmget(key, 100, 0), ENOENT);
	ERR(shmget(key, 0, IPC_CREAT | 0600), EINVAL);
	int id = OK(shmget(key, 5000, IPC_CREAT | 0600));
	EQ(shmget(key, 0, 0), id);
	ERR(shmget(key, 5001, 0), EINVAL);
	ERR(shmget(key, 100, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
	OK(shmctl(id, IPC_RMID, NULL));
}

CASE(shmat, "zeroed; twice in one process: one memory; counted; shmdt")
{
	int id = segment(8192);
	char *a = OK(shmat(id, NULL, 0)), *b = OK(shmat(id, NULL, 0));
	EQ(a[5000], 0);
	a[5000] = 7;
	EQ(b[5000], 7);
	EQ(attached(id), 2);
	OK(shmdt(a));
	EQ(attached(id), 1);
	OK(shmdt(b));
	ERR(shmdt(b), EINVAL);
	OK(shmctl(id, IPC_RMID, NULL));
}

CASE(shmat, "shared with a child, which inherits the mapping, and another, which attaches")
{
	int id = segment(4096);
	volatile int *p = OK(shmat(id, NULL, 0));
	CHILD(pid) {
		EQ(attached(id), 2);
		p[0] = 42;
	}
	child_ok(pid);
	EQ(p[0], 42);
	CHILD(other) {
		OK(shmdt((void *)p));
		volatile int *q = OK(shmat(id, NULL, 0));
		q[1] = 43;
	}
	child_ok(other);
	EQ(p[1], 43);
	EQ(attached(id), 1);
	OK(shmctl(id, IPC_RMID, NULL));
}

CASE(shmat, "SHM_RDONLY; at an address; odd: EINVAL; SHM_RND rounds; unknown: EINVAL")
{
	int id = segment(4096), null = OK(open("/dev/zero", O_RDONLY));
	char *at = OK(mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	OK(munmap(at, 8192));
	char *p = OK(shmat(id, NULL, SHM_RDONLY));
	ERR(read(null, p, 1), EFAULT);
	OK(shmdt(p));
	EQ(shmat(id, at, 0), at);
	OK(shmdt(at));
	ERR(shmat(id, at + 1, 0), EINVAL);
	EQ(shmat(id, at + 1, SHM_RND), at);
	OK(shmdt(at));
	ERR(shmat(-1, NULL, 0), EINVAL);
	OK(shmctl(id, IPC_RMID, NULL));
}

CASE(shmctl, "IPC_RMID: lives until the last detaches; no new attaching by key")
{
	key_t key = own_key(3);
	int id = OK(shmget(key, 4096, IPC_CREAT | 0600));
	char *p = OK(shmat(id, NULL, 0));
	OK(shmctl(id, IPC_RMID, NULL));
	p[0] = 1;
	ERR(shmget(key, 4096, 0), ENOENT);
	OK(shmdt(p));
	ERR(shmat(id, NULL, 0), EINVAL);
}

CASE(shmctl, "IPC_STAT: size, creator; exit and exec detach; bad address: EFAULT")
{
	struct shmid_ds d;
	int id = segment(5000);
	OK(shmctl(id, IPC_STAT, &d));
	EQ(d.shm_segsz, 5000);
	EQ(d.shm_cpid, getpid());
	CHILD(pid) {
		OK(shmat(id, NULL, 0));
		execl(self_path, "conformance", "--helper", "exit", "0", NULL);
	}
	child_ok(pid);
	EQ(attached(id), 0);
	EACH_BAD(bad)
		ERR(shmctl(id, IPC_STAT, bad), EFAULT);
	OK(shmctl(id, IPC_RMID, NULL));
	ERR(shmctl(id, IPC_RMID, NULL), EINVAL);
}

CASE(shmdt, "nothing attached there: EINVAL")
{
	char *p = OK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	ERR(shmdt(p), EINVAL);
	ERR(shmdt(p + 1), EINVAL);
}
