"""The scheduler: how long threads of the place wait to run, and how often they are switched and moved."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from probes.base import BpfProbe
from probes.part import Layout, Part, duration, tally
from vocabulary import ProbeReading, ProbeScope

_LAYOUT = Layout(
    (
        duration("run_queue", "made runnable (woken, made or preempted) to running"),
        duration("off_cpu", "left the CPU to block, to running again"),
    ),
    (
        tally("wakeups", "wake-ups of the place's threads", always=True),
        tally("voluntary_switches", "switches away from a thread that blocked", always=True),
        tally("involuntary_switches", "switches away from a thread that could have run on", always=True),
        tally("migrations", "moves of a thread to another CPU", always=True),
        tally("unseen", "returns to the CPU whose wake-up or switch eBPF was not shown"),
    ),
    ("tasks",),
)
_TRACEPOINTS = {
    "sched:sched_wakeup": "on_wakeup",
    "sched:sched_wakeup_new": "on_new",
    "sched:sched_migrate_task": "on_migrate",
    "sched:sched_switch": "on_switch",
}


def _threads(pid: int) -> list[int]:
    with suppress(OSError):  # it has ended
        return [int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()]
    return []


class SchedProbe(BpfProbe):
    name = "sched"
    summary = "run-queue latency, time off the CPU, context switches and migrations"

    def make_main(self) -> Part:
        return Part(("sched.bpf.c",), _LAYOUT, tracepoints=_TRACEPOINTS)

    @contextmanager
    def watching(self, scope: ProbeScope, reading: ProbeReading) -> Iterator[None]:
        """Tells the program of the threads that are there; one that it has met meanwhile stays as it is."""
        for pid in scope.place.pids():
            for thread in _threads(pid):
                self.main_program().insert("tasks", thread)
        yield
