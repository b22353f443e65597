"""A reference model of the micro kernel's scheduler: what little programs do, in which order, event by event.

It knows queues, priorities, quanta, inheritance, messages, semaphores and mutexes, and that everything but
running takes no time. Where an alarm falls together with something else, the order would depend on what the
kernel's own instructions take; the model then raises `Ambiguous`, and the schedule is none to compare."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

QUANTUM = 12.5  # units: MK_QUANTUM_US by UNIT_US of tasks/test/schedule.c
REALTIME = 16
PRIORITIES = 32
OBJECTS = 2
NEAR = 0.05  # units; a hundred of the kernel's calls take less
ETIMEOUT, EDEAD, EBUSY = -5, -6, -7


class Ambiguous(Exception):
    """Two things happen so close together that the model cannot tell which is first."""


class What(Enum):
    """As in schedule.c."""

    RUN = 0
    YIELD = 1
    SLEEP = 2
    UP = 3
    DOWN = 4
    LOCK = 5
    UNLOCK = 6
    SEND = 7
    RECEIVE = 8
    CALL = 9
    REPLY = 10
    PRIORITY = 11
    NOTIFY = 12
    EXIT = 13
    KILL = 14


@dataclass(frozen=True)
class Operation:
    what: What
    on: int = 0
    more: int = 0
    timeout: int = 0  # sixteenths of a unit

    def packed(self) -> bytes:
        return bytes((self.what.value, self.on, self.more, self.timeout))


@dataclass(frozen=True)
class Program:
    priority: int
    operations: tuple[Operation, ...]

    def packed(self) -> bytes:
        head = bytes((self.priority, len(self.operations)))
        return head + b"".join(operation.packed() for operation in self.operations)


Event = tuple[int, int, int]  # task, operation, result


class State(Enum):
    READY = auto()
    SENDING = auto()
    RECEIVING = auto()
    REPLYING = auto()
    WAITING = auto()
    ASLEEP = auto()
    ENDED = auto()


@dataclass(eq=False)
class Task:
    number: int
    program: Program
    base: int
    priority: int
    state: State = State.READY
    at: int = 0  # operation
    running: float = -1.0  # units left of RUN; below 0: not in one
    result: int | None = None  # of the call that is done, not yet noted
    left: float = 0.0  # of the quantum
    queue: list[Task] | None = None
    holder: Task | None = None
    donors: list[Task] = field(default_factory=list)
    held: list[Mutex] = field(default_factory=list)
    served: list[Port] = field(default_factory=list)
    alarm: float | None = None
    calls: bool = False
    generation: int = 0  # of its calls
    token: tuple[Task, int] | None = None  # of the call that it took last


@dataclass(eq=False)
class Port:
    bits: int = 0
    senders: list[Task] = field(default_factory=list)
    receivers: list[Task] = field(default_factory=list)
    server: Task | None = None


@dataclass(eq=False)
class Semaphore:
    count: int
    waiters: list[Task] = field(default_factory=list)


@dataclass(eq=False)
class Mutex:
    owner: Task | None = None
    waiters: list[Task] = field(default_factory=list)


class Model:
    """``run`` returns the events and the time, in units, after which there are none."""

    def __init__(self, programs: list[Program]) -> None:
        self.tasks = [Task(n, p, p.priority, p.priority) for n, p in enumerate(programs)]
        self.queues: list[list[Task]] = [[] for _ in range(PRIORITIES)]
        self.semaphores = [Semaphore(n) for n in range(OBJECTS)]
        self.mutexes = [Mutex() for _ in range(OBJECTS)]
        self.ports = [Port() for _ in range(OBJECTS)]
        self.alarms: list[Task] = []  # earliest first
        self.now = 0.0
        self.current: Task | None = None
        self.quantum_end: float | None = None
        self.events: list[Event] = []
        for task in self.tasks:
            self.ready(task)

    def run(self, most_units: float) -> tuple[list[Event], float]:
        while True:
            task = self.schedule()
            if task is None:
                return self.events, self.now
            if self.now > most_units:
                raise Ambiguous("it does not end")
            self.go_on(task)

    # ---- Time

    def schedule(self) -> Task | None:
        while not any(self.queues):
            if not self.alarms:
                return None
            self.pass_time(self.alarms[0].alarm or 0.0)
        following = next(queue[0] for queue in reversed(self.queues) if queue)
        if following is not self.current:
            self.pause_quantum()
            self.current = following
        if (
            following.priority < REALTIME
            and self.quantum_end is None
            and len(self.queues[following.priority]) > 1
        ):
            self.quantum_end = self.now + (following.left or QUANTUM)
        return following

    def pause_quantum(self) -> None:
        if self.quantum_end is not None and self.current:
            self.current.left = max(self.quantum_end - self.now, 0.0)
        self.quantum_end = None

    def pass_time(self, until: float) -> None:
        """To where an alarm rings or a quantum ends."""
        self.now = until
        while self.alarms and (self.alarms[0].alarm or 0.0) <= self.now:
            task = self.alarms.pop(0)
            task.alarm = None
            self.must_be_alone()
            self.wake(task, 0 if task.state is State.ASLEEP else ETIMEOUT)
        if self.quantum_end is not None and self.current:
            if self.current.priority >= REALTIME:
                self.pause_quantum()
            elif self.now >= self.quantum_end:
                self.must_be_alone(quantum=False)
                self.requeue(self.current)

    def must_be_alone(self, *, quantum: bool = True) -> None:
        times = [task.alarm for task in self.alarms if task.alarm is not None]
        if quantum and self.quantum_end is not None:
            times.append(self.quantum_end)
        if any(abs(time - self.now) < NEAR for time in times):
            raise Ambiguous

    def go_on(self, task: Task) -> None:
        """One operation, or the part of a run until something happens."""
        if task.running > 0:
            ends = [self.now + task.running]
            ends += [self.alarms[0].alarm or 0.0] if self.alarms else []
            ends += [self.quantum_end] if self.quantum_end is not None else []
            task.running -= min(ends) - self.now
            if task.running > 1e-9:
                self.pass_time(min(ends))
                return
            self.now = min(ends)
            task.running, task.result = -1.0, 0
        self.must_be_alone()
        if task.result is not None:
            self.events.append((task.number, task.at, task.result))
            task.result = None
            task.at += 1
        elif task.at == len(task.program.operations):
            self.end(task)
        else:
            self.begin(task, task.program.operations[task.at])

    # ---- Operations

    def begin(self, task: Task, operation: Operation) -> None:
        what, on = operation.what, operation.on
        if what is What.RUN:
            task.running = float(on)
        elif what is What.EXIT:
            self.end(task)
        elif what in (What.SLEEP, What.DOWN, What.LOCK, What.SEND, What.CALL, What.RECEIVE):
            task.result = self.may_wait(task, operation)
            if task.result is None and operation.timeout:
                self.set_alarm(task, self.now + operation.timeout / 16)
        else:
            task.result = self.never_waits(task, operation)

    def may_wait(self, task: Task, operation: Operation) -> int | None:
        """None: it waits."""
        on = operation.on
        if operation.what is What.SLEEP:
            if not operation.timeout:
                return 0
            self.block(task, State.ASLEEP)
            return None
        if operation.what is What.DOWN:
            return self.down(task, self.semaphores[on])
        if operation.what is What.LOCK:
            return self.lock(task, self.mutexes[on])
        if operation.what is What.RECEIVE:
            return self.receive(task, self.ports[on])
        return self.send(task, self.ports[on], calls=operation.what is What.CALL)

    def never_waits(self, task: Task, operation: Operation) -> int | None:
        what, on = operation.what, operation.on
        if what is What.YIELD:
            self.requeue(task)
            return 0
        if what is What.UP:
            return self.up(self.semaphores[on])
        if what is What.UNLOCK:
            if self.mutexes[on].owner is not task:
                return EBUSY
            self.hand_over(self.mutexes[on], 0)
            return 0
        if what is What.REPLY:
            return self.reply(task)
        if what is What.NOTIFY:
            return self.notify(self.ports[on])
        other = self.tasks[on]
        if other.state is State.ENDED:
            return EDEAD
        if what is What.KILL:
            self.end(other)
            return 0
        before, other.base = other.base, operation.more
        self.update(other)
        return before

    def down(self, task: Task, semaphore: Semaphore) -> int | None:
        if not semaphore.count:
            self.wait(task, State.WAITING, semaphore.waiters, None)
            return None
        semaphore.count -= 1
        return 0

    def up(self, semaphore: Semaphore) -> int:
        if semaphore.waiters:
            self.wake(semaphore.waiters[0], 0)
        else:
            semaphore.count += 1
        return 0

    def lock(self, task: Task, mutex: Mutex) -> int | None:
        if mutex.owner is task:
            return EBUSY
        if mutex.owner:
            self.wait(task, State.WAITING, mutex.waiters, mutex.owner)
            return None
        mutex.owner = task
        task.held.append(mutex)
        return 0

    def hand_over(self, mutex: Mutex, result: int) -> None:
        owner, mutex.owner = mutex.owner, None
        assert owner
        owner.held.remove(mutex)
        if not mutex.waiters:
            return
        following = mutex.waiters[0]
        self.wake(following, result)
        mutex.owner = following
        following.held.append(mutex)
        self.follow(mutex.waiters, following)

    def send(self, task: Task, port: Port, *, calls: bool) -> int | None:
        task.calls = calls
        task.generation += calls
        if not port.receivers:
            self.wait(task, State.SENDING, port.senders, port.server)
            return None
        to = port.receivers[0]
        self.wake(to, int(calls))
        if not calls:
            return 0
        to.token = (task, task.generation)
        self.block(task, State.REPLYING)
        self.wait_for(task, to)
        return None

    def receive(self, task: Task, port: Port) -> int | None:
        if port.server is not task:
            self.serve(port, task)
        if port.bits:
            port.bits = 0
            return 2
        if not port.senders:
            self.wait(task, State.RECEIVING, port.receivers, None)
            return None
        sender = port.senders[0]
        if not sender.calls:
            self.wake(sender, 0)
            return 0
        alarm, sender.alarm = sender.alarm, None
        self.leave_queue(sender)
        sender.alarm = alarm
        sender.state = State.REPLYING
        self.wait_for(sender, task)
        task.token = (sender, sender.generation)
        return 1

    def reply(self, task: Task) -> int:
        token, task.token = task.token, None
        if not token or token[0].state is not State.REPLYING or token[0].generation != token[1]:
            return EDEAD
        self.wake(token[0], 0)
        return 0

    def notify(self, port: Port) -> int:
        if port.receivers:
            self.wake(port.receivers[0], 2)
        else:
            port.bits = 1
        return 0

    def serve(self, port: Port, server: Task | None) -> None:
        if port.server:
            port.server.served.remove(port)
        port.server = server
        if server:
            server.served.append(port)
        self.follow(port.senders, server)

    # ---- Queues, waiting and inheritance

    def ready(self, task: Task) -> None:
        task.state = State.READY
        self.queues[task.priority].append(task)

    def requeue(self, task: Task) -> None:
        task.left, self.quantum_end = 0.0, None
        self.queues[task.priority].remove(task)
        self.queues[task.priority].append(task)

    def block(self, task: Task, state: State) -> None:
        if task.state is State.READY:
            self.queues[task.priority].remove(task)
        task.state, task.left = state, 0.0
        if task is self.current:
            self.quantum_end = None

    def wait(self, task: Task, state: State, queue: list[Task], holder: Task | None) -> None:
        self.block(task, state)
        self.enqueue(task, queue)
        self.wait_for(task, holder)

    def enqueue(self, task: Task, queue: list[Task]) -> None:
        queue.insert(sum(other.priority >= task.priority for other in queue), task)
        task.queue = queue

    def wait_for(self, task: Task, holder: Task | None) -> None:
        task.holder = holder
        if holder:
            holder.donors.append(task)
            self.update(holder)

    def leave_holder(self, task: Task) -> None:
        holder, task.holder = task.holder, None
        if holder:
            holder.donors.remove(task)
            self.update(holder)

    def leave_queue(self, task: Task) -> None:
        self.leave_holder(task)
        if task.queue is not None:
            task.queue.remove(task)
            task.queue = None
        if task.alarm is not None:
            self.alarms.remove(task)
            task.alarm = None

    def follow(self, queue: list[Task], holder: Task | None) -> None:
        for task in queue[:]:
            self.leave_holder(task)
            self.wait_for(task, holder)

    def wake(self, task: Task, result: int) -> None:
        self.leave_queue(task)
        task.result = result
        self.ready(task)

    def update(self, task: Task | None) -> None:
        """Its priority is the highest of its own and of those that wait for it, and so on along the chain."""
        for _ in range(256):
            if not task:
                return
            priority = max([task.base, *(donor.priority for donor in task.donors)])
            if priority == task.priority:
                return
            self.change(task, priority)
            task = task.holder

    def change(self, task: Task, priority: int) -> None:
        if task.state is State.READY:
            self.queues[task.priority].remove(task)
            task.priority = priority
            self.queues[priority].insert(0 if task is self.current else len(self.queues[priority]), task)
            return
        task.priority = priority
        if task.queue is not None:
            queue = task.queue
            queue.remove(task)
            self.enqueue(task, queue)

    def set_alarm(self, task: Task, when: float) -> None:
        task.alarm = when
        at = sum((other.alarm or 0.0) <= when for other in self.alarms)
        self.alarms.insert(at, task)

    def end(self, task: Task) -> None:
        self.block(task, State.ENDED)
        self.leave_queue(task)
        for port in task.served[:]:
            self.serve(port, None)
        while task.donors:
            donor = task.donors[0]
            if donor.state is State.REPLYING:
                self.wake(donor, EDEAD)
            else:
                self.leave_holder(donor)
        while task.held:
            self.hand_over(task.held[0], EDEAD)
