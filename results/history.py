"""Many runs at once, from the database alone: lists of runs, machines, and one series over all of them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Select, Text, func, select, type_coerce

from results.judgements import FIGURES, RATIOS, SERIES, Deployed, deployed
from results.store import Store
from results.tables import CELLS, RUNS, machine_of, unescape
from vocabulary import Outcome, RunRecord, RunState, commit_in

_BRIEF = (
    *(RUNS.c.run_id, RUNS.c.started_s, RUNS.c.machine, type_coerce(RUNS.c.plan_name, Text), RUNS.c.state),
    *(RUNS.c.finished_s, type_coerce(RUNS.c.commit, Text), RUNS.c.cells_planned, RUNS.c.judged_s),
)  # all of the index runs_by_time: the records themselves, with plan and environment, are not read


@dataclass(frozen=True, slots=True)
class Brief:
    """A run in a list. Times are Unix seconds."""

    run_id: str
    started_s: float
    machine: str
    plan_name: str
    state: RunState
    finished_s: float | None
    commit: str
    cells_planned: int
    judged: bool


@dataclass(frozen=True, slots=True)
class SeriesId:
    """One metric of one case on one target, the same in every run."""

    series_id: int
    target: str
    case: str
    kind: str
    series: str
    metric: str
    source: str
    probe: str
    labels: Mapping[str, Any]
    probed: bool
    unit: str
    clock: str
    better: str

    @property
    def of_a_commit(self) -> bool:
        """Of another version, beside the run's own (``kylinx@0123456789ab``): it has no history."""
        return bool(commit_in(self.target))

    def counted(self, line: "Line") -> bool:
        """Whether every deployment of each run counted the same instructions, so that any difference is a
        change."""
        return self.unit == "instructions" and not line.spread()


@dataclass(frozen=True, slots=True)
class Point:
    """One run's figure of a series, with its 95 % interval (NaN where there is none): in the series' unit,
    or a ratio. ``count`` is that of its deployments, or pairs."""

    run: Brief
    value: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A series over the runs of one machine, the oldest first: columns of ``Point``'s fields, one entry a run
    (an object a run would be seven times as large, and the garbage collector's to look through)."""

    machine: str
    runs: tuple[Brief, ...]
    values: NDArray[np.float64]
    lows: NDArray[np.float64]
    highs: NDArray[np.float64]
    counts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.runs)

    def points(self, start: int = 0) -> Iterator[Point]:
        """Those from place ``start`` on, which may be counted from the end."""
        columns = (self.values, self.lows, self.highs, self.counts)
        return map(Point, self.runs[start:], *(column[start:].tolist() for column in columns))

    def spread(self) -> bool:
        """Whether deployments of any one run differ."""
        return bool(((self.lows < self.values) | (self.highs > self.values)).any())


def briefs(
    store: Store,
    *,
    machine: str | None = None,
    plan: str | None = None,
    state: str | None = None,
    before_s: float | None = None,
    most: int | None = None,
) -> list[Brief]:
    """Runs, the newest first; ``before_s`` and ``most`` page through them."""
    query = select(*_BRIEF).order_by(RUNS.c.started_s.desc(), RUNS.c.run_id.desc())
    for column, wanted in ((RUNS.c.machine, machine), (RUNS.c.plan_name, plan), (RUNS.c.state, state)):
        query = query if wanted is None else query.where(column == wanted)
    if before_s is not None:
        query = query.where(RUNS.c.started_s < before_s)
    return _briefs(store, query.limit(most))


def latest_of_machines(store: Store) -> list[Brief]:
    """The newest run of each machine, the newest first."""
    newest = select(RUNS.c.machine, func.max(RUNS.c.started_s).label("s")).group_by(RUNS.c.machine).subquery()
    query = (
        select(*_BRIEF)
        .join(newest, (RUNS.c.machine == newest.c.machine) & (RUNS.c.started_s == newest.c.s))
        .order_by(RUNS.c.started_s.desc(), RUNS.c.run_id.desc())
    )
    found: dict[str, Brief] = {}
    for one in _briefs(store, query):
        found.setdefault(one.machine, one)
    return list(found.values())


def run_before(store: Store, run: RunRecord) -> str | None:
    """The last judged run of the same plan on the same machine that started earlier."""
    query = (
        select(RUNS.c.run_id)
        .where(RUNS.c.machine == machine_of(run.environment), RUNS.c.plan_name == run.plan_name)
        .where(RUNS.c.started_s < run.started_s, RUNS.c.judged_s.is_not(None))
        .order_by(RUNS.c.started_s.desc())
        .limit(1)
    )
    with store.reading("the runs cannot be read") as connection:
        found = connection.execute(query).scalar()
        return None if found is None else str(found)


def _briefs(store: Store, query: Select[Any]) -> list[Brief]:
    with store.reading("the runs cannot be read") as connection:
        states = {str(state): state for state in RunState}
        return [
            Brief(
                run,
                started,
                machine,
                unescape(plan),
                states[state],
                finished,
                unescape(commit),
                n,
                bool(judged),
            )
            for run, started, machine, plan, state, finished, commit, n, judged in connection.execute(
                query
            ).all()
        ]


