"""What the page's script draws, as JSON: distributions (ECDF or percentiles), and latency by rate.

Values are in the unit that the chart's axis names and have four significant digits."""

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from results.curves import PHASE, Curves, Floats, Line, RateCurve
from results.families import family_of, rank
from results.figures import parameters, words
from results.published import at_conditions, published
from results.references import Reference
from results.units import scale
from vocabulary import Clock

Chart = dict[str, Any]

_MOST_LINES = 16
_BUDGET = 150_000
"""Numbers of all distributions together: some 7 characters each, so about 1 MB. Runs with more lines get
fewer points a line."""
_FEWEST = 40
_FEWEST_EACH = 8  # samples of a deployment that some line of a chart must have: of fewer the table says all
_FEWEST_ALL = 3  # samples of a line, all deployments together: of fewer there is no curve


def charts(curves: Curves, references: Sequence[Reference], targets: Sequence[str]) -> dict[str, list[Chart]]:
    """The charts of each family by its key, the headline ones first."""
    most = max(_FEWEST, min(400, _BUDGET // (4 * max(1, len(curves.lines)))))
    found: dict[str, list[Chart]] = defaultdict(list)
    for curve in _grouped_rates(curves.rates):
        found[family_of(curve[0].kind).key].append(_rate_chart(curve, targets))
    for lines in _grouped_lines(curves.lines):
        drawn = [line for line in lines if line.count >= _FEWEST_ALL]
        if not _worth_drawing(lines):
            continue
        aside = _aside(lines, targets)
        for part in range(0, len(drawn), _MOST_LINES):
            chart = _distribution(drawn[part : part + _MOST_LINES], references, targets, most)
            if len(drawn) > _MOST_LINES:
                chart["title"] += f", part {part // _MOST_LINES + 1} of {-(-len(drawn) // _MOST_LINES)}"
            chart["note"] = " ".join(filter(None, (chart["note"], aside)))
            found[family_of(drawn[0].kind).key].append(chart)
    for key, members in found.items():
        members.sort(key=lambda chart: chart.pop("rank"))
        for number, chart in enumerate(members):
            chart["id"] = f"chart-{key}-{number}"
    return found


def _worth_drawing(lines: Sequence[Line]) -> bool:
    return any(line.count >= max(_FEWEST_ALL, _FEWEST_EACH * line.deployments) for line in lines)


def _aside(lines: Sequence[Line], targets: Sequence[str]) -> str:
    """Which lines are coarse or left out, and why: none is missing without a word."""
    one_case = len({line.case for line in lines}) == 1
    told = []
    for what, chosen in (
        ("Left out, too few samples for a curve", [x for x in lines if x.count < _FEWEST_ALL]),
        (
            "Coarse, of few samples",
            [x for x in lines if _FEWEST_ALL <= x.count < _FEWEST_EACH * x.deployments],
        ),
    ):
        names = [f"{_name(line, targets, one_case) or line.case} ({line.count})" for line in chosen]
        if names:
            told.append(f"{what}: {'; '.join(names)}.")
    return " ".join(told)


def undrawn(curves: Curves) -> dict[str, str]:
    """Of each family by its key, which metrics have no chart as every deployment gave a few samples only."""
    metrics: dict[str, dict[str, dict[str, None]]] = defaultdict(lambda: defaultdict(dict))
    for lines in _grouped_lines(curves.lines):
        first = lines[0]
        if first.unit != "1" and not _worth_drawing(lines):
            name = first.metric + (f" (probe {first.probe})" if first.probe else "")
            metrics[family_of(first.kind).key][first.kind][name] = None
    return {
        key: "; ".join(f"{kind}: {', '.join(names)}" for kind, names in kinds.items())
        for key, kinds in metrics.items()
    }


def _natural(line: Line) -> str:
    """By case, its numbers by size: cells come in a shuffled order."""
    return re.sub(r"\d+", lambda found: found[0].rjust(20, "0"), line.case)


def _grouped_lines(lines: Sequence[Line]) -> list[list[Line]]:
    """One chart a metric, unit and source of a kind; of what is watched before and during an event, one a
    case."""
    grouped: dict[tuple[str, ...], list[Line]] = defaultdict(list)
    for line in sorted(lines, key=_natural):
        phases = line.case if PHASE in line.labels else ""
        grouped[line.kind, line.metric, line.unit, line.source, line.probe, phases].append(line)
    return list(grouped.values())


def _grouped_rates(curves: Sequence[RateCurve]) -> list[list[RateCurve]]:
    grouped: dict[tuple[str, str], list[RateCurve]] = defaultdict(list)
    for curve in curves:
        grouped[curve.case, curve.series].append(curve)
    return list(grouped.values())


def _short(values: Floats) -> list[float]:
    """Four significant digits."""
    return [float(f"{value:.4g}") for value in values]


def _target(drawn: Line | RateCurve, targets: Sequence[str]) -> str:
    """Whose it is, where that may be in doubt, and whether to believe it."""
    indicative = " (emulated: indicative)" if drawn.clock == Clock.EMULATED else ""
    return f"{drawn.target}{indicative}" if len(targets) > 1 or indicative else ""


def _name(line: Line, targets: Sequence[str], one_case: bool) -> str:
    target = _target(line, targets)
    inside = "" if one_case else parameters(line.case, line.kind)
    return " · ".join(filter(None, (target, inside, words(line.labels))))


def _distribution(
    lines: Sequence[Line], references: Sequence[Reference], targets: Sequence[str], most: int
) -> Chart:
    first = lines[0]
    by = scale(
        float(np.median([line.pooled[line.pooled.size // 2] for line in lines])),
        first.unit,
        family_of(first.kind).key,
    )
    phases = PHASE in first.labels
    one_case = len({line.case for line in lines}) == 1
    inside = parameters(first.case, first.kind) if one_case else ""
    known = family_of(first.kind).headlines
    headline = not known or rank(first.kind, first.metric) < len(known)
    measured = f"Measured by the {f'probe {first.probe}' if first.probe else first.source}."
    here = [r for r in references if f"{first.kind}.{first.metric}" in r.charts and r.unit == first.unit]
    return {
        "rank": (0 if phases else rank(first.kind, first.metric), bool(first.probe)),
        "open": (phases or headline) and not first.probe,
        "type": "distribution",
        "title": f"{first.kind}: {first.metric.replace('_', ' ')}" + (f" ({inside})" if inside else ""),
        "note": f"{first.summary}. {measured}" if first.summary else measured,
        "unit": by.name,
        "percentiles": phases,
        "lines": [_drawn(line, by.size, _name(line, targets, one_case), targets, most) for line in lines],
        "references": [
            {
                "low": r.low / by.size,
                "high": r.high / by.size,
                "text": " ".join(
                    filter(
                        None,
                        (
                            f"{r.system}: {r.event}, {published(r.low, r.high, r.unit)}",
                            at_conditions(r.conditions),
                        ),
                    )
                ),
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
        "note": "The generator counts from the intended send to the answer. Bars span the deployments.",
        "unit": by.name,
        "lines": [_swept(curve, by.size, targets) for curve in curves],
    }


def _swept(curve: RateCurve, size: float, targets: Sequence[str]) -> Chart:
    points = curve.points

    def column(*values: float) -> list[float]:
        return _short(np.array(values) / size)

    target = _target(curve, targets)
    seen = f"probe {curve.probe}" if curve.probe else "generator"
    return {
        "name": " ".join(filter(None, (target, seen))),
        "rate": [point.offered for point in points],
        "reached": [point.reached for point in points],
        "p50": column(*(point.p50 for point in points)),
        "p99": column(*(point.p99 for point in points)),
        "p999": column(*(point.p999 for point in points)),
        "p50_low": column(*(point.p50_range[0] for point in points)),
        "p50_high": column(*(point.p50_range[1] for point in points)),
        "p99_low": column(*(point.p99_range[0] for point in points)),
        "p99_high": column(*(point.p99_range[1] for point in points)),
        "saturated": [point.saturated for point in points],
        "knee": curve.knee,
    }
