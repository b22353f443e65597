"""Published figures beside what was measured here of the same event."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from results.families import Family
from results.figures import figure_of, parameters, words
from results.references import Reference
from results.units import scale
from vocabulary import SummaryRow, commit_in


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
    wanted = _texts(reference.params)
    labels = _texts(reference.labels)
    for name in reference.charts:
        here = [
            row
            for row in rows
            if f"{row.kind}.{row.metric}" == name
            and not row.probed
            and not commit_in(row.target)
            and wanted.items() <= _ours(reference, row).items()
            and labels.items() <= _texts(row.labels).items()
        ]
        yield from here[:1]
        if len(reference.charts) < 3:
            yield from here[1:][-1:]


def _texts(mapping: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in mapping.items()}


def _ours(reference: Reference, row: SummaryRow) -> dict[str, str]:
    """The parameters of the case, and those that ``reference.here`` says it has by default."""
    said = (pair.partition("=") for pair in parameters(row.case, row.kind).split(", ") if pair)
    return _texts(reference.here) | {key: value for key, _, value in said}


def at_conditions(conditions: Mapping[str, Any]) -> str:
    """``at pipeline 16, connections 30``; empty where nothing is said."""
    return f"at {words(conditions)}" if conditions else ""


def _measured(reference: Reference, row: SummaryRow, first_target: str) -> tuple[str, str]:
    ours = _ours(reference, row)
    at = at_conditions({key: ours[key] for key in reference.conditions if key in ours})
    target = row.target if row.target != first_target else ""
    return ", ".join(filter(None, (row.case, words(row.labels), at, target))), figure_of(row).text


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
            values.append((", ".join(filter(None, (one.system, at_conditions(one.conditions)))), value))
        measured = [_measured(members[0], row, rows[0].target) for row in _like(members[0], rows)]
        found.append(Published(event, tuple(values), tuple(measured), where))
    return found
