"""pVMs: the hypercalls they make and the copy-on-write faults that their monitor serves."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from probes.base import BpfProbe
from probes.monitor import HYPERCALLS, hypercall_tallies, monitor_part
from probes.part import Layout, Part, tally
from vocabulary import Better, Clock, Metric, ProbeReading, ProbeScope, Samples, Source

_LAYOUT = Layout(
    counters=(
        *hypercall_tallies(events=True),
        tally(
            "cow_faults", "write faults that copied a page, or found it unshared", always=True, events=True
        ),
        tally("forks", "forks begun, without those for another image (spawn)", always=True),
    )
)
_USDT = ("hypercall", "fault_cow", "fork_begin")
_COW_FAULTS, _FORKS = (len(HYPERCALLS) + 1 + i for i in range(2))


@dataclass(frozen=True, slots=True)
class _Rate:
    name: str
    unit: str
    summary: str

    def of(self, value: float, probe: str) -> Samples:
        metric = Metric(self.name, self.unit, Clock.NONE, Better.NEITHER, self.summary)
        return Samples(metric, Source.PROBE, np.array([value]), probe=probe)


_PER_SECOND = _Rate("hypercall_rate", "1/s", "hypercalls a second, from the first to the last")
_PER_FORK = _Rate("cow_faults_per_fork", "1", "copy-on-write faults of all pVMs for each fork")


class PvmProbe(BpfProbe):
    name = "pvm"
    summary = "hypercalls and copy-on-write faults of pVMs, at their monitor"
    only_monitor = True

    def make_monitor(self, binary: Path) -> Part:
        return monitor_part(("pvm.bpf.c",), _LAYOUT, binary, _USDT, seen_at="")

    @contextmanager
    def attach(self, scope: ProbeScope) -> Iterator[ProbeReading]:
        """See vocabulary.Probe."""
        (part,) = self.chosen_parts(scope)
        part.program.clear_array("span")
        with super().attach(scope) as reading:
            yield reading
        first_ns, last_ns = part.program.array("span")
        hypercalls = sum(part.program.counter(i) for i in range(len(HYPERCALLS) + 1))
        forks = part.program.counter(_FORKS)
        if last_ns > first_ns:
            rate = hypercalls / (last_ns - first_ns) * 1e9
            reading.samples.append(_PER_SECOND.of(rate, self.name))
        if forks:
            faults = part.program.counter(_COW_FAULTS)
            reading.samples.append(_PER_FORK.of(faults / forks, self.name))
