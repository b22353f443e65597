"""Figures and comparisons in words: the estimate with its interval, the ratio with its verdict."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from results.curves import PHASE, RATE
from results.families import family_of
from results.spread import Spread, spread
from results.units import between, ratio, ratio_between, scale
from vocabulary import Better, Clock, ComparisonRow, SummaryRow


@dataclass(frozen=True, slots=True)
class Figure:
    """One target's estimate with its interval, for people."""

    estimate: str
    interval: str
    known: bool  # whether there is an interval
    unit: str
    p05: str
    p95: str
    p99: str
    deployments: int
    count: str
    spread: Spread | None
    clock: str  # where it is not a wall clock beside a real machine

    @property
    def text(self) -> str:
        clock = f", {self.clock}" if self.clock else ""
        return f"{self.estimate} {self.unit}".rstrip() + f" ({self.interval}{clock})"

    @property
    def interval_with_unit(self) -> str:
        return f"{self.interval} {self.unit}".rstrip() if self.known else self.interval


@dataclass(frozen=True, slots=True)
class Against:
    """The ratio of one target to the first, with interval and verdict."""

    target: str
    ratio: str
    interval: str
    verdict: str  # better, worse, same or unjudged
    note: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A comparison for people."""

    row: ComparisonRow
    what: str
    a: str
    b: str
    ratio: str
    interval: str
    p: str
    verdict: str

    @property
    def words(self) -> str:
        told = {"same": "no difference found", "unjudged": "not judged"}
        return told.get(self.verdict, self.verdict)


def words(mapping: Mapping[str, Any]) -> str:
    """Labels for people: ``during, at 20 000/s, tool wrk``."""

    def one(key: str, value: Any) -> str:
        if key == RATE and isinstance(value, (int, float)):
            return f"at {value:,.10g}/s".replace(",", "\u202f")
        return str(value) if key == PHASE else f"{key} {value}"

    return ", ".join(one(key, value) for key, value in mapping.items())


def parameters(case: str, kind: str) -> str:
    """The parameters inside a case's id: ``dirty_mib=16, pages=default``."""
    inside = case.removeprefix(kind)
    return inside[1:-1].replace(",", ", ") if inside.startswith("[") else inside


CLOCKS = {Clock.ICOUNT: "instructions counted", Clock.EMULATED: "emulated machine: indicative"}
LEAST = 3  # deployments or pairs for an interval worth showing: of two, Student's t makes one of decades


def figure_of(row: SummaryRow) -> Figure:
    by = scale(row.estimate, row.unit, family_of(row.kind).key)
    known = math.isfinite(row.high - row.low)
    few = not known and row.deployments < LEAST
    return Figure(
        estimate=by.number(row.estimate),
        interval="too few deployments" if few else between(row.low, row.high, by, row.estimate),
        known=known,
        unit=by.name,
        p05=by.number(row.p05, row.estimate),
        p95=by.number(row.p95, row.estimate),
        p99=by.number(row.p99),
        deployments=row.deployments,
        count=f"{row.count:,}".replace(",", "\u202f"),
        spread=spread(row),
        clock=CLOCKS.get(Clock(row.clock), ""),
    )


def _verdict(row: ComparisonRow) -> str:
    if row.note or math.isnan(row.p_adjusted):
        return "unjudged"
    if not row.significant or row.better == Better.NEITHER:
        return "same"
    return "better" if (row.ratio < 1) == (row.better == Better.LOWER) else "worse"


def against_of(row: ComparisonRow | None) -> Against | None:
    if row is None:
        return None
    return Against(row.b, ratio(row.ratio), interval_of(row), _verdict(row), row.note)


def interval_of(row: ComparisonRow) -> str:
    """Of the ratio, or why there is none."""
    if math.isnan(row.ratio):
        return "different clocks"
    if row.pairs < LEAST or not math.isfinite(row.high - row.low):
        return "too few pairs"
    return ratio_between(row.low, row.high)


def difference_of(row: ComparisonRow) -> Difference:
    family = family_of(row.kind).key
    by = scale(row.estimate_a, row.unit, family)
    # the second in the unit of the first, unless it would lose its digits there
    alike = 0.1 <= row.estimate_b / row.estimate_a <= 10 if row.estimate_a else row.estimate_b == 0
    p = "–" if math.isnan(row.p_adjusted) or math.isnan(row.ratio) else f"{row.p_adjusted:.2g}"
    alone = math.isnan(row.ratio)
    return Difference(
        row=row,
        what=row.series,
        a=by.text(row.estimate_a),
        b=scale(row.estimate_b, row.unit_b, family).text(row.estimate_b)
        if alone or not alike
        else f"{by.number(row.estimate_b, row.estimate_a)} {by.name}".rstrip(),
        ratio=ratio(row.ratio),
        interval=interval_of(row),
        p=p,
        verdict=_verdict(row),
    )
