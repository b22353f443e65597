"""What probes cost, and how far two sources of one event differ: both within the cells of one block."""

from collections.abc import Sequence

import numpy as np

from bench.statistics.comparison import Match, pair_up, ratio_of
from bench.statistics.inference import paired
from bench.statistics.replicates import Cells, Replicate, gather
from vocabulary import OverheadRow, Source, SourceRow


def overheads(cells: Cells) -> list[OverheadRow]:
    """One row a (target, case, probes, series) for what the case measured itself (whatever is not a probe's
    figure), in cells with those probes against plain cells of the same block; paired as in ``compare``."""
    plain: dict[tuple[str, str, str], list[Replicate]] = {}
    probed: dict[tuple[str, str, tuple[str, ...], str], list[Replicate]] = {}
    for r in gather(cells):
        if r.source is Source.PROBE:
            continue
        if r.probes:
            probed.setdefault((r.target, r.case, r.probes, r.series), []).append(r)
        else:
            plain.setdefault((r.target, r.case, r.series), []).append(r)
    rows = []
    for (target, case, probes, series), group in probed.items():
        match = pair_up(plain.get((target, case, series), []), group)
        if match is None:
            continue
        found = ratio_of(match, paired)
        ratio, low, high = found.bounds()
        first = group[0]
        rows.append(
            OverheadRow(
                target=target,
                case=case,
                kind=first.kind,
                probes=probes,
                series=series,
                metric=first.metric.name,
                unit=first.metric.unit,
                better=str(first.metric.better),
                plain=found.estimate_a,
                probed=found.estimate_b,
                ratio=ratio,
                low=low,
                high=high,
                pairs=len(match.a),
                note=_note(match),
            )
        )
    return rows


def source_differences(cells: Cells) -> list[SourceRow]:
    """One row for each pair of series of the same metric, labels and unit that a probe and another source
    measured in the same cells: what the probe saw less what the program said, by deployment."""
    events: dict[tuple[object, ...], dict[bool, dict[str, list[Replicate]]]] = {}
    for r in gather(cells):
        labels = tuple(sorted(r.labels.items()))
        event = events.setdefault((r.target, r.case, r.probes, r.metric.name, r.metric.unit, labels), {})
        event.setdefault(r.source is Source.PROBE, {}).setdefault(r.series, []).append(r)
    rows = (
        _difference(own, seen)
        for event in events.values()
        for own in event.get(False, {}).values()
        for seen in event.get(True, {}).values()
    )
    return [row for row in rows if row is not None]


def _difference(a: Sequence[Replicate], b: Sequence[Replicate]) -> SourceRow | None:
    match = pair_up(a, b)
    if match is None:
        return None
    medians_a = np.array([r.median for r in match.a])
    medians_b = np.array([r.median for r in match.b])
    contrast = paired(medians_a, medians_b)
    low, high = contrast.interval()
    first = match.a[0]
    return SourceRow(
        target=first.target,
        case=first.case,
        kind=first.kind,
        metric=first.metric.name,
        labels=dict(first.labels),
        unit=first.metric.unit,
        series_a=first.series,
        series_b=match.b[0].series,
        estimate_a=float(np.median(medians_a)),
        estimate_b=float(np.median(medians_b)),
        difference=contrast.mean,
        low=low,
        high=high,
        pairs=len(match.a),
        note=_note(match),
    )


def _note(match: Match) -> str:
    notes = ["noisy cells only"] if match.noisy else []
    if len(match.a) < 2:
        notes.append("one block: no interval")
    return "; ".join(notes)