def outcomes_of_runs(store: Store, run_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """How many cells of each run ended how; runs without cells are left out."""
    query = (
        select(CELLS.c.run_id, CELLS.c.outcome, func.count())
        .where(CELLS.c.run_id.in_(run_ids))
        .group_by(CELLS.c.run_id, CELLS.c.outcome)
    )
    found: dict[str, dict[str, int]] = {}
    with store.reading("the cells cannot be read") as connection:
        for run_id, outcome, count in connection.execute(query):
            found.setdefault(run_id, {})[outcome] = count
    order = [str(outcome) for outcome in Outcome]
    return {run: dict(sorted(c.items(), key=lambda item: order.index(item[0]))) for run, c in found.items()}


def all_series(store: Store) -> list[SeriesId]:
    """Every series that any judged run has, by case, metric and target."""
    query = select(SERIES).order_by(SERIES.c.case_id, SERIES.c.series, SERIES.c.probed, SERIES.c.target)
    with store.reading("the series cannot be read") as connection:
        return [_series(row) for row in connection.execute(query).mappings()]


def series_of(store: Store, series_id: int) -> SeriesId | None:
    with store.reading("the series cannot be read") as connection:
        row = connection.execute(select(SERIES).where(SERIES.c.series_id == series_id)).mappings().first()
        return None if row is None else _series(row)


def _series(row: Mapping[Any, Any]) -> SeriesId:
    values = {name: row[name] for name in SeriesId.__slots__ if name != "case"}
    return SeriesId(**values, case=row["case_id"])


def lines_over_runs(
    store: Store, series_id: int, against: str, runs: Mapping[str, Brief]
) -> tuple[Line, ...]:
    """A series' finite figures in those of ``runs`` (by id) that have it, or its ratios to the target
    ``against``: a line for each machine, the one with the newest run first."""
    if against:
        r = RATIOS.c
        query = select(r.run_id, r.ratio, r.low, r.high, r.pairs).where(r.against == against)
        query = query.where(r.series_id == series_id)
    else:
        f = FIGURES.c
        query = select(f.run_id, f.estimate, f.low, f.high, f.deployments).where(f.series_id == series_id)
    with store.reading("the figures cannot be read") as connection:
        rows = connection.execute(query).all()
    found = [
        (runs[row[0]], *row[1:])
        for row in rows
        if row[0] in runs and row[1] is not None and math.isfinite(row[1])
    ]
    found.sort(key=lambda row: (row[0].started_s, row[0].run_id))
    machines: dict[str, list[Any]] = {}
    for row in found:
        machines.setdefault(row[0].machine, []).append(row)
    lines = (_line(machine, members) for machine, members in machines.items())
    return tuple(sorted(lines, key=lambda line: -line.runs[-1].started_s))


def _line(machine: str, rows: Sequence[Any]) -> Line:
    runs, *numbers, counts = zip(*rows, strict=True)
    values, lows, highs = (np.array(column, np.float64) for column in numbers)  # None becomes NaN
    return Line(machine, runs, values, lows, highs, np.array(counts, np.int64))


def deployments_of(store: Store, series_id: int, run_ids: Sequence[str]) -> dict[str, list[Deployed]]:
    """The deployments of a series in the runs named."""
    f = FIGURES.c
    query = select(f.run_id, f.replicates).where(f.series_id == series_id, f.run_id.in_(run_ids))
    with store.reading("the figures cannot be read") as connection:
        return {row.run_id: [deployed(one) for one in row.replicates] for row in connection.execute(query)}


def ratio_targets(store: Store, series_id: int) -> list[str]:
    """The targets that a series was set in a ratio to."""
    query = select(RATIOS.c.against).where(RATIOS.c.series_id == series_id).distinct()
    with store.reading("the figures cannot be read") as connection:
        return sorted(connection.execute(query).scalars())


@dataclass(frozen=True, slots=True)
class Ended:
    """The last run in which cells of a target and kind ended that way, and how many did in it."""

    target: str
    kind: str
    outcome: Outcome
    count: int
    run_id: str


def endings(store: Store) -> list[Ended]:
    """By steps through the index cells_by_outcome: there may be millions of cells, and few such groups."""
    c = CELLS.c
    found = []
    with store.reading("the cells cannot be read") as connection:
        target = connection.execute(select(func.min(c.target))).scalar()
        while target is not None:
            kinds = select(func.min(c.kind)).where(c.target == target)
            kind = connection.execute(kinds).scalar()
            while kind is not None:
                for outcome in Outcome:
                    here = (c.target == target) & (c.kind == kind) & (c.outcome == str(outcome))
                    run = connection.execute(select(func.max(c.run_id)).where(here)).scalar()
                    if run is not None:
                        those = select(func.count()).where(here & (c.run_id == run))
                        count = connection.execute(those).scalar_one()
                        found.append(Ended(target, kind, outcome, count, run))
                kind = connection.execute(kinds.where(c.kind > kind)).scalar()
            target = connection.execute(select(func.min(c.target)).where(c.target > target)).scalar()
    return found
