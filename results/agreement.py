"""Two sources on one event: what a program says of it and what a probe saw."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from results.families import family_of
from results.figures import figure_of, words
from results.units import between, scale
from vocabulary import Better, SummaryRow

USDT = "usdt_"  # a probe's figure from the program's own USDT probes: the same event seen once more


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
        share = f"{apart / mine.estimate:+.1%}".replace("-", "−").replace("%", " %") if mine.estimate else "–"
        yield Agreement(
            target=row.target,
            case=row.case,
            event=" ".join(filter(None, (mine.metric, words(mine.labels)))),
            ours=figure_of(mine).text,
            ours_source=mine.source,
            probe=f"{by.number(row.estimate, mine.estimate)} {by.name}"
            f" ({between(row.low, row.high, by, mine.estimate)})",
            probe_source=f"{row.probe}, USDT" if row.metric.startswith(USDT) else row.probe,
            difference=("+" if apart > 0 else "") + f"{by.number(apart, mine.estimate)} {by.name}",
            relative=share,
        )
