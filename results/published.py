"""Published figures beside what was measured here of the same event."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from results.families import Family
from results.figures import figure_of, parameters
from results.references import Reference
from results.units import scale
from vocabulary import SummaryRow


@dataclass(frozen=True, slots=True)
class Published:
    """An event as published, and as measured here: (system, value) and (case, value)."""

    event: str
    values: tuple[tuple[str, str], ...]
    measured: tuple[tuple[str, str], ...]
    where: str


def published(low: float, high: float, unit: str, family: str = "") -> str:
    """With the digits that were published, no more: ``54 µs``, ``22–37 ms``."""
    if unit == "1":
        return f"{low:g}×"
    by = scale(low, unit, family)
    numbers = dict.fromkeys((f"{low / by.size:.4g}", f"{high / by.size:.4g}"))
    return f"{'–'.join(numbers)} {by.name}"


def _like(reference: Reference, rows: Sequence[SummaryRow]) -> Iterable[SummaryRow]:
    """The figures here of the event that was published: of each metric the first case, and the last where
    the table does not grow long by it."""
    wanted = {f"{key}={value}" for key, value in reference.params.items()}
    for name in reference.charts:
        here = [
            row
            for row in rows
            if f"{row.kind}.{row.metric}" == name
            and not row.probed
            and wanted <= set(parameters(row.case, row.kind).split(", "))
        ]
        yield from here[:1]
        if len(reference.charts) < 3:
            yield from here[1:][-1:]


def published_of(
    family: Family, references: Sequence[Reference], rows: Sequence[SummaryRow]
) -> list[Published]:
    """One row an event and source, with what was measured here of the same event where it was."""
    grouped: dict[tuple[str, str], list[Reference]] = defaultdict(list)
    for reference in references:
        if reference.family == family.key:
            where = ", ".join(filter(None, (reference.source, reference.where, reference.hardware)))
            grouped[reference.event, where].append(reference)
    found = []
    for (event, where), members in grouped.items():
        values = []
        for one in members:
            value = one.words
            if one.low is not None and one.high is not None:
                value = ("about " if one.about else "") + published(one.low, one.high, one.unit, family.key)
            values.append((one.system, value))
        measured = [
            (row.case if row.target == rows[0].target else f"{row.case}, {row.target}", figure_of(row).text)
            for row in _like(members[0], rows)
        ]
        found.append(Published(event, tuple(values), tuple(measured), where))
    return found
