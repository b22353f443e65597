"""One cell: a fresh deployment, the case run on it, and what became of it."""

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.environment import observe_cell
from bench.plan import Cell
from bench.signals import time_limit
from bench.warnings import noisy_reason
from vocabulary import (
    CaseContext,
    CaseKind,
    CellRecord,
    Clock,
    Deployment,
    Endpoint,
    KxbenchError,
    Outcome,
    Place,
    Probe,
    ProbeReading,
    ProbeScope,
    Progress,
    Samples,
    Target,
    TargetError,
    UnsupportedError,
)
from workloads.openloop import doubts

CONSOLE_TAIL = 8192


@dataclass(frozen=True, slots=True)
class Workbench:
    """What every cell of a run is given. ``binaries`` are the programs with USDT probes of ours;
    ``absent`` the targets that cannot be deployed here, each with why."""

    place: Place
    scratch: Path
    cache: Path
    seed: int
    generator_cpus: tuple[int, ...]
    server_cpus: tuple[int, ...]
    binaries: Mapping[str, Path]
    absent: Mapping[str, str]
    cell_limit_s: float
    progress: Progress


@dataclass(slots=True)
class _Observation:
    """The cell's probes: attached around the timed part, read when it ends."""

    kind: str  # a micro case is called as its program
    probes: tuple[Probe, ...]
    readings: list[ProbeReading] = field(default_factory=list)
    opened: bool = False

    @contextmanager
    def around(self, bench: Workbench, deployment: Deployment, endpoint: Endpoint | None) -> Iterator[None]:
        self.opened = True
        own = {name: path for name, path in bench.binaries.items() if name == self.kind}
        scope = ProbeScope(
            place=deployment.place,
            watch_from=bench.place,
            interface=deployment.interface,
            endpoint=endpoint,
            binaries={**own, **deployment.probe_points},
        )
        with ExitStack() as stack:
            attached = [stack.enter_context(probe.attach(scope)) for probe in self.probes]
            yield
        self.readings += attached


def run_cell(
    cell: Cell, target: Target, kind: CaseKind, probes: tuple[Probe, ...], bench: Workbench
) -> tuple[CellRecord, list[Samples]]:
    """Never raises for what the target, case or probe did: that is the cell's outcome. Interrupted and
    bugs of ours pass."""
    started, began = time.time(), time.monotonic()
    seen = _Observation(cell.kind, probes)
    samples: list[Samples] = []
    console, outcome, reason = "", Outcome.OK, ""
    scratch = bench.scratch / f"cell-{cell.index}"
    with observe_cell(bench.place.cgroup.parent) as reading:
        try:
            with time_limit(bench.cell_limit_s):
                scratch.mkdir(parents=True)
                samples, console = _measure(cell, target, kind, seen, bench, scratch)
        except UnsupportedError as error:
            outcome, reason = Outcome.UNSUPPORTED, _told(error)
        except TargetError as error:
            outcome, reason, console = Outcome.FAILED, _told(error), error.console
        except KxbenchError as error:
            outcome, reason = Outcome.FAILED, _told(error)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    probed = [s for r in seen.readings for s in r.samples]
    samples += [_indicative(s) for s in probed] if target.emulated else probed
    lost = sum(r.lost_events for r in seen.readings)
    if outcome is Outcome.OK:
        reason = _doubt(samples, lost, seen, reading)
        outcome = Outcome.NOISY if reason else Outcome.OK
    record = CellRecord(
        **{
            name: getattr(cell, name)
            for name in ("index", "block", "target", "case", "kind", "params", "probes")
        },
        outcome=outcome,
        reason=reason,
        started_s=started,
        duration_s=time.monotonic() - began,
        environment=reading,
        console=console[-CONSOLE_TAIL:],
        lost_events=lost,
    )
    return record, samples


def _measure(
    cell: Cell, target: Target, kind: CaseKind, seen: _Observation, bench: Workbench, scratch: Path
) -> tuple[list[Samples], str]:
    if why := bench.absent.get(target.name):
        raise UnsupportedError(why)
    if not kind.needs <= target.capabilities():
        lacking = ", ".join(sorted(kind.needs - target.capabilities()))
        raise UnsupportedError(f"target {target.name} does not offer {lacking}")
    if why := kind.missing():
        raise UnsupportedError(why)
    with target.deploy(scratch) as deployment:
        context = CaseContext(
            place=bench.place,
            scratch=scratch,
            cache=bench.cache,
            seed=bench.seed * 1000 + max(cell.block, 0),
            generator_cpus=bench.generator_cpus,
            observed=lambda endpoint: seen.around(bench, deployment, endpoint),
            progress=bench.progress,
            server_cpus=bench.server_cpus,
        )
        try:
            samples = list(kind.run(kind.params.model_validate(cell.params), deployment, context))
        except TargetError as error:
            error.console = error.console or deployment.console()
            raise
        if target.emulated:
            samples = [_indicative(item) for item in samples]
        if seen.probes and not seen.opened:
            raise UnsupportedError(f"case {kind.name} has no timed part for probes")
        return samples, deployment.console()


def _indicative(samples: Samples) -> Samples:
    """With the clock named for what it is: a wall clock, beside a machine that is emulated."""
    if not samples.metric.clock.like(Clock.MONOTONIC):
        return samples
    return replace(samples, metric=replace(samples.metric, clock=Clock.EMULATED))


def _doubt(samples: list[Samples], lost: int, seen: _Observation, reading: Mapping[str, float]) -> str:
    """Why a measured cell is not to be trusted; empty when it is."""
    if not samples:
        return "no samples"
    if lost:
        return f"{lost} probe events lost of {lost + sum(r.events for r in seen.readings)}"
    if {item.metric.clock for item in samples} - {Clock.NONE} == {Clock.ICOUNT}:
        return ""  # what else ran on the machine has no part in it
    return "; ".join(doubts(samples)) or noisy_reason(reading)


def _told(error: KxbenchError) -> str:
    return f"{error} ({error.remedy})" if error.remedy else str(error)
