"""Two sources on one event: what a program says of it and what a probe saw."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from results.families import family_of
from results.figures import figure_of, words
from results.legend import AT_MONITOR_NOTE
from results.units import between, scale
from vocabulary import Better, SourceRow, SummaryRow

AT_MONITOR = "/monitor"  # ends the name of a probe that sees the part of an event that is the monitor's
USDT = "usdt_"  # a probe's figure from the program's own USDT probes: the same event seen once more


def agreement_note(found: Iterable["Agreement"]) -> str:
    """What is to be known of these, empty for nothing."""
    return AT_MONITOR_NOTE if any(AT_MONITOR in one.probe_source for one in found) else ""


@dataclass(frozen=True, slots=True)
class Agreement:
    """One event by two sources, in the same cells."""

    target: str
    case: str
    event: str
    ours: str
    ours_source: str
    probe: str
    probe_source: str
    difference: str
    relative: str


def agreement_of(row: SourceRow) -> Agreement:
    """As ``bench.statistics`` found it cell by cell: the difference has an interval of its own."""
    by = scale(row.estimate_a, row.unit, family_of(row.kind).key)
    probe = row.series_b.rpartition("@")[2].removeprefix("probe:")
    share = row.difference / row.estimate_a if row.estimate_a else math.nan
    return Agreement(
        target=row.target,
        case=row.case,
        event=" ".join(filter(None, (row.metric, words(row.labels)))),
        ours=by.text(row.estimate_a),
        ours_source=row.series_a.rpartition("@")[2],
        probe=f"{by.number(row.estimate_b, row.estimate_a)} {by.name}",
        probe_source=f"{probe}, USDT" if row.series_b.startswith(USDT) else probe,
        difference=_difference(row.difference, row.unit, row.low, row.high),
        relative=_share(share) + (f", {row.note}" if row.note else ""),
    )


def _difference(value: float, unit: str, low: float = math.nan, high: float = math.nan) -> str:
    """With its sign, in the unit that fits it."""
    by = scale(value, unit)
    text = ("+" if value > 0 else "") + by.text(value)
    return f"{text} ({between(low, high, by, value)})" if math.isfinite(high - low) else text


def _share(share: float) -> str:
    return f"{share:+.1%}".replace("-", "−").replace("%", " %") if math.isfinite(share) else "–"


def agreements(summary: Sequence[SummaryRow]) -> Iterable[Agreement]:
    """Figures of one event by a probe and by another source in the same probed cells: the metric's name and
    labels are the same, or the probe's has ``usdt_`` before it."""
    ours: dict[tuple[object, ...], SummaryRow] = {}
    for row in summary:
        if row.probed and not row.probe:
            ours.setdefault((row.target, row.case, row.metric, words(row.labels)), row)
    for row in summary:
        if not row.probe or row.better == Better.NEITHER:
            continue
        mine = ours.get((row.target, row.case, row.metric.removeprefix(USDT), words(row.labels)))
        if mine is None or mine.unit != row.unit:
            continue
        by = scale(mine.estimate, mine.unit, family_of(row.kind).key)
        apart = row.estimate - mine.estimate
        yield Agreement(
            target=row.target,
            case=row.case,
            event=" ".join(filter(None, (mine.metric, words(mine.labels)))),
            ours=figure_of(mine).text,
            ours_source=mine.source,
            probe=f"{by.number(row.estimate, mine.estimate)} {by.name}"
            f" ({between(row.low, row.high, by, mine.estimate)})",
            probe_source=f"{row.probe}, USDT" if row.metric.startswith(USDT) else row.probe,
            difference=_difference(apart, mine.unit),
            relative=_share(apart / mine.estimate if mine.estimate else math.nan),
        )
