"""What the page's script draws, as JSON: distributions (ECDF or percentiles), and latency by rate.

Values are in the unit that the chart's axis names and have four significant digits."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from results.curves import PHASE, Curves, Floats, Line, RateCurve
from results.families import family_of, rank
from results.references import Reference
from results.units import quantity, scale
from results.view import parameters, words

Chart = dict[str, Any]

_MOST_LINES = 16
_BUDGET = 150_000
"""Numbers of all distributions together: some 7 characters each, so about 1 MB. Runs with more lines get
fewer points a line."""
_FEWEST = 40


def charts(curves: Curves, references: Sequence[Reference], targets: Sequence[str]) -> dict[str, list[Chart]]:
    """The charts of each family by its key, the headline ones first."""
    most = max(_FEWEST, min(400, _BUDGET // (4 * max(1, len(curves.lines)))))
    found: dict[str, list[Chart]] = defaultdict(list)
    for curve in _grouped_rates(curves.rates):
        found[family_of(curve[0].kind).key].append(_rate_chart(curve, targets))
    for lines in _grouped_lines(curves.lines):
        for part in range(0, len(lines), _MOST_LINES):
            chart = _distribution(lines[part : part + _MOST_LINES], references, targets, most)
            found[family_of(lines[0].kind).key].append(chart)
    for key, members in found.items():
        members.sort(key=lambda chart: chart.pop("rank"))
        for number, chart in enumerate(members):
            chart["id"] = f"chart-{key}-{number}"
    return found


def _grouped_lines(lines: Sequence[Line]) -> list[list[Line]]:
    """One chart a metric and source of a kind; of what is watched before and during an event, one a case."""
    grouped: dict[tuple[str, ...], list[Line]] = defaultdict(list)
    for line in lines:
        phases = line.case if PHASE in line.labels else ""
        grouped[line.kind, line.metric, line.source, line.probe, phases].append(line)
    return list(grouped.values())


def _grouped_rates(curves: Sequence[RateCurve]) -> list[list[RateCurve]]:
    grouped: dict[tuple[str, str], list[RateCurve]] = defaultdict(list)
    for curve in curves:
        grouped[curve.case, curve.series].append(curve)
    return list(grouped.values())


def _short(values: Floats) -> list[float]:
    """Four significant digits."""
    return [float(f"{value:.4g}") for value in values]


def _name(line: Line, targets: Sequence[str], alone: bool) -> str:
    labels = words({k: v for k, v in line.labels.items() if k != PHASE})
    parts = [
        line.target if len(targets) > 1 else "",
        str(line.labels.get(PHASE, "")),
        "" if PHASE in line.labels else parameters(line.case, line.kind),
        labels,
    ]
    return " · ".join(filter(None, parts)) or (line.target if alone else line.case)


def _distribution(
    lines: Sequence[Line], references: Sequence[Reference], targets: Sequence[str], most: int
) -> Chart:
    first = lines[0]
    family = family_of(first.kind).key
    by = scale(float(np.median([line.pooled[line.pooled.size // 2] for line in lines])), first.unit, family)
    source = f"probe {first.probe}" if first.probe else first.source
    here = [r for r in references if f"{first.kind}.{first.metric}" in r.charts and r.unit == first.unit]
    phases = PHASE in first.labels
    title = f"{first.kind}: {first.metric.replace('_', ' ')}"
    if phases and (inside := parameters(first.case, first.kind)):
        title += f" ({inside})"
    return {
        "rank": (0 if phases else rank(first.kind, first.metric), bool(first.probe)),
        "open": (phases or rank(first.kind, first.metric) < len(family_of(first.kind).headlines))
        and not first.probe,
        "type": "distribution",
        "title": title,
        "note": f"{first.summary[:1].upper()}{first.summary[1:]}. Measured by the {source}."
        if first.summary
        else f"Measured by the {source}.",
        "unit": by.name,
        "percentiles": phases,
        "lines": [
            _drawn(line, by.size, _name(line, targets, len(lines) == 1), targets, most) for line in lines
        ],
        "references": [
            {
                "low": r.low / by.size,
                "high": r.high / by.size,
                "text": f"{r.system}: {r.event}, {quantity(r.low, r.unit)}",
            }
            for r in here
            if r.low is not None and r.high is not None
        ],
    }


def _drawn(line: Line, size: float, name: str, targets: Sequence[str], most: int) -> Chart:
    chosen = np.arange(line.at.size)
    if chosen.size > most:
        chosen = np.unique(np.linspace(0, line.at.size - 1, most).round().astype(int))
    drawn: Chart = {
        "name": name,
        "target": targets.index(line.target) if line.target in targets else 0,
        "p": [round(float(p), 7) for p in line.at[chosen]],
        "x": _short(line.pooled[chosen] / size),
        "deployments": line.deployments,
        "count": line.count,
        "zeros": round(line.zeros, 4),
    }
    if line.deployments > 1:
        drawn |= {"low": _short(line.low[chosen] / size), "high": _short(line.high[chosen] / size)}
    return drawn


def _rate_chart(curves: Sequence[RateCurve], targets: Sequence[str]) -> Chart:
    first = curves[0]
    by = scale(float(np.median([point.p50 for curve in curves for point in curve.points])), "ns")
    inside = parameters(first.case, first.kind)
    rest = first.series.removeprefix("latency").strip("{}")
    detail = ", ".join(filter(None, (inside, rest)))
    return {
        "rank": (-1, False),
        "open": True,
        "type": "rate",
        "title": f"{first.kind}: latency by offered rate" + (f" ({detail})" if detail else ""),
        "note": "From intended send to answer; no coordinated omission. Bars span the deployments.",
        "unit": by.name,
        "lines": [
            {
                "name": curve.target if len(targets) > 1 else "",
                "target": targets.index(curve.target) if curve.target in targets else 0,
                "rate": [point.offered for point in curve.points],
                "reached": [point.reached for point in curve.points],
                "p50": _short(np.array([point.p50 for point in curve.points]) / by.size),
                "p99": _short(np.array([point.p99 for point in curve.points]) / by.size),
                "p999": _short(np.array([point.p999 for point in curve.points]) / by.size),
                "p50_low": _short(np.array([point.p50_range[0] for point in curve.points]) / by.size),
                "p50_high": _short(np.array([point.p50_range[1] for point in curve.points]) / by.size),
                "p99_low": _short(np.array([point.p99_range[0] for point in curve.points]) / by.size),
                "p99_high": _short(np.array([point.p99_range[1] for point in curve.points]) / by.size),
                "saturated": [point.saturated for point in curve.points],
                "knee": curve.knee,
            }
            for curve in curves
        ],
    }
