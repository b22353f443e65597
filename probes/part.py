"""A part of a probe: a program with its histograms and counters, what it is attached to, and its reading.

Every probe is made of parts: one on tracepoints, and one for each binary that has USDT probes for it."""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import numpy as np
from numpy.typing import NDArray

from probes.program import OURS, Program
from vocabulary import Better, Clock, Metric, ProbeReading, Samples, Source
from vocabulary.measure import Scalar

CONFIG_CGROUP, CONFIG_A, CONFIG_B = range(3)
"""Slots of the map ``config`` (include/kxbench.bpf.h)."""

MOST_EVENTS = 1_000_000
"""Exact values kept of one attachment; further ones are counted as lost."""

RING_PAGES = 256
"""1 MiB: 40 thousand events between two looks of the reader."""

_LOOK_EVERY_S = 0.05
_EVENT = np.dtype([("value", "<u8"), ("hist", "<u4"), ("pid", "<u4")])


@dataclass(frozen=True, slots=True)
class Series:
    """A histogram or counter of a program: ``HIST_<key>`` or ``COUNT_<key>`` in its C. A counter is told even
    when it is 0 if ``always``, and adds to the reading's events if ``events``, as every histogram does."""

    key: str
    metric: Metric
    labels: Mapping[str, Scalar] = field(default_factory=dict)
    always: bool = False
    events: bool = False


def duration(key: str, summary: str, *, name: str = "", **labels: Scalar) -> Series:
    """A series of nanoseconds, lower being better; ``name`` is the metric's if not ``key``."""
    return Series(key, Metric(name or key, "ns", Clock.BOOT_KTIME, Better.LOWER, summary), labels)


def tally(
    key: str,
    summary: str,
    *,
    name: str = "",
    unit: str = "1",
    always: bool = False,
    events: bool = False,
    **labels: Scalar,
) -> Series:
    """A series of one number, which describes and is not judged."""
    metric = Metric(name or key, unit, Clock.NONE, Better.NEITHER, summary)
    return Series(key, metric, labels, always, events)


@dataclass(frozen=True, slots=True)
class Layout:
    """What a program keeps; ``lost`` is added to the counters. ``tables`` are its hash tables."""

    histograms: Sequence[Series] = ()
    counters: Sequence[Series] = ()
    tables: Sequence[str] = ()

    def defines(self) -> dict[str, int]:
        keys = [series.key for series in self.counters] + ["lost"]
        names = {f"HIST_{series.key}": i for i, series in enumerate(self.histograms)}
        names |= {f"COUNT_{key}": i for i, key in enumerate(keys)}
        return names | {"KXB_HISTS": max(len(self.histograms), 1), "KXB_COUNTS": len(keys)}


class _Events:
    """Collects a program's events in a thread while it is attached."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._kept: list[bytes] = []
        self._stop = Event()
        self._thread: Thread | None = None
        self.dropped = 0
        program.open_events(self._take)

    def _take(self, data: int, size: int) -> None:
        if len(self._kept) < MOST_EVENTS:
            self._kept.append(ctypes.string_at(data, _EVENT.itemsize))
        else:
            self.dropped += 1

    def start(self) -> None:
        self._program.consume()  # what an attachment before this one may have left
        self._kept.clear()
        self.dropped = 0
        self._stop.clear()
        self._thread = Thread(target=self._run, name="kxbench-events", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_EVERY_S):
            self._program.consume()

    def stop(self) -> None:
        if self._thread:
            self._stop.set()
            self._thread.join()
            self._thread = None
            self._program.consume()

    def by_histogram(self) -> dict[int, NDArray[np.float64]]:
        events = np.frombuffer(b"".join(self._kept), _EVENT)
        return {int(i): events["value"][events["hist"] == i].astype(float) for i in np.unique(events["hist"])}


class Part:
    """``sources`` are files of this folder, compiled as one. ``attach_more`` is called with the program after
    its tracepoints and USDT probes are attached. ``seen_at`` is added to the probe's name where what it
    gives is not the whole of what goes by the metric's name elsewhere."""

    def __init__(
        self,
        sources: Sequence[str],
        layout: Layout,
        *,
        tracepoints: Mapping[str, str] | None = None,
        defines: Mapping[str, int] | None = None,
        binary: Path | None = None,
        provider: str = OURS,
        seen_at: str = "",
        usdt: Sequence[str] = (),
        ring_pages: int = 0,
        attach_more: Callable[[Program], None] | None = None,
    ) -> None:
        every = layout.defines() | dict(defines or {})
        every |= {f"USDT_{name}": 1 for name in usdt}
        if ring_pages:
            every["KXB_RING_PAGES"] = ring_pages
        self.layout = layout
        self.program = Program(sources, defines=every, binary=binary, provider=provider, usdt=usdt)
        self._tracepoints = dict(tracepoints or {})
        self._usdt = bool(usdt)
        self._seen_at = seen_at
        self._attach_more = attach_more
        self._events = _Events(self.program) if ring_pages else None

    def start(self, cgroup_id: int, **configuration: int) -> None:
        """Clear and attach. ``a`` and ``b`` go to the slots CONFIG_A and CONFIG_B."""
        self.program.clear(self.layout.tables)
        self.program.configure(CONFIG_A, configuration.get("a", 0))
        self.program.configure(CONFIG_B, configuration.get("b", 0))
        self.program.configure(CONFIG_CGROUP, cgroup_id)
        if self._events:
            self._events.start()
        for tracepoint, function in self._tracepoints.items():
            self.program.attach_tracepoint(tracepoint, function)
        if self._usdt:
            self.program.attach_usdt()
        if self._attach_more:
            self._attach_more(self.program)

    def stop(self) -> None:
        """Stop counting at once, then detach."""
        self.program.configure(CONFIG_CGROUP, 0)
        self.program.detach()
        if self._events:
            self._events.stop()

    def read(self, probe: str, into: ProbeReading) -> None:
        """Add what was counted since start(), without the series in which nothing happened."""
        probe = f"{probe}/{self._seen_at}" if self._seen_at else probe
        exact = self._events.by_histogram() if self._events else {}
        for i, series in enumerate(self.layout.histograms):
            histogram = self.program.histogram(i)
            if histogram.count:
                values = exact.get(i, np.empty(0))
                into.samples.append(
                    Samples(series.metric, Source.PROBE, values, histogram, series.labels, probe)
                )
                into.events += histogram.count
        for i, series in enumerate(self.layout.counters):
            total = self.program.counter(i)
            into.events += total if series.events else 0
            if total or series.always:
                values = np.array([float(total)])
                into.samples.append(
                    Samples(series.metric, Source.PROBE, values, labels=series.labels, probe=probe)
                )
        into.lost_events += self.program.counter(len(self.layout.counters))
        into.lost_events += self._events.dropped if self._events else 0

    def close(self) -> None:
        self.stop()
        self.program.close()
