"""One series over all runs: what its chart and table show."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from results import history
from results.dashboard.hooks import ChangePoint
from results.dashboard.source import Source
from results.families import called, family_of
from results.figures import parameters, words
from results.history import Brief, Point, SeriesId
from results.units import Scale, between, ratio, ratio_between, scale
from vocabulary import UsageError

QUICK = 60  # runs whose change points are found in no time
MOST_POINTS = 500  # drawn at once; of more runs, neighbours are drawn together until one zooms in
_MOST_DOTS = 4000
_LISTED = 60
_ONE = Scale(1, "×")
_Finder = Callable[[Sequence[float]], Sequence[ChangePoint]]


@dataclass(frozen=True, slots=True)
class Placed:
    """A point with its run."""

    run: Brief
    point: Point


@dataclass(frozen=True, slots=True)
class Changed:
    """A change point for people; ``run`` is the first of the new level, ``before`` the last of the old."""

    machine: str
    run: Brief
    before: Brief
    ratio: str
    interval: str
    p: str
    verdict: str


@dataclass(frozen=True, slots=True)
class Trend:
    series: SeriesId
    against: str  # the target it is a ratio to; empty for the figure itself
    title: str
    unit: Scale
    machines: dict[str, tuple[Placed, ...]]  # by machine, the oldest run first

    @property
    def count(self) -> int:
        return sum(map(len, self.machines.values()))


def machines_of(source: Source, trend: Trend) -> dict[str, str]:
    """The names of its machines."""
    return source.machine_names({m: members[-1].run.run_id for m, members in trend.machines.items()})


def title_of(series: SeriesId) -> str:
    detail = ", ".join(filter(None, (parameters(series.case, series.kind), words(series.labels))))
    seen = f"probe {series.probe}" if series.probe else ("probes attached" if series.probed else "")
    return " · ".join(filter(None, (called(series.kind, series.metric), detail, seen)))


def trend_of(source: Source, series_id: int, against: str = "") -> Trend:
    """Raises UsageError where there is no such series, or it was not set in a ratio to that target."""
    return source.kept(("trend", series_id, against), lambda: _trend(source, series_id, against))


def _trend(source: Source, series_id: int, against: str) -> Trend:
    series = history.series_of(source.store, series_id)
    if series is None:
        raise UsageError(f"no series {series_id}", remedy="choose one from the list of trends")
    if against:
        points = history.ratios_over_runs(source.store, series_id, against)
    else:
        points = history.figures_over_runs(source.store, series_id)
    runs = source.runs()
    machines: dict[str, list[Placed]] = defaultdict(list)
    for point in points:
        if point.run_id in runs and math.isfinite(point.value):
            machines[runs[point.run_id].machine].append(Placed(runs[point.run_id], point))
    for members in machines.values():
        members.sort(key=lambda placed: (placed.run.started_s, placed.run.run_id))
    ordered = dict(sorted(machines.items(), key=lambda item: -item[1][-1].run.started_s))
    middle = float(np.median([p.point.value for m in ordered.values() for p in m])) if ordered else 1.0
    return Trend(
        series=series,
        against=against,
        title=title_of(series),
        unit=_ONE if against else scale(middle, series.unit, family_of(series.kind).key),
        machines={name: tuple(members) for name, members in ordered.items()},
    )


def changes_of(source: Source, trend: Trend) -> tuple[Changed, ...]:
    """Found once for the same figures, whatever else the store gets."""
    found = []
    for machine, members in trend.machines.items():
        values = tuple(p.point.value for p in members)
        kind, find = _way(source, trend, members)
        every = source.lasting.get("", (kind, values), partial(_found, find, values))
        found += [_changed(trend.series, machine, members, one) for one in every if 0 < one.at < len(members)]
    return tuple(found)


def _way(source: Source, trend: Trend, members: Sequence[Placed]) -> tuple[str, _Finder]:
    """How its changes are found: of what is counted every difference is one."""
    if not trend.against and trend.series.counted(p.point for p in members):
        return "steps", source.hooks.steps
    return "changes", source.hooks.changes


def _found(find: _Finder, values: tuple[float, ...]) -> tuple[ChangePoint, ...]:
    return tuple(find(values))


def are_quick(source: Source, trend: Trend) -> bool:
    """Whether its change points are found already, or soon: of thousands of runs they take a while, and a
    page is shown before."""
    every = [
        (_way(source, trend, members)[0], tuple(p.point.value for p in members))
        for members in trend.machines.values()
    ]
    return all(len(key[1]) <= QUICK or source.lasting.has("", key) for key in every)


def _changed(series: SeriesId, machine: str, members: Sequence[Placed], change: ChangePoint) -> Changed:
    lower = change.ratio < 1
    verdict = (
        "same" if series.better == "neither" else "better" if lower == (series.better == "lower") else "worse"
    )
    return Changed(
        machine,
        members[change.at].run,
        members[change.at - 1].run,
        ratio(change.ratio),
        ratio_between(change.low, change.high),
        "–" if math.isnan(change.p) else f"{change.p:.2g}",
        verdict,
    )


# the chart


def chart_of(
    source: Source,
    trend: Trend,
    changes: Sequence[Changed] = (),
    since_s: float | None = None,
    until_s: float | None = None,
    most: int = MOST_POINTS,
) -> dict[str, Any]:
    """For the page's script. Times are milliseconds. Of more than ``most`` runs, each point is the median of
    neighbours and its band their smallest and largest, and ``together`` says of how many."""
    by = trend.unit
    names = machines_of(source, trend)
    lines = []
    for place, (machine, members) in enumerate(trend.machines.items()):
        inside = [
            p
            for p in members
            if (since_s is None or p.run.started_s >= since_s)
            and (until_s is None or p.run.started_s <= until_s)
        ]
        if inside:
            line = _line(source, trend, inside, max(1, most // len(trend.machines)))
            lines.append(line | {"name": names[machine], "target": place, "machine": machine})
    return {
        "id": f"trend-{trend.series.series_id}",
        "type": "trend",
        "title": trend.title,
        "note": _note(trend),
        "unit": by.name,
        "ratio": bool(trend.against),
        "lines": lines,
        "changes": [
            {
                "t": change.run.started_s * 1000,
                "run": change.run.run_id,
                "text": f"{change.ratio} ({change.interval})",
                "verdict": change.verdict,
                "machine": change.machine,
            }
            for change in changes
        ],
    }


def _note(trend: Trend) -> str:
    if trend.against:
        return f"{trend.series.target} / {trend.against}, with the 95 % interval of each run's ratio."
    told = "the median over deployments with its 95 % interval; dots are the deployments"
    return f"On {trend.series.target}: {told}."


def _line(source: Source, trend: Trend, members: Sequence[Placed], most: int) -> dict[str, Any]:
    together = -(-len(members) // most)
    parts = [members[i : i + together] for i in range(0, len(members), together)]
    rows = [_bucket(part, trend.unit.size) for part in parts]
    return {
        "t": [round(row[0] * 1000) for row in rows],
        "y": [row[1] for row in rows],
        "low": [row[2] for row in rows],
        "high": [row[3] for row in rows],
        "run": [part[-1].run.run_id for part in parts],
        "commit": [part[-1].run.commit[:12] for part in parts],
        "together": together,
        "count": len(members),
        "dots": [] if together > 1 or trend.against else _dots(source, trend, members),
    }


def _bucket(part: Sequence[Placed], size: float) -> tuple[float, float, float | None, float | None]:
    values = sorted(p.point.value for p in part)
    middle = values[len(values) // 2] if len(values) % 2 else sum(values[len(values) // 2 - 1 :][:2]) / 2
    if len(part) == 1:
        low, high = part[0].point.low, part[0].point.high
    else:
        low, high = values[0], values[-1]
    return part[-1].run.started_s, _short(middle / size), _bound(low / size), _bound(high / size)


def _bound(value: float) -> float | None:
    return _short(value) if math.isfinite(value) else None


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def _dots(source: Source, trend: Trend, members: Sequence[Placed]) -> list[list[float]]:
    """(time, figure) of each deployment."""
    started = {p.run.run_id: round(p.run.started_s * 1000) for p in members}
    each = history.deployments_of(source.store, trend.series.series_id, list(started))
    dots = [
        [moment, _short(one[1] / trend.unit.size)]
        for run, moment in started.items()
        for one in each.get(run, ())
    ]
    return dots if len(dots) <= _MOST_DOTS else []


# the table


@dataclass(frozen=True, slots=True)
class Listed:
    run: Brief
    machine: str
    figure: str
    interval: str
    count: int


def listed(source: Source, trend: Trend) -> list[Listed]:
    """The last runs of the trend, the newest first."""
    every = sorted(
        (p for members in trend.machines.values() for p in members),
        key=lambda p: (p.run.started_s, p.run.run_id),
        reverse=True,
    )[:_LISTED]
    names = machines_of(source, trend)
    return [_listed(p, trend, names[p.run.machine]) for p in every]


def _listed(placed: Placed, trend: Trend, machine: str) -> Listed:
    point, by = placed.point, trend.unit
    if trend.against:
        figure, interval = ratio(point.value), ratio_between(point.low, point.high)
    else:
        figure = f"{by.number(point.value)} {by.name}".rstrip()
        known = math.isfinite(point.high - point.low)
        interval = (
            f"{between(point.low, point.high, by, point.value)} {by.name}".rstrip()
            if known
            else "no interval"
        )
    return Listed(placed.run, machine, figure, interval, point.count)
