"""Cases that look at a target from outside: how soon a program is up in a new one, what memory many take."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from vocabulary import Capability, CaseContext, Deployment, Metric, Samples, TargetError
from vocabulary.measure import Better, Clock, Source
from vocabulary.protocols import Place
from workloads.micro import building, params
from workloads.protocol import parse_with_params

_SAMPLE_EVERY_S = 0.02
_TIMEOUT_S = 60
_MICRO = frozenset({Capability.MICRO})
_STAGES = ("alone_from", "alone_to", "all_from", "all_to")
MEMORY_ADDED = Metric(
    "memory_added",
    "bytes",
    Clock.NONE,
    Better.LOWER,
    "memory that one more process alive adds: proportional set size and page tables of all that the "
    "deployment runs on the host, with all children less with none, divided by their number",
)


def host_bytes(pids: Sequence[int]) -> int:
    """Proportional set size and page tables of processes of the host's, summed, in bytes (proc(5)); one that
    has ended counts nothing."""
    total = 0
    for pid in pids:
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
            status = Path(f"/proc/{pid}/status").read_text("ascii", errors="replace")
        except (OSError, UnicodeDecodeError):
            continue
        for line in [*rollup.splitlines(), *status.splitlines()]:
            name, _, rest = line.partition(":")
            if name in ("Pss", "VmPTE"):
                total += int(rest.split()[0]) << 10
    return total


@dataclass(slots=True)
class _Watched:
    """Bytes at CLOCK_MONOTONIC instants: (begin ns, end ns, bytes), each reading wholly between the two."""

    readings: list[tuple[int, int, int]] = field(default_factory=list)

    def between(self, begin_ns: float, end_ns: float) -> float:
        found = [size for begin, end, size in self.readings if begin >= begin_ns and end <= end_ns]
        if not found:
            raise TargetError("no reading of memory fell into the pause", remedy="make hold_ms longer")
        return float(np.median(found))


@contextmanager
def _watching(place: Place) -> Iterator[_Watched]:
    watched, stop = _Watched(), threading.Event()

    def watch() -> None:
        while not stop.wait(_SAMPLE_EVERY_S):
            begin = time.monotonic_ns()
            size = host_bytes(place.pids())
            watched.readings.append((begin, time.monotonic_ns(), size))

    thread = threading.Thread(target=watch, name="memory watch", daemon=True)
    thread.start()
    try:
        yield watched
    finally:
        stop.set()
        thread.join()


@dataclass(frozen=True, slots=True)
class HerdCase:
    """Many processes alive at once; see vocabulary.CaseKind and README.md."""

    name: str = "herd"
    summary: str = (
        "many forked processes alive at once: what the last costs beside the first, memory each adds"
    )
    params: type[BaseModel] = params.Herd
    probes: tuple[str, ...] = ("fork", "sched", "memory", "pvm")
    needs: frozenset[Capability] = _MICRO

    def missing(self) -> str:
        return building.missing()

    def run(self, params: BaseModel, deployment: Deployment, context: CaseContext) -> list[Samples]:
        """Run the program once, watching the deployment's memory. Raises TargetError."""
        building.build()
        args = [f"--timeout-s={_TIMEOUT_S}"]
        args += [f"--{key.replace('_', '-')}={value}" for key, value in dict(params).items()]
        context.progress(self.name)
        program = building.BUILD / self.name
        with context.observed(None), _watching(deployment.place) as watched:
            stdout = deployment.run_micro(program, args, timeout_s=_TIMEOUT_S + 15)
        samples, said = parse_with_params(stdout, self.name)
        stages = {item.metric.name: item for item in samples if item.metric.name in _STAGES}
        rest = [item for item in samples if item.metric.name not in _STAGES]
        alone, together = (
            watched.between(stages[a].values[0], stages[b].values[0]) for a, b in (_STAGES[:2], _STAGES[2:])
        )
        children = int(said["children"])
        added = np.array([(together - alone) / children])
        return [*rest, Samples(metric=MEMORY_ADDED, values=added, source=Source.HOST)]


@dataclass(frozen=True, slots=True)
class CreateCase:
    """From nothing to main; see vocabulary.CaseKind and README.md."""

    name: str = "create"
    summary: str = "a program started in a target of its own: to its main, and to its end"
    params: type[BaseModel] = params.Create
    probes: tuple[str, ...] = ()
    needs: frozenset[Capability] = _MICRO

    def missing(self) -> str:
        return building.missing()

    def run(self, params: BaseModel, deployment: Deployment, context: CaseContext) -> list[Samples]:
        """Start the tiny program again and again from a program on the host. Raises TargetError."""
        building.build()
        options = dict(params)
        tiny = building.BUILD / f"tiny-{options.pop('image')}"
        command = "\x1f".join(deployment.command(tiny, ["1"]))
        args = [f"--{key.replace('_', '-')}={value}" for key, value in options.items()]
        context.progress(self.name)
        with context.observed(None):
            stdout = deployment.run_beside(
                building.BUILD / self.name,
                [f"--timeout-s={_TIMEOUT_S}", *args, f"--command={command}"],
                timeout_s=_TIMEOUT_S + 15,
            )
        return parse_with_params(stdout, self.name)[0]
