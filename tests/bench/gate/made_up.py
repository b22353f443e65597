"""Runs of a made-up machine, in a real store: two targets, three cases, what drift and slowdown one likes."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.gate.report import Finding, Judged
from bench.gate.sides import Side
from bench.statistics import gather
from results.store import Store
from vocabulary import (
    Better,
    CellRecord,
    Clock,
    Metric,
    Outcome,
    RunRecord,
    RunState,
    Samples,
    Source,
    case_id,
)

MACHINE = "feedfacecafe"
TIME = Metric("one_way", "ns", Clock.MONOTONIC, Better.LOWER)
RATE = Metric("throughput", "bytes/s", Clock.MONOTONIC, Better.HIGHER)
COUNT = Metric("instructions", "instructions", Clock.ICOUNT, Better.LOWER)
CASES = ("pipe", "kill", "sysv_mq")
LEVEL = {"pipe": 3e4, "kill": 4e4, "sysv_mq": 5e4}


@dataclass(frozen=True)
class World:
    """``session`` is by how much the whole machine is slower in this run (a logarithm), ``drift`` a step of
    its random walk from block to block; ``ratio_session`` how much a target's ratio differs from run to run.
    ``slower`` is by what factor each (target, case) is."""

    blocks: int = 12
    between: float = 0.03
    drift: float = 0.05
    session: float = 0.0
    ratio_session: float = 0.0
    disturbed: float = 0.03
    slower: Mapping[tuple[str, str], float] = field(default_factory=dict)
    targets: tuple[str, ...] = ("process", "kylinx")
    metric: Metric = TIME
    commit: str = "a" * 40
    plan: str = "made-up"
    gate: Mapping[str, Any] = field(default_factory=dict)
    machine: str = MACHINE
    noisy: tuple[int, ...] = ()  # blocks whose cells are noisy
    failed: tuple[tuple[str, str], ...] = ()
    cases: tuple[str, ...] = CASES


SLOW = World(slower={("kylinx", "pipe"): 1.5}, gate={"threshold": 0.03})


def plan_of(world: World) -> dict[str, Any]:
    return {
        "name": world.plan,
        "targets": list(world.targets),
        "blocks": world.blocks,
        "cases": [{"kind": kind} for kind in world.cases],
        "gate": dict(world.gate),
    }


def put(store: Store, world: World, seed: int, run_id: str | None = None) -> RunRecord:
    """Make a run of that world."""
    run = RunRecord(
        run_id=run_id or f"20260101-{seed // 100:06}-{seed % 100:04}",
        plan_name=world.plan,
        plan=plan_of(world),
        seed=seed,
        state=RunState.FINISHED,
        started_s=1.7e9 + seed,
        finished_s=1.7e9 + seed + 60,
        environment={"fingerprint": world.machine, "host": "made-up", "cpus": 2},
        commit=world.commit,
        cells_planned=world.blocks * len(world.targets) * len(world.cases),
    )
    store.create_run(run)
    for record, samples in cells(world, seed):
        store.add_cell(run.run_id, record, samples)
    return run


def side(world: World, *seeds: int) -> Side:
    """The same without a store."""
    return Side(tuple(map(str, seeds)), tuple(gather(cells(world, seed)) for seed in seeds))


def cells(world: World, seed: int) -> Iterator[tuple[CellRecord, list[Samples]]]:
    rng = np.random.default_rng(seed)
    ratio = {
        (target, case): rng.normal(0, world.ratio_session)
        for target in world.targets[1:]
        for case in world.cases
    }
    walk = np.cumsum(rng.normal(0, world.drift, world.blocks)) + world.session
    index = 0
    for block in range(world.blocks):
        for case in world.cases:
            for target in world.targets:
                off = walk[block] + ratio.get((target, case), 0.0) + rng.normal(0, world.between)
                off += rng.exponential(0.5) * (rng.random() < world.disturbed)
                off += math.log(world.slower.get((target, case), 1.0))
                up = 1 if world.metric.better is Better.LOWER else -1
                centre = LEVEL.get(case, 2e4) * (3 if target == "process" else 1) * math.exp(up * off)
                values = np.round(centre * np.exp(rng.normal(0, 0.1, 40)))
                yield cell(world, index, block, target, case, values)
                index += 1


def cell(
    world: World, index: int, block: int, target: str, case: str, values: np.ndarray
) -> tuple[CellRecord, list[Samples]]:
    outcome = Outcome.NOISY if block in world.noisy else Outcome.OK
    outcome = Outcome.FAILED if (target, case) in world.failed else outcome
    record = CellRecord(
        *(index, block, target, case_id(case, {}), case, {}, (), outcome),
        *("it died" if outcome is Outcome.FAILED else "", 0.0, 1.0),
    )
    if outcome is Outcome.FAILED:
        return record, []
    return record, [Samples(world.metric, Source.PROGRAM, values)]


def suspect() -> Judged:
    """A metric that looks half slower, and is to be measured again."""
    return Judged(
        target="kylinx",
        case="pipe",
        kind="pipe",
        series="one_way@program",
        metric="one_way",
        unit="ns",
        better="lower",
        finding=Finding.REGRESSION,
        why="slower",
        paired=True,
        exact=False,
        baseline=1.0,
        run=1.5,
        ratio=1.5,
        low=1.4,
        high=1.6,
        p_value=0.001,
        p_adjusted=0.003,
        threshold=0.05,
        deployments=(12, 12),
        suspect=True,
    )


class Silent:
    """A reporter for re-runs that say nothing."""

    def stage(self, what: str) -> None: ...
    def began(self, run: RunRecord, to_do: int) -> None: ...
    def cell_began(self, cell: object) -> None: ...
    def cell_ended(self, record: CellRecord) -> None: ...
    def note(self, what: str) -> None: ...
    def ended(self) -> None: ...
