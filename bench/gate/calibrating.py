"""A calibration from its plan, or from runs that are there, to the store."""

import platform
import time
from collections.abc import Sequence

from bench import engine
from bench.engine import Reporter
from bench.environment.software import commit_of, git_dirty
from bench.gate.beside import twins_in, with_twins
from bench.gate.calibration import LEAST_RUNS, noise_of
from bench.gate.choosing import demand_over, who
from bench.gate.sides import read_side
from bench.plan import load, parse
from results.baselines import Calibration, keep_calibration
from results.store import Store
from results.tables import machine_of
from vocabulary import KxbenchError, RunRecord, UsageError


class CalibrationInterruptedError(KxbenchError):
    """Ctrl-C in one of the runs: those before are kept whole, and that one as far as it came."""

    def __init__(self, exit_code: int, done: Sequence[str], broken_off: str) -> None:
        more = max(LEAST_RUNS - len(done) - 1, 0)
        then = f", run the plan {more} more time{'s' if more > 1 else ''}" if more else ""
        of = " ".join([f"--of {run}" for run in (*done, broken_off)] + ["--of RUN"] * more)
        super().__init__(
            f"the calibration was interrupted in run {len(done) + 1}; all that was measured is kept",
            remedy=f"kxbench resume {broken_off}{then}; then kxbench calibrate {of}",
        )
        self.exit_code = exit_code


def measure(
    store: Store, plan_name: str, runs: int, reporter: Reporter, *, beside: bool = False
) -> list[RunRecord]:
    """The plan, ``runs`` times, with a seed of its own each; ``beside``: with what git has of the same code
    in the same blocks. Raises CalibrationInterruptedError, and UsageError for code that was not committed."""
    engine.demand_root()
    plan = load(plan_name)
    if beside:
        if git_dirty():
            raise UsageError(
                "the code has uncommitted changes: what is deployed beside it would not be the same",
                remedy="commit first; or calibrate without --beside",
            )
        plan = with_twins(plan, commit_of("HEAD"))
    done: list[str] = []
    for number in range(runs):
        seeded = parse(plan.model_dump(mode="json") | {"seed": (plan.seed + number) % 2**32}, plan_name)
        finished = engine.start(seeded, plan_name, store, reporter)
        if finished.exit_code:
            raise CalibrationInterruptedError(finished.exit_code, done, finished.run_id)
        done.append(finished.run_id)
    return [store.run(run_id) for run_id in done]


def calibrated(store: Store, runs: Sequence[RunRecord]) -> Calibration:
    """Kept in the store. Raises UsageError: too few runs, or of several machines, plans or commits."""
    distinct = list({run.run_id: run for run in runs}.values())
    if len(distinct) < LEAST_RUNS:
        raise UsageError(
            f"{len(distinct)} run{' does' if len(distinct) == 1 else 's do'} not tell how much runs differ",
            remedy=f"name {LEAST_RUNS} or more, or let calibrate make them",
        )
    for run in distinct:
        demand_over(run)
    first = distinct[0]
    for what, said in (
        ("machines", {machine_of(run.environment) for run in distinct}),
        ("plans", {run.plan_name for run in distinct}),
        ("commits", {run.code for run in distinct}),
    ):
        if len(said) > 1:
            raise UsageError(
                f"the runs are of several {what}: {', '.join(sorted(said))}",
                remedy="only runs of the same tell how much runs of the same differ",
            )
    plan = parse(first.plan, where=f"run {first.run_id}")
    control = plan.targets[0] if len(plan.targets) > 1 else None
    sides = [read_side(store, [run.run_id]) for run in distinct]
    made = Calibration(
        plan_name=first.plan_name,
        runs=tuple(run.run_id for run in distinct),
        machine=machine_of(first.environment),
        host=str(first.environment.get("host") or platform.node()),
        commit=first.commit,
        made_by=who(),
        made_s=time.time(),
        noise=noise_of(sides, control, plan.gate.noisy, twins_in(first, first.commit)),
    )
    if made.noise:
        keep_calibration(store, made)
    return made
