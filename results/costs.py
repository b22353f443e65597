"""What probes cost, in words: the same case with them on against off."""

import math
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from results.curves import RATE
from results.figures import LEAST, difference_of, parameters, words
from vocabulary import Better, ComparisonRow, OverheadRow

_SERIES = re.compile(r"(?P<metric>[^{@]+)(?:\{(?P<labels>.*)\})?@(?P<source>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Cost:
    """One series. ``told`` says what the ratio means; ``verdict`` is worse, better, same or unjudged."""

    what: str
    off: str
    on: str
    ratio: str
    interval: str
    told: str
    verdict: str
    pairs: int


@dataclass(frozen=True, slots=True)
class Costs:
    """Of one case with one set of probes."""

    kind: str
    parameters: str
    target: str
    probes: str
    costs: tuple[Cost, ...]


def costs_of(rows: Iterable[ComparisonRow]) -> tuple[Costs, ...]:
    """From rows whose ``a`` is the plain case and ``b`` names the probes; what has no better is left out."""
    grouped: dict[tuple[str, str, str, str], list[Cost]] = defaultdict(list)
    for row in rows:
        if row.better != Better.NEITHER and row.estimate_a:
            probes = row.b.removeprefix(row.a).strip(" +").replace("+", ", ")
            grouped[row.kind, row.case, row.a, probes].append(_cost(row))
    return tuple(
        Costs(kind, parameters(case, kind), target, probes, tuple(costs))
        for (kind, case, target, probes), costs in grouped.items()
    )


def _cost(row: ComparisonRow) -> Cost:
    shown = difference_of(row)
    verdict = _verdict(row)
    known = verdict != "unjudged"
    told = {"unjudged": "", "same": "within the noise"}.get(verdict, _change(row, verdict))
    return Cost(
        what=series_words(row.series),
        off=shown.a,
        on=shown.b,
        ratio=shown.ratio if known else "too few pairs",
        interval=shown.interval if known else "",
        told=", ".join(filter(None, (told, row.note))),
        verdict=verdict,
        pairs=row.pairs,
    )


def _verdict(row: ComparisonRow) -> str:
    if row.pairs < LEAST or not all(map(math.isfinite, (row.ratio, row.low, row.high))):
        return "unjudged"
    if row.low <= 1 <= row.high:
        return "same"
    return "worse" if (row.ratio > 1) == (row.better == Better.LOWER) else "better"


def _change(row: ComparisonRow, verdict: str) -> str:
    """``costs: 22 % more``, ``no cost: 4 % less``."""
    share = abs(row.ratio - 1) * 100
    size = f"{row.ratio:.3g} times as much" if row.ratio >= 2 else f"{share:.2g} %"
    way = "" if row.ratio >= 2 else " more" if row.ratio > 1 else " less"
    return f"{'costs' if verdict == 'worse' else 'no cost'}: {size}{way}"


def series_words(series: str) -> str:
    """``latency{rate_per_s=10000}@generator`` as ``latency at 10 000/s (generator)``."""
    found = _SERIES.fullmatch(series)
    if not found:
        return series
    labels: dict[str, str | float] = {}
    for pair in (found["labels"] or "").split(","):
        key, _, value = pair.partition("=")
        if key:
            labels[key] = float(value) if key == RATE and value.replace(".", "", 1).isdigit() else value
    source = "" if found["source"] == "program" else f"({found['source']})"
    return " ".join(filter(None, (found["metric"], words(labels), source)))


def as_comparison(row: OverheadRow) -> ComparisonRow:
    """Probed against plain as any b against a; an overhead is not tested."""
    return ComparisonRow(
        **{name: getattr(row, name) for name in ("case", "kind", "series", "metric", "unit", "better")},
        **{name: getattr(row, name) for name in ("ratio", "low", "high", "pairs", "note")},
        a=row.target,
        b=f"{row.target} +{'+'.join(row.probes)}",
        estimate_a=row.plain,
        estimate_b=row.probed,
        p_value=math.nan,
        p_adjusted=math.nan,
        effect_size=math.nan,
        significant=False,
    )
