/* What holds of the kernel between any two system calls. */
#include "calls.h"

#define CHECK(x) ((x) ? (void)0 : failed(__LINE__, #x))

static void failed(int line, const char *what)
{
	fprintf(stderr, "calls_check.c:%d: %s does not hold\n", line, what);
	abort();
}

static bool alive(const struct task *t) { return t->object.kind == TASK && !t->object.dead; }
static bool lives(const struct space *s) { return s->object.kind == SPACE && s->table; } /* its end is not over, at least */

static u32 length(const struct link *list, const struct link *of)
{
	u32 found = 0, most = 100000;

	for (const struct link *l = list->next; l != list; l = l->next) {
		CHECK(most--);
		CHECK(l->next->prev == l && l->prev->next == l);
		found += l == of;
	}
	return found;
}

/* ---- The scheduler ---- */

static void check_queues(void)
{
	for (u32 p = 0; p < MK_PRIORITIES; p++) {
		CHECK(list_empty(&queues[p]) == !(ready_bits & 1u << p));
		for (struct link *l = queues[p].next; l != &queues[p]; l = l->next) {
			struct task *t = CONTAINER(l, struct task, link);

			CHECK(alive(t) && t->state == READY && t->priority == p);
		}
	}
}

static void check_holder(const struct task *t)
{
	u8 most = t->base;

	if (t->holder) {
		CHECK(alive(t->holder));
		CHECK(length(&t->holder->donors, &t->donor) == 1);
	}
	for (struct link *l = t->donors.next; l != &t->donors; l = l->next) {
		struct task *d = CONTAINER(l, struct task, donor);

		CHECK(alive(d) && d->holder == t && d->state != READY);
		most = d->priority > most ? d->priority : most;
	}
	CHECK(t->priority == most && t->base <= t->space->ceiling);
}

static void check_task(const struct task *t)
{
	bool queued = t->state == SENDING || t->state == RECEIVING || t->state == WAITING;

	CHECK(alive(t) && t->space && t->space->object.kind == SPACE && !t->space->object.dead);
	CHECK(t->state != UNUSED);
	if (t->state == READY)
		CHECK(length(&queues[t->priority], &t->link) == 1);
	CHECK(queued == (t->queue != NULL));
	if (queued)
		CHECK(length(t->queue, &t->link) == 1);
	if (t->state == REPLYING)
		CHECK(t->holder);
	if (t->state == READY || t->state == STOPPED || t->state == ASLEEP || t->state == RECEIVING)
		CHECK(!t->holder);
	CHECK(length(&alarms, &t->alarm.link) == (t->alarm.when != 0));
	if (t->alarm.when)
		CHECK(t->state != READY && t->state != STOPPED);
	check_holder(t);
	for (struct link *l = t->held.next; l != &t->held; l = l->next)
		CHECK(CONTAINER(l, struct mutex, held)->owner == t);
	for (struct link *l = t->served.next; l != &t->served; l = l->next)
		CHECK(CONTAINER(l, struct port, served)->server == t);
	if (t->lent)
		CHECK(t->lent->lender == t && length(&t->lent->borrower->grants, &t->lent->link) == 1);
}

static void check_sorted(const struct link *queue)
{
	for (struct link *l = queue->next; l != queue && l->next != queue; l = l->next)
		CHECK(CONTAINER(l, struct task, link)->priority >= CONTAINER(l->next, struct task, link)->priority);
	for (struct link *l = queue->next; l != queue; l = l->next)
		CHECK(CONTAINER(l, struct task, link)->queue == queue);
}

/* ---- Handles ---- */

static u32 named(const struct object *o, u32 *receive)
{
	u32 found = 0;

	for (u32 i = 1; i < MK_SPACES; i++)
		for (u32 h = 0; lives(&spaces[i]) && h < MK_SELF; h++)
			if (spaces[i].handles[h].object == o) {
				found++;
				*receive += (spaces[i].handles[h].rights & MK_RIGHT_RECEIVE) != 0;
			}
	for (u32 i = 1; i < MK_SPACES; i++)
		found += lives(&spaces[i]) && spaces[i].watcher && &spaces[i].watcher->object == o;
	for (u32 i = 0; i < boot_info.devices; i++)
		found += devices[i].port && &devices[i].port->object == o;
	return found;
}

