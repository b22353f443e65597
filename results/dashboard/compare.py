"""Two runs, or two targets, side by side: the rows, the chart of ratios, and the charts of a family."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from results.charts import Chart, charts
from results.curves import Curves
from results.dashboard.hooks import Side
from results.dashboard.source import Source
from results.families import FAMILIES, OTHER, Family, called, family_of
from results.figures import Difference, difference_of, parameters
from results.references import load
from vocabulary import CellRecord, ComparisonRow, Outcome, RunRecord, UsageError

_MOST_DRAWN = 60


@dataclass(frozen=True, slots=True)
class Compared:
    """``differences`` are the judged ones, the significant first; ``aside`` says what is not shown."""

    a: Side
    b: Side
    differences: tuple[Difference, ...]
    counts: dict[str, int]
    families: tuple[Family, ...]
    warnings: tuple[str, ...]
    aside: str


def compared(source: Source, a: Side, b: Side) -> Compared:
    """Raises UsageError when a run or target is not there, or both have nothing in common."""
    return source.kept(("compared", a, b), lambda: _compared(source, a, b))


def _compared(source: Source, a: Side, b: Side) -> Compared:
    runs = source.run(a.run_id), source.run(b.run_id)
    rows = source.comparison(a, b)
    shown = sorted((r for r in rows if r.better != "neither"), key=_order)
    differences = tuple(map(difference_of, shown))
    counts = {"better": 0, "worse": 0, "same": 0, "unjudged": 0}
    for one in differences:
        counts[one.verdict] += 1
    keys = {family_of(row.kind).key for row in rows}
    described = len(rows) - len(shown)
    return Compared(
        a=a,
        b=b,
        differences=differences,
        counts=counts,
        families=tuple(f for f in (*FAMILIES, OTHER) if f.key in keys),
        warnings=tuple(_warnings(*runs, rows)),
        aside=f"{described} series are descriptions, without better or worse, and are not listed."
        if described
        else "",
    )


def _order(row: ComparisonRow) -> tuple[bool, bool, float]:
    """Significant first, the largest factor first."""
    distance = abs(math.log(row.ratio)) if row.ratio > 0 and math.isfinite(row.ratio) else 0.0
    return not row.significant, bool(row.note), -distance


def _warnings(a: RunRecord, b: RunRecord, rows: Sequence[ComparisonRow]) -> list[str]:
    found = []
    if a.run_id != b.run_id:
        if a.environment.get("fingerprint") != b.environment.get("fingerprint"):
            found.append(
                "The runs are of different machines, kernels or settings: absolute times say little."
            )
        if a.plan != b.plan:
            found.append("The runs are of different plans: only the cases that both have are compared.")
        if not any(row.significant for row in rows):
            found.append(
                "Two runs do not tell apart what differs by less than some 20 %: compare targets in one run."
            )
    return found


def ratio_chart(found: Compared) -> Chart:
    """Every judged ratio with its interval on one axis, the largest differences first."""
    drawn = [d for d in found.differences if math.isfinite(d.row.ratio) and d.row.ratio > 0][:_MOST_DRAWN]
    rest = len(found.differences) - len(drawn)
    note = f"{found.b.name} over {found.a.name}, with the 95 % interval; the line at 1 is no difference."
    return {
        "id": "ratios",
        "type": "ratios",
        "title": "Ratios",
        "note": note + (f" {rest} more are in the table." if rest > 0 else ""),
        "unit": "×",
        "rows": [
            {
                "name": _name(d.row),
                "ratio": _digits(d.row.ratio),
                "low": _digits(d.row.low) if d.row.low > 0 else None,
                "high": _digits(d.row.high) if math.isfinite(d.row.high) else None,
                "verdict": d.verdict,
                "text": f"{d.ratio} ({d.interval}), {d.words}",
            }
            for d in drawn
        ],
    }


def _name(row: ComparisonRow) -> str:
    inside = parameters(row.case, row.kind)
    target = row.b.rpartition("/")[2] if "/" in row.b else ""
    rest = row.series.partition("{")[2].partition("}")[0]
    return " · ".join(filter(None, (called(row.kind, row.metric), inside, rest, target)))


def _digits(value: float) -> float:
    return float(f"{value:.4g}")


def family_charts(source: Source, a: Side, b: Side, family: str) -> list[Chart]:
    """ECDFs, latency by rate and ratios by percentile of one family, of both sides on the same axes."""
    chosen = _family(family)
    return source.kept(("compare charts", a, b, chosen.key), lambda: _family_charts(source, a, b, chosen))


def _family(key: str) -> Family:
    for family in (*FAMILIES, OTHER):
        if family.key == key:
            return family
    raise UsageError(f"no family {key!r}", remedy=f"one of: {', '.join(f.key for f in (*FAMILIES, OTHER))}")


def _family_charts(source: Source, a: Side, b: Side, family: Family) -> list[Chart]:
    sides = [_side_curves(source, side, family, several=a.run_id != b.run_id) for side in (a, b)]
    lines = tuple(line for curves in sides for line in curves.lines)
    rates = tuple(curve for curves in sides for curve in curves.rates)
    names = list(dict.fromkeys([*(line.target for line in lines), *(curve.target for curve in rates)]))
    drawn = charts(Curves(lines, rates), load(), names)
    return _identified([chart for found in drawn.values() for chart in found], "compared")


def _side_curves(source: Source, side: Side, family: Family, several: bool) -> Curves:
    """With the side's name in place of the target's."""
    which = family.key, side.target
    found = source.curves(side.run_id, which, lambda cell: _wanted(cell, family, side.target))

    def named(target: str) -> str:
        return f"{side.run_id}/{target}" if several else target

    return Curves(
        tuple(replace(line, target=named(line.target)) for line in found.lines),
        tuple(replace(curve, target=named(curve.target)) for curve in found.rates),
    )


def _wanted(cell: CellRecord, family: Family, target: str = "") -> bool:
    measured = cell.outcome in (Outcome.OK, Outcome.NOISY)
    return measured and family_of(cell.kind) is family and target in ("", cell.target)


def run_charts(source: Source, run: RunRecord, family: str) -> list[Chart]:
    """The charts of one family of one run, as the report has them."""
    chosen = _family(family)

    def make() -> list[Chart]:
        found = source.curves(run.run_id, (chosen.key, ""), lambda cell: _wanted(cell, chosen))
        targets = list(dict.fromkeys([*run.plan.get("targets", ()), *(line.target for line in found.lines)]))
        return _identified(charts(found, load(), targets).get(chosen.key, []), "")

    return source.kept(("run charts", run.run_id, chosen.key), make)


def _identified(drawn: list[Chart], prefix: str) -> list[Chart]:
    return [chart | {"id": f"{prefix}{chart['id']}"} for chart in drawn]


def chart_list(drawn: Sequence[Chart]) -> dict[str, Any]:
    return {"charts": list(drawn)}
