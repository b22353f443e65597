"""One series over all runs: what its chart and table show."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any

import numpy as np

from results import history
from results.dashboard.hooks import ChangePoint
from results.dashboard.source import Source
from results.families import called, family_of
from results.figures import parameters, words
from results.history import Brief, Line, Point, SeriesId
from results.units import Scale, between, ratio, ratio_between, scale
from vocabulary import UsageError

QUICK = 60  # runs whose change points are found in no time
MOST_POINTS = 500  # drawn at once; of more runs, neighbours are drawn together until one zooms in
_MOST_DOTS = 4000
_LISTED = 60
_ONE = Scale(1, "×")
_Finder = Callable[[Sequence[float]], Sequence[ChangePoint]]


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
    lines: tuple[Line, ...]  # of each machine

    @property
    def count(self) -> int:
        return sum(map(len, self.lines))


def machines_of(source: Source, trend: Trend) -> dict[str, str]:
    """The names of its machines."""
    return source.machine_names({line.machine: line.runs[-1].run_id for line in trend.lines})


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
    lines = history.lines_over_runs(source.store, series_id, against, source.runs())
    middle = float(np.median(np.concatenate([line.values for line in lines]))) if lines else 1.0
    return Trend(
        series=series,
        against=against,
        title=title_of(series),
        unit=_ONE if against else scale(middle, series.unit, family_of(series.kind).key),
        lines=lines,
    )


def changes_of(source: Source, trend: Trend) -> tuple[Changed, ...]:
    """Found once for the same figures, whatever else the store gets."""
    found = []
    for line in trend.lines:
        key, find = _way(source, trend, line)
        every = source.lasting.get("", key, partial(find, line.values.tolist()))
        found += [_changed(trend.series, line, one) for one in every if 0 < one.at < len(line)]
    return tuple(found)


def _way(source: Source, trend: Trend, line: Line) -> tuple[Hashable, _Finder]:
    """How its changes are found, and what they are kept by: of what is counted every difference is one."""
    if not trend.against and trend.series.counted(line):
        return ("steps", line.values.tobytes()), source.hooks.steps
    return ("changes", line.values.tobytes()), source.hooks.changes


def are_quick(source: Source, trend: Trend) -> bool:
    """Whether its change points are found already, or soon: of thousands of runs they take a while, and a
    page is shown before."""
    return all(
        len(line) <= QUICK or source.lasting.has("", _way(source, trend, line)[0]) for line in trend.lines
    )


def _changed(series: SeriesId, line: Line, change: ChangePoint) -> Changed:
    lower = change.ratio < 1
    verdict = (
        "same" if series.better == "neither" else "better" if lower == (series.better == "lower") else "worse"
    )
    return Changed(
        line.machine,
        line.runs[change.at],
        line.runs[change.at - 1],
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
    for place, line in enumerate(trend.lines):
        inside = _inside(line, since_s, until_s)
        if len(inside):
            drawn = _drawn(source, trend, line, inside, max(1, most // len(trend.lines)))
            lines.append(drawn | {"name": names[line.machine], "target": place, "machine": line.machine})
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


def _inside(line: Line, since_s: float | None, until_s: float | None) -> range:
    """Its places of that time, both ends included."""
    started: Callable[[Brief], float] = attrgetter("started_s")
    first = 0 if since_s is None else bisect_left(line.runs, since_s, key=started)
    return range(first, len(line) if until_s is None else bisect_right(line.runs, until_s, key=started))


def _drawn(source: Source, trend: Trend, line: Line, inside: range, most: int) -> dict[str, Any]:
    together = -(-len(inside) // most)
    parts = [inside[i : i + together] for i in range(0, len(inside), together)]
    last = [line.runs[part[-1]] for part in parts]
    rows = [_bucket(line, part, trend.unit.size) for part in parts]
    return {
        "t": [round(run.started_s * 1000) for run in last],
        "y": [row[0] for row in rows],
        "low": [row[1] for row in rows],
        "high": [row[2] for row in rows],
        "run": [run.run_id for run in last],
        "commit": [run.commit[:12] for run in last],
        "together": together,
        "count": len(inside),
        "dots": [] if together > 1 or trend.against else _dots(source, trend, line, inside),
    }


def _bucket(line: Line, part: range, size: float) -> tuple[float, float | None, float | None]:
    """The middle of these places, and from where to where they reach."""
    values = sorted(line.values[part.start : part.stop].tolist())
    middle = values[len(values) // 2] if len(values) % 2 else sum(values[len(values) // 2 - 1 :][:2]) / 2
    if len(part) == 1:
        low, high = float(line.lows[part.start]), float(line.highs[part.start])
    else:
        low, high = values[0], values[-1]
    return _short(middle / size), _bound(low / size), _bound(high / size)


def _bound(value: float) -> float | None:
    return _short(value) if math.isfinite(value) else None


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def _dots(source: Source, trend: Trend, line: Line, inside: range) -> list[list[float]]:
    """(time, figure) of each deployment."""
    started = {run.run_id: round(run.started_s * 1000) for run in line.runs[inside.start : inside.stop]}
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
        (point for line in trend.lines for point in line.points(-_LISTED)),
        key=lambda point: (point.run.started_s, point.run.run_id),
        reverse=True,
    )[:_LISTED]
    names = machines_of(source, trend)
    return [_listed(point, trend, names[point.run.machine]) for point in every]


def _listed(point: Point, trend: Trend, machine: str) -> Listed:
    by = trend.unit
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
    return Listed(point.run, machine, figure, interval, point.count)
