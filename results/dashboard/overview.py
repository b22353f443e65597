"""The first page: the newest run of each machine, what it says, what changed; and the last runs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from results import history
from results.dashboard.hooks import Block, Side
from results.dashboard.source import Source
from results.dashboard.verdicts import Decision, claims_table, decisions
from results.figures import Difference, difference_of
from results.history import Brief
from vocabulary import ComparisonRow, RunState

MOST_RUNS = 50
_MOST_CHANGES = 8
_MOST_PLANS = 4  # of a machine, on the first page


@dataclass(frozen=True, slots=True)
class Against:
    """A target against the run's first one: how many judged series are better, worse or not told apart."""

    a: Side
    b: Side
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Changes:
    """What the run before (same plan, same machine) had and this one has otherwise."""

    before: Brief
    counts: dict[str, int]
    rows: tuple[Difference, ...]
    more: int
    sides: tuple[Side, Side]


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest run of one plan on one machine."""

    run: Brief
    outcomes: dict[str, int]
    against: tuple[Against, ...]
    changes: Changes | None
    gate: Decision | None
    warnings: int


@dataclass(frozen=True, slots=True)
class Machine:
    name: str
    newest: tuple[Newest, ...]  # one a plan, the latest first
    left: int  # plans not shown


@dataclass(frozen=True, slots=True)
class Listed:
    run: Brief
    outcomes: dict[str, int]
    machine: str
    gate: Decision | None


@dataclass(frozen=True, slots=True)
class Overview:
    machines: tuple[Machine, ...]
    live: tuple[Listed, ...]
    runs: tuple[Listed, ...]
    older_s: float | None  # older runs than those listed, if any, begin before this
    plans: tuple[str, ...]
    blocks: tuple[Block, ...]
    total: int


def overview_of(source: Source, plan: str | None = None, before_s: float | None = None) -> Overview:
    key = ("overview", plan, before_s)
    return source.kept(key, lambda: _overview(source, plan, before_s))


def _overview(source: Source, plan: str | None, before_s: float | None) -> Overview:
    runs = [
        run
        for run in source.runs().values()
        if plan in (None, run.plan_name) and (before_s is None or run.started_s < before_s)
    ]
    page = runs[:MOST_RUNS]
    live = [run for run in source.runs().values() if run.state is RunState.RUNNING]
    outcomes = history.outcomes_of_runs(source.store, [run.run_id for run in (*page, *live)])
    newest = _newest(source)
    latest = [run for members in newest.values() for run in members]
    gates = decisions(source.store, [run.run_id for run in page])
    names = source.machine_names({machine: members[0].run_id for machine, members in newest.items()})

    def listed(run: Brief) -> Listed:
        name = names.get(run.machine) or source.machine_name(run.run_id)
        return Listed(run, outcomes.get(run.run_id, {}), name, gates.get(run.run_id))

    return Overview(
        machines=source.kept(
            "machines", lambda: tuple(_machine(source, names[m], runs) for m, runs in newest.items())
        ),
        live=tuple(map(listed, live)),
        runs=tuple(map(listed, page)),
        older_s=page[-1].started_s if len(runs) > len(page) else None,
        plans=tuple(sorted({run.plan_name for run in source.runs().values()})),
        blocks=tuple(claims_table(source.store, [run.run_id for run in latest])),
        total=len(runs),
    )


def _newest(source: Source) -> dict[str, list[Brief]]:
    """By machine, the newest run of each plan that is over, the latest first; so are the machines."""
    found: dict[str, dict[str, Brief]] = {}
    for run in source.runs().values():
        if run.state is not RunState.RUNNING:
            found.setdefault(run.machine, {}).setdefault(run.plan_name, run)
    return {machine: list(plans.values()) for machine, plans in found.items()}


def _machine(source: Source, name: str, members: Sequence[Brief]) -> Machine:
    shown = tuple(_newest_of(source, run) for run in members[:_MOST_PLANS])
    return Machine(name, shown, len(members) - len(shown))


def _newest_of(source: Source, run: Brief) -> Newest:
    record = source.run(run.run_id)
    kept = source.comparisons(record)
    return Newest(
        run=run,
        outcomes=history.outcomes_of_runs(source.store, [run.run_id]).get(run.run_id, {}),
        against=tuple(_against(run.run_id, kept.comparisons)),
        changes=_changes(source, run.run_id, kept.before, kept.changes),
        gate=decisions(source.store, [run.run_id]).get(run.run_id),
        warnings=len(record.warnings),
    )


def _judged(rows: Sequence[ComparisonRow]) -> list[Difference]:
    return [difference_of(row) for row in rows if row.better != "neither"]


def _counts(rows: Sequence[Difference]) -> dict[str, int]:
    counted = {"better": 0, "worse": 0, "same": 0, "unjudged": 0}
    for row in rows:
        counted[row.verdict] += 1
    return counted


def _against(run_id: str, rows: Sequence[ComparisonRow]) -> list[Against]:
    pairs = dict.fromkeys((row.a, row.b) for row in rows)
    return [
        Against(Side(run_id, a), Side(run_id, b), _counts(_judged([r for r in rows if (r.a, r.b) == (a, b)])))
        for a, b in pairs
    ]


def _changes(source: Source, run_id: str, before: str, rows: Sequence[ComparisonRow]) -> Changes | None:
    if before not in source.runs():
        return None
    judged = _judged(rows)
    changed = sorted(
        (row for row in judged if row.verdict in ("better", "worse")),
        key=lambda d: -abs(math.log(d.row.ratio)),
    )
    shown = tuple(changed[:_MOST_CHANGES])
    more = len(changed) - len(shown)
    return Changes(source.runs()[before], _counts(judged), shown, more, (Side(before), Side(run_id)))