static u32 timers_of(const struct object *o)
{
	static const struct object *seen[MK_SPACES * MK_HANDLES];
	u32 count = 0, found = 0;

	for (u32 i = 1; i < MK_SPACES; i++)
		for (u32 h = 0; lives(&spaces[i]) && h < MK_SELF; h++) {
			const struct object *timer = spaces[i].handles[h].object;
			bool known = !timer || timer->kind != TIMER;

			for (u32 k = 0; k < count && !known; k++)
				known = seen[k] == timer;
			if (known)
				continue;
			seen[count++] = timer;
			found += &((const struct timer *)timer)->port->object == o;
		}
	return found;
}

static void check_object(const struct object *o)
{
	u32 receive = 0;

	CHECK(o->kind > FREE && o->kind <= DEVICE);
	if (o->kind == DEVICE)
		return;
	CHECK(o->handles == named(o, &receive) + (o->kind == PORT ? timers_of(o) : 0));
	if (o->kind == PORT) {
		const struct port *p = (const struct port *)o;

		CHECK(p->receivers_named == receive && o->dead == !receive);
		CHECK(list_empty(&p->senders) || list_empty(&p->receivers));
		CHECK(!p->server || (alive(p->server) && length(&p->server->served, &p->served) == 1));
		check_sorted(&p->senders);
		check_sorted(&p->receivers);
	} else if (o->kind == SEMAPHORE) {
		const struct semaphore *s = (const struct semaphore *)o;

		CHECK(!s->count || list_empty(&s->waiters));
		check_sorted(&s->waiters);
	} else if (o->kind == MUTEX) {
		const struct mutex *m = (const struct mutex *)o;

		CHECK(m->owner ? alive(m->owner) && length(&m->owner->held, &m->held) == 1 : list_empty(&m->waiters));
		check_sorted(&m->waiters);
	}
}

/* ---- Pages ---- */

static u16 expected[HOST_PAGES];

static void use(u32 physical)
{
	if (physical >= BOARD_RAM)
		expected[index_of(physical)]++;
}

static u32 check_space(const struct space *s)
{
	u32 pages = 2;

	use((u32)(uintptr_t)s->table);
	use((u32)(uintptr_t)s->handles);
	for (u32 mib = 0; mib < 1024; mib += 4) {
		const u32 *entries = (const u32 *)(uintptr_t)(s->table[mib] & ~1023u);

		if (!entries)
			continue;
		pages++;
		use((u32)(uintptr_t)entries);
		for (u32 i = 0; i < 1024; i++)
			if (entries[i]) {
				pages++;
				use(entries[i] & ~4095u);
			}
	}
	CHECK(pages == s->pages && pages <= s->limit);
	return pages;
}

u32 slab_pages(void)
{
	u32 slots = objects_alive;

	for (const union slot *s = free_slots; s; s = s->next)
		slots++;
	CHECK(slots % (MK_PAGE / OBJECT_BYTES) == 0);
	return slots / (u32)(MK_PAGE / OBJECT_BYTES);
}

static void check_pages(void)
{
	u32 free = 0, others = 0;

	memset(expected, 0, sizeof expected);
	for (u32 i = 1; i < MK_SPACES; i++)
		if (lives(&spaces[i]))
			check_space(&spaces[i]);
	for (u32 p = first_free; p; p = *(u32 *)(uintptr_t)p, free++)
		CHECK(!users[index_of(p)] && free < HOST_PAGES);
	CHECK(free == pages_free);
	for (u32 i = host_first_page; i < HOST_PAGES; i++) {
		if (users[i] == expected[i])
			continue;
		CHECK(users[i] == expected[i] + 1); /* the kernel's own: objects, the initrd */
		others++;
	}
	CHECK(others == slab_pages() + HOST_INITRD_PAGES);
}

void check_all(bool thoroughly)
{
	u32 count = 0;

	EACH(struct work, w, &deferred, link) /* the ends of spaces, while a more urgent task is ready */
		CHECK(ready_bits && w->priority < MOST_URGENT && w->run == end_pages);
	check_queues();
	for (u32 i = 1; i < MK_TASKS; i++)
		if (alive(&tasks[i])) {
			check_task(&tasks[i]);
			count++;
		}
	CHECK(count == tasks_alive);
	for (struct link *l = alarms.next; l != &alarms && l->next != &alarms; l = l->next)
		CHECK(CONTAINER(l, struct alarm, link)->when <= CONTAINER(l->next, struct alarm, link)->when);
	if (!thoroughly)
		return;
	for (u32 i = 1; i < MK_SPACES; i++)
		for (u32 h = 0; lives(&spaces[i]) && h < MK_SELF; h++)
			if (spaces[i].handles[h].object && (!h || spaces[i].handles[h].object != spaces[i].handles[h - 1].object))
				check_object(spaces[i].handles[h].object);
	check_pages();
}
