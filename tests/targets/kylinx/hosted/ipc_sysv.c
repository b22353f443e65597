/* System V queues, semaphores and memory: operations, limits, control, waiting across pVMs. */
#include "ipc_test.h"

long sys_msgget(s32, u32);
long sys_msgsnd(u32, const void *, size_t, u32);
long sys_msgrcv(u32, void *, size_t, long, u32);
long sys_msgctl(u32, int, void *);
long sys_semget(s32, int, u32);
long sys_semop(u32, const struct sembuf *, size_t);
long sys_semtimedop(u32, const struct sembuf *, size_t, const struct timespec *);
long sys_semctl(u32, u32, int, u64);
long sys_shmget(s32, u64, u32);
long sys_shmat(u32, u64, u32);
long sys_shmdt(u64);
long sys_shmctl(u32, int, void *);

struct text { long type; char text[8200]; };

static void send(u32 id, long type, const char *s)
{
	struct text t = { .type = type };
	memcpy(t.text, s, strlen(s) + 1);
	CHECK_EQ(sys_msgsnd(id, &t, strlen(s) + 1, 0), 0);
}

static void expect(u32 id, long type, u32 flags, const char *s)
{
	struct text t;
	CHECK_EQ(sys_msgrcv(id, &t, 100, type, flags | IPC_NOWAIT), strlen(s) + 1);
	CHECK(!strcmp(t.text, s));
}

static void test_queue(void)
{
	struct text t = { .type = 1 };
	struct msqid64_ds ds;
	u32 id = (u32)sys_msgget(IPC_PRIVATE, 0600);
	CHECK_EQ(sys_msgrcv(id, &t, 10, 0, IPC_NOWAIT), -ENOMSG);
	send(id, 1, "one");
	send(id, 3, "three");
	send(id, 2, "two");
	send(id, 3, "three again");
	expect(id, 3, 0, "three");
	expect(id, -2, 0, "one");
	expect(id, 3, MSG_EXCEPT, "two");
	CHECK_EQ(sys_msgrcv(id, &t, 100, 7, IPC_NOWAIT), -ENOMSG);
	CHECK_EQ(sys_msgrcv(id, &t, 3, 0, IPC_NOWAIT), -E2BIG);
	CHECK_EQ(sys_msgrcv(id, &t, 100, 0, IPC_NOWAIT | MSG_COPY), 12);
	CHECK_EQ(sys_msgrcv(id, &t, 3, 0, IPC_NOWAIT | MSG_NOERROR), 3);
	CHECK_EQ(sys_msgsnd(id, &(struct text){ .type = 0 }, 1, 0), -EINVAL);
	CHECK_EQ(sys_msgsnd(id, &t, 8193, 0), -EINVAL);
	CHECK_EQ(sys_msgsnd(id, (void *)8, 1, 0), -EFAULT);
	CHECK_EQ(sys_msgsnd(id + 1, &t, 1, 0), -EINVAL);
	CHECK_EQ(sys_msgsnd(id, &t, 8192, 0), 0);
	CHECK_EQ(sys_msgsnd(id, &t, 8192, 0), 0);
	CHECK_EQ(sys_msgsnd(id, &t, 1, IPC_NOWAIT), -EAGAIN);
	CHECK_EQ(sys_msgctl(id, IPC_STAT, &ds), 0);
	CHECK_EQ(ds.msg_qnum, 2);
	CHECK_EQ(ds.msg_cbytes, 16384);
	CHECK_EQ(ds.msg_perm.mode, 0600);
	CHECK_EQ(ds.msg_lspid, current->proc->pid);
	ds.msg_qbytes = 20000;
	CHECK_EQ(sys_msgctl(id, IPC_SET, &ds), 0);
	CHECK_EQ(sys_msgsnd(id, &t, 1, IPC_NOWAIT), 0);
	CHECK_EQ(sys_msgctl(id, 99, NULL), -EINVAL);
	CHECK_EQ(sys_msgctl(id, IPC_STAT, (void *)8), -EFAULT);
	CHECK_EQ(sys_msgctl(id, IPC_RMID, NULL), 0);
	CHECK_EQ(sys_msgctl(id, IPC_RMID, NULL), -EINVAL);
	id = (u32)sys_msgget(4711, IPC_CREAT | 0600);
	CHECK_EQ(sys_msgget(4711, 0600), id);
	CHECK_EQ(sys_msgget(4711, IPC_CREAT | IPC_EXCL), -EEXIST);
	CHECK_EQ(sys_msgget(4712, 0), -ENOENT);
	CHECK_EQ(sys_msgctl(id, IPC_RMID, NULL), 0);
	CHECK_EQ(sys_msgget(4711, 0), -ENOENT);
}

#define MESSAGES 20000
static u32 there, back;

static void echo(void *arg)
{
	struct text t;
	u32 wait = arg ? IPC_NOWAIT : 0;
	for (int i = 0; i < MESSAGES; i++) {
		while (sys_msgrcv(there, &t, 8, 0, wait) != 8)
			;
		CHECK_EQ(sys_msgsnd(back, &t, 8, 0), 0);
	}
	close_all();
}

