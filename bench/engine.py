"""Runs a plan: builds, shuffles, deploys, measures, and keeps every cell before the next one starts."""

import os
import platform
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

import bench.environment as environment
import bench.warnings as warnings
from bench.cell import Workbench, run_cell
from bench.plan import Cell, Plan, parse, schedule, validate
from bench.scratch import scratch
from bench.signals import Interrupted, Interrupts, interruptible
from probes import PROBES, make_probe
from results.store import Store
from targets import check_name, make_target
from targets.lab import Lab, living
from vocabulary import (
    CaseKind,
    CellRecord,
    HostError,
    Outcome,
    Probe,
    RunRecord,
    RunState,
    Samples,
    Target,
)
from workloads import build_all, case_kind, programs

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / "build" / "cache"


class Reporter(Protocol):
    """Tells the person how a run goes."""

    def stage(self, what: str) -> None: ...  # also the Progress of cells
    def began(self, run: RunRecord, to_do: int) -> None: ...
    def cell_began(self, cell: Cell) -> None: ...
    def cell_ended(self, record: CellRecord) -> None: ...
    def note(self, what: str) -> None: ...
    def ended(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Finished:
    """How a run ended. ``outcomes`` counts the cells of this call; ``left`` those not run."""

    run_id: str
    state: RunState
    outcomes: dict[Outcome, int]
    left: int
    exit_code: int = 0


def new_run_id() -> str:
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"


def start(plan: Plan, where: str, store: Store, reporter: Reporter) -> Finished:
    """Run a plan from its first cell. Raises KxbenchError for what stops a run before it begins."""
    for name in plan.targets:
        check_name(name)
    validate(plan, where, case_kind, PROBES)
    described = environment.describe()
    run = RunRecord(
        run_id=new_run_id(),
        plan_name=plan.name,
        plan=plan.model_dump(mode="json"),
        seed=plan.seed,
        state=RunState.RUNNING,
        started_s=time.time(),
        finished_s=None,
        environment={**described, "fingerprint": environment.fingerprint(described), "host": platform.node()},
        warnings=tuple(str(w) for w in warnings.for_environment(described)),
        commit=str(described.get("git_commit") or ""),
        cells_planned=len(schedule(plan)),
    )
    return _Run(run, plan, schedule(plan), store, reporter).execute(lambda: store.create_run(run))


def resume(run: RunRecord, store: Store, reporter: Reporter, again: Sequence[Outcome] = ()) -> Finished:
    """Run the cells that a run still lacks, in their order, and those that ended in ``again``."""
    plan = parse(run.plan, where=f"run {run.run_id}")
    validate(plan, f"run {run.run_id}", case_kind, PROBES)
    done = {cell.index for cell in store.cells(run.run_id) if cell.outcome not in again}
    cells = [cell for cell in schedule(plan) if cell.index not in done]
    return _Run(run, plan, cells, store, reporter).execute(
        lambda: store.finish_run(run.run_id, RunState.RUNNING, None)
    )


class _Run:
    """A run under way: what ``start`` and ``resume`` share."""

    def __init__(
        self, run: RunRecord, plan: Plan, cells: Sequence[Cell], store: Store, reporter: Reporter
    ) -> None:
        self.run, self.plan, self.cells, self.store, self.reporter = run, plan, cells, store, reporter
        self.outcomes: dict[Outcome, int] = dict.fromkeys(Outcome, 0)
        self.done = self.retried = 0

    def execute(self, register: Callable[[], None]) -> Finished:
        state, exit_code, registered = RunState.INTERRUPTED, 0, False
        with interruptible() as interrupts:
            try:
                with ExitStack() as stack:
                    prepared = self._prepare(stack, interrupts)
                    stack.callback(interrupts.stop)
                    register()
                    registered = True
                    self.reporter.began(self.run, len(self.cells))
                    self._cells(*prepared)
                    if self.done == len(self.cells):  # else its budget ran out: resume may go on
                        state = RunState.FINISHED
            except Interrupted as interrupt:
                if not registered:
                    raise  # nothing was measured: there is no run to tell of
                exit_code = interrupt.exit_code
            finally:
                self.reporter.ended()
                if registered:
                    self.store.finish_run(self.run.run_id, state, time.time())
        return Finished(self.run.run_id, state, self.outcomes, len(self.cells) - self.done, exit_code)

    def _prepare(
        self, stack: ExitStack, interrupts: Interrupts
    ) -> tuple[dict[str, Target], dict[str, CaseKind], dict[str, Probe], Workbench]:
        self.reporter.stage("building the C parts")
        build_all(self.reporter.stage)
        kinds = {cell.kind: case_kind(cell.kind) for cell in self.cells}
        probes = {name: make_probe(name) for cell in self.cells for name in cell.probes}
        for name, probe in probes.items():
            stack.callback(probe.close)
            self.reporter.stage(f"compiling the {name} probe")
            if why := probe.missing():
                self.reporter.note(f"probe {name}: {why}")
        self.reporter.stage("making the namespaces")
        with interrupts.held():
            lab = stack.enter_context(Lab(self.run.run_id))
        if others := [run for run in living() if run != self.run.run_id]:
            self.reporter.note(f"{', '.join(others)} is going on too: each run is noise to the other")
        targets = {name: make_target(name, lab) for name in dict.fromkeys(c.target for c in self.cells)}
        absent = {name: why for name, target in targets.items() if (why := target.missing())}
        for name, target in targets.items():
            if name not in absent:
                self.reporter.stage(f"building target {name}")
                target.build()
        CACHE.mkdir(parents=True, exist_ok=True)
        generator_cpus, server_cpus = _cpus()
        bench = Workbench(
            place=lab.place,
            scratch=stack.enter_context(scratch(self.run.run_id)),
            cache=CACHE,
            seed=self.plan.seed,
            generator_cpus=generator_cpus,
            server_cpus=server_cpus,
            binaries=programs(),
            absent=absent,
            cell_limit_s=self.plan.cell_limit_s,
            progress=self.reporter.stage,
        )
        return targets, kinds, probes, bench

    def _cells(
        self,
        targets: dict[str, Target],
        kinds: dict[str, CaseKind],
        probes: dict[str, Probe],
        bench: Workbench,
    ) -> None:
        began = time.monotonic()
        per_block = max(len(self.cells) // max(self.plan.blocks + self.plan.warmup, 1), 1)
        block_began, block = began, self.cells[0].block if self.cells else 0
        for cell in self.cells:
            if cell.block != block:
                now = time.monotonic()
                if now - began + (now - block_began) > self.plan.budget_s:
                    self.reporter.note(
                        f"the budget of {self.plan.budget_s:.0f} s has no time for block {cell.block + 1}: "
                        f"{len(self.cells) - self.done} cells not run ({per_block} a block)"
                    )
                    return
                block, block_began = cell.block, now
            self.reporter.cell_began(cell)
            watching = tuple(probes[name] for name in cell.probes)
            run = partial(run_cell, cell, targets[cell.target], kinds[cell.kind], watching, bench)
            record, samples = self._tried(run)
            if record.outcome in (Outcome.FAILED, Outcome.UNSUPPORTED):
                samples = []  # half a measurement is not one
            self.store.add_cell(self.run.run_id, record, samples)
            self.done += 1
            self.outcomes[record.outcome] += 1
            self.reporter.cell_ended(record)

    def _tried(self, run: Callable[[], tuple[CellRecord, list[Samples]]]) -> tuple[CellRecord, list[Samples]]:
        """Run a cell, and again while it ends noisy and the plan grants retries. The record says how many
        tries it took and what was wrong with the one before. A machine that is noisy all the time gets no
        more than one retry in ten cells: there it is the machine that has to change."""
        record, samples = run()
        for tries in range(2, self.plan.retries + 2):
            if record.outcome is not Outcome.NOISY or self.retried >= max(3, len(self.cells) // 10):
                break
            self.retried += 1
            told = {"tries": tries, "noise_before": record.reason}
            record, samples = run()
            record = replace(record, environment={**record.environment, **told})
        return record, samples


def _cpus() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(the generators', the servers'): the last of our CPUs, and the others; one CPU is everybody's."""
    *servers, generator = sorted(os.sched_getaffinity(0))
    return (generator,), tuple(servers)


def demand_root(what: str = "measuring needs root (network namespaces, cgroups, eBPF)") -> None:
    """Raises HostError with ``what`` for everybody but root."""
    if os.geteuid() != 0:
        raise HostError(what, remedy="run it again with sudo")
