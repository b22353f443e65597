"""Memory of the place: page faults by eBPF, resident and proportional set size sampled from /proc."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import numpy as np

from probes.base import BpfProbe
from probes.part import Layout, Part, tally
from probes.program import Program, tracepoint_exists
from vocabulary import Better, Clock, Metric, Place, ProbeReading, ProbeScope, Samples, Source

_TRACEPOINT = "exceptions:page_fault_user"
_SOFTWARE, _PAGE_FAULTS = 1, 2  # PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS (perf_event_open(2))

_LAYOUT = Layout(
    counters=(
        tally(
            "page_faults",
            "taken in user mode (tracepoint exceptions:page_fault_user)",
            always=True,
            events=True,
        ),
        tally("protection_faults", "those on a present page: copy on write, above all", always=True),
    )
)
_PERF_LAYOUT = Layout(
    counters=(
        tally(
            "page_faults",
            "on user memory, whoever accesses it (perf event page-faults)",
            always=True,
            events=True,
        ),
    )
)

_SIZES = {"Rss": "rss", "Pss": "pss"}
_SUMMARIES = {
    "rss": "resident set size, summed over the place's processes",
    "pss": "proportional set size (a shared page counted once), summed over the place's processes",
}
_SHARE = 20  # a look may take up to 1/20 of a CPU: it walks the page tables and holds the memory map's lock
_MOST_SAMPLES = 100_000


def rollup(pid: int) -> dict[str, int]:
    """Bytes by metric name from /proc/PID/smaps_rollup (proc(5)); empty when the process is gone."""
    found = {}
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            field_, _, rest = line.partition(":")
            if field_ in _SIZES:
                found[_SIZES[field_]] = int(rest.split()[0]) * 1024
    return found


@dataclass
class _Sampler:
    """Looks at all processes of a place every ``every_s``, or less often where a look is expensive."""

    place: Place
    every_s: float
    values: dict[str, list[float]] = field(default_factory=lambda: {"rss": [], "pss": []})
    _stop: Event = field(default_factory=Event)

    def look(self) -> None:
        totals = {"rss": 0, "pss": 0}
        seen = False
        for pid in self.place.pids():
            for name, size in rollup(pid).items():
                totals[name] += size
                seen = True
        if seen and len(self.values["rss"]) < _MOST_SAMPLES:
            for name, total in totals.items():
                self.values[name].append(float(total))

    def _timed_look(self) -> float:
        """How long to wait for the next one."""
        begin = time.thread_time()
        self.look()
        return max(self.every_s, (time.thread_time() - begin) * _SHARE)

    def _run(self, pause: float) -> None:
        while not self._stop.wait(pause):
            pause = self._timed_look()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Looks at the beginning and at the end, whenever the thread gets a CPU."""
        thread = Thread(target=self._run, args=(self._timed_look(),), name="kxbench-memory", daemon=True)
        thread.start()
        try:
            yield
            self.look()
        finally:
            self._stop.set()
            thread.join()

    def samples(self, probe: str) -> list[Samples]:
        made = []
        for name, values in self.values.items():
            if not values:
                continue
            series = np.array(values)
            metric = Metric(name, "bytes", Clock.NONE, Better.LOWER, _SUMMARIES[name])
            peak = Metric(f"{name}_peak", "bytes", Clock.NONE, Better.LOWER, f"the largest sample of {name}")
            made.append(Samples(metric, Source.PROBE, series, probe=probe))
            made.append(Samples(peak, Source.PROBE, series.max(keepdims=True), probe=probe))
        return made


class MemoryProbe(BpfProbe):
    """``every_s`` is the time between two looks at /proc. ``by_perf``: count faults by the software event
    page-faults; None does so where the kernel lacks the tracepoint (it is x86's and RISC-V's)."""

    name = "memory"
    summary = "page faults; resident and proportional set size, sampled"

    def __init__(self, *, every_s: float = 0.05, by_perf: bool | None = None) -> None:
        super().__init__()
        self._every_s = every_s
        self._by_perf = by_perf

    def make_main(self) -> Part:
        if self._by_perf or (self._by_perf is None and not tracepoint_exists(_TRACEPOINT)):
            return Part(
                ("memory.bpf.c",), _PERF_LAYOUT, defines={"KXB_FAULT_BY_PERF": 1}, attach_more=_attach_perf
            )
        return Part(("memory.bpf.c",), _LAYOUT, tracepoints={_TRACEPOINT: "on_fault"})

    @contextmanager
    def watching(self, scope: ProbeScope, reading: ProbeReading) -> Iterator[None]:
        sampler = _Sampler(scope.place, self._every_s)
        with sampler.running():
            yield
        reading.samples += sampler.samples(self.name)


def _attach_perf(program: Program) -> None:
    program.attach_perf_event(_SOFTWARE, _PAGE_FAULTS, "on_fault")