static void measure_queue(bool awake)
{
	struct text t = { .type = 1 };
	u64 began = 0;
	there = (u32)sys_msgget(IPC_PRIVATE, 0600);
	back = (u32)sys_msgget(IPC_PRIVATE, 0600);
	hosted_pvm(echo, (void *)(u64)awake);
	for (long i = 0; i < MESSAGES; i++) {
		if (i == MESSAGES / 2)
			began = now_mono_ns();
		t.type = i + 1;
		CHECK_EQ(sys_msgsnd(there, &t, 8, 0), 0);
		while (sys_msgrcv(back, &t, 8, 0, awake ? IPC_NOWAIT : 0) != 8)
			;
		CHECK_EQ(t.type, i + 1);
	}
	printf("msg %s: %lu ns one way\n", awake ? "awake" : "blocking", (unsigned long)((now_mono_ns() - began) / MESSAGES));
	hosted_join();
	CHECK_EQ(sys_msgctl(there, IPC_RMID, NULL), 0);
	CHECK_EQ(sys_msgctl(back, IPC_RMID, NULL), 0);
}

static void waiter_type(void *arg)
{
	struct text t;
	CHECK_EQ(sys_msgrcv(there, &t, 8, (long)(u64)arg, 0), 8);
	CHECK_EQ(t.type, (long)(u64)arg);
	close_all();
}

static void waiter_removed(void *arg)
{
	struct text t;
	__atomic_store_n((struct kx_vcpu **)arg, this_vcpu(), __ATOMIC_RELEASE);
	CHECK_EQ(sys_msgrcv(there, &t, 8, 0, 0), -EIDRM);
	close_all();
}

static void test_queue_waits(void)
{
	static struct kx_vcpu *up, *waiting;
	struct text t;
	there = (u32)sys_msgget(IPC_PRIVATE, 0600);
	for (u64 i = 1; i <= 3; i++)
		hosted_pvm(waiter_type, (void *)i);
	hosted_sleep(2 * MS);
	for (t.type = 3; t.type; t.type--)
		CHECK_EQ(sys_msgsnd(there, &t, 8, 0), 0);
	hosted_join();
	hosted_pvm(waiter_removed, &up);
	while (!(waiting = __atomic_load_n(&up, __ATOMIC_ACQUIRE)) || __atomic_load_n(&waiting->state, __ATOMIC_ACQUIRE) != KX_SLOT_HALTED)
		hosted_sleep(MS); /* until it is asleep, which it is in the queue alone */
	CHECK_EQ(sys_msgctl(there, IPC_RMID, NULL), 0);
	hosted_join();
}

static struct sembuf op(u16 n, short by, short flags)
{
	return (struct sembuf){ .sem_num = n, .sem_op = by, .sem_flg = flags };
}

static long sem1(u32 id, u16 n, short by, short flags)
{
	struct sembuf o = op(n, by, flags);
	return sys_semop(id, &o, 1);
}

static void test_sem(void)
{
	u32 id = (u32)sys_semget(IPC_PRIVATE, 3, 0600);
	u16 values[3] = { 1, 2, 3 };
	struct semid64_ds ds;
	CHECK_EQ(sys_semctl(id, 0, SETALL, (u64)values), 0);
	CHECK_EQ(sem1(id, 1, -3, IPC_NOWAIT), -EAGAIN);
	struct sembuf both[2] = { op(0, -1, 0), op(1, -3, IPC_NOWAIT) }; /* all or none */
	CHECK_EQ(sys_semop(id, both, 2), -EAGAIN);
	CHECK_EQ(sys_semctl(id, 0, GETVAL, 0), 1);
	both[1].sem_op = -2;
	CHECK_EQ(sys_semop(id, both, 2), 0);
	CHECK_EQ(sys_semctl(id, 1, GETVAL, 0), 0);
	CHECK_EQ(sem1(id, 1, 0, 0), 0);
	CHECK_EQ(sem1(id, 2, 0, IPC_NOWAIT), -EAGAIN);
	CHECK_EQ(sem1(id, 3, 1, 0), -EFBIG);
	CHECK_EQ(sem1(id, 0, 32767, 0), 0);
	CHECK_EQ(sem1(id, 0, 1, 0), -ERANGE);
	CHECK_EQ(sys_semctl(id, 0, SETVAL, 40000), -ERANGE);
	CHECK_EQ(sys_semop(id, both, 0), -EINVAL);
	CHECK_EQ(sys_semop(id, both, 501), -E2BIG);
	CHECK_EQ(sys_semop(id, (void *)8, 1), -EFAULT);
	CHECK_EQ(sys_semctl(id, 0, GETPID, 0), current->proc->pid);
	CHECK_EQ(sys_semctl(id, 0, IPC_STAT, (u64)&ds), 0);
	CHECK_EQ(ds.sem_nsems, 3);
	CHECK_EQ(sys_semctl(id, 0, GETALL, (u64)values), 0);
	CHECK_EQ(values[2], 3);
	struct sembuf more = op(1, -1, 0);
	u64 t = now_mono_ns();
	CHECK_EQ(sys_semtimedop(id, &more, 1, &(struct timespec){ 0, 2000000 }), -EAGAIN);
	CHECK(now_mono_ns() - t >= 2 * MS);
	CHECK_EQ(sem1(id, 2, 5, SEM_UNDO), 0);
	CHECK_EQ(sys_semctl(id, 2, GETVAL, 0), 8);
	ipc_proc_exit(current->proc);
	CHECK_EQ(sys_semctl(id, 2, GETVAL, 0), 3);
	CHECK_EQ(sys_semctl(id, 0, IPC_RMID, 0), 0);
	CHECK_EQ(sys_semctl(id, 0, GETVAL, 0), -EINVAL);
	CHECK_EQ(sys_semget(IPC_PRIVATE, 0, 0), -EINVAL);
}

static u32 table;
static int inside;

static void philosopher(void *arg)
{
	u16 left = (u16)(u64)arg, right = (left + 1) % 3;
	struct sembuf take[2] = { op(left, -1, SEM_UNDO), op(right, -1, SEM_UNDO) };
	struct sembuf give[2] = { op(left, 1, SEM_UNDO), op(right, 1, SEM_UNDO) };
	for (int i = 0; i < 1000; i++) {
		CHECK_EQ(sys_semop(table, take, 2), 0);
		CHECK_EQ(__atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST), 1); /* three forks: one eats */
		__atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
		CHECK_EQ(sys_semop(table, give, 2), 0);
	}
	ipc_proc_exit(current->proc);
	close_all();
}

static void blocked_forever(void *arg)
{
	CHECK_EQ(sem1(table, 0, -2, 0), -EIDRM);
	(void)arg;
	close_all();
}

static void test_sem_waits(void)
{
	u16 values[3] = { 1, 1, 1 };
	table = (u32)sys_semget(1234, 3, IPC_CREAT | 0600);
	CHECK_EQ(sys_semctl(table, 0, SETALL, (u64)values), 0);
	for (u64 i = 0; i < 3; i++)
		hosted_pvm(philosopher, (void *)i);
	hosted_join();
	hosted_pvm(blocked_forever, NULL);
	while (sys_semctl(table, 0, GETNCNT, 0) != 1)
		hosted_sleep(MS / 4);
	CHECK_EQ(sys_semctl(table, 0, IPC_RMID, 0), 0);
	hosted_join();
}

static void test_shm(void)
{
	struct shmid64_ds ds;
	u32 id = (u32)sys_shmget(77, 10000, IPC_CREAT | 0600);
	CHECK_EQ(sys_shmget(77, 10001, 0), -EINVAL);
	CHECK_EQ(sys_shmget(78, 0, IPC_CREAT), -EINVAL);
	CHECK_EQ(sys_shmat(id, 5, 0), -EINVAL);
	CHECK_EQ(sys_shmat(id + 1, 0, 0), -EINVAL);
	long a = sys_shmat(id, 0, 0), b = sys_shmat(id, 0, SHM_RDONLY);
	CHECK(a > 0 && b > 0 && a != b);
	strlcpy((char *)a, "shared", 7);
	CHECK(!strcmp((char *)b, "shared"));
	CHECK_EQ(sys_shmctl(id, IPC_STAT, &ds), 0);
	CHECK_EQ(ds.shm_nattch, 2);
	CHECK_EQ(ds.shm_segsz, 10000);
	struct mm *child = mm_fork(current->proc->mm);
	CHECK(child);
	CHECK_EQ(shm_attach_fork(current->proc->mm, child), 0);
	CHECK_EQ(sys_shmctl(id, IPC_STAT, &ds), 0);
	CHECK_EQ(ds.shm_nattch, 4);
	mm_put(child);
	CHECK_EQ(sys_shmctl(id, IPC_STAT, &ds), 0);
	CHECK_EQ(ds.shm_nattch, 2);
	CHECK_EQ(mm_unmap(current->proc->mm, (u64)a + 4096, 4096), 0); /* split: one attach still */
	CHECK_EQ(sys_shmdt((u64)a), 0);
	CHECK_EQ(sys_shmdt((u64)a), -EINVAL);
	CHECK_EQ(sys_shmctl(id, IPC_RMID, NULL), 0);
	CHECK_EQ(sys_shmget(77, 0, 0), -ENOENT);
	CHECK_EQ(sys_shmctl(id, IPC_STAT, &ds), 0);
	CHECK_EQ(ds.shm_perm.mode & 01000, 01000);
	CHECK(!strcmp((char *)b, "shared"));
	CHECK_EQ(sys_shmdt((u64)b), 0);
	CHECK_EQ(sys_shmctl(id, IPC_STAT, &ds), -EINVAL);
}

void test_main(void)
{
	u64 before = 0;
	for (int i = 0; i < 3; i++) {
		test_queue();
		test_sem();
		test_shm();
		CHECK(i < 2 || heap_bytes_used() == before);
		before = heap_bytes_used();
	}
	test_queue_waits();
	test_sem_waits();
	measure_queue(true);
	measure_queue(false);
}
