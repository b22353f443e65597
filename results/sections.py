"""The report's sections: of each family its headlines, tables and published figures."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from results.families import FAMILIES, OTHER, Family, called, family_of, rank
from results.figures import Against, Figure, against_of, figure_of, parameters, words
from results.published import Published, published_of
from results.references import Reference
from vocabulary import Better, CellRecord, ComparisonRow, Outcome, SummaryRow


@dataclass(frozen=True, slots=True)
class Row:
    case: str
    parameters: str
    metric: str
    labels: str
    source: str
    figures: tuple[Figure | None, ...]  # one a target, in the order of ``View.targets``
    against: tuple[Against | None, ...]  # one for each further target


@dataclass(frozen=True, slots=True)
class Table:
    kind: str
    caption: str
    rows: tuple[Row, ...]
    judged: bool


@dataclass(frozen=True, slots=True)
class Headline:
    what: str
    detail: str
    figures: tuple[tuple[str, Figure, Against | None], ...]  # (target, its figure, its ratio to the first)


@dataclass(frozen=True, slots=True)
class Section:
    family: Family
    headlines: tuple[Headline, ...]
    tables: tuple[Table, ...]
    described: tuple[Table, ...]  # what is not judged: counts, overheads of the clock
    references: tuple[Published, ...]
    outcomes: Mapping[str, int]


def outcomes_of(cells: Iterable[CellRecord]) -> dict[str, int]:
    counted = Counter(str(cell.outcome) for cell in cells)
    return {str(outcome): counted[str(outcome)] for outcome in Outcome if counted[str(outcome)]}


def _shown(row: SummaryRow) -> bool:
    """Plain figures, and what only a probe measures."""
    return not row.probed or bool(row.probe)


def sections_of(
    cells: Sequence[CellRecord],
    summary: Sequence[SummaryRow],
    comparisons: Sequence[ComparisonRow],
    references: Sequence[Reference],
    targets: tuple[str, ...],
) -> tuple[Section, ...]:
    rows: dict[str, list[SummaryRow]] = defaultdict(list)
    for row in summary:
        if _shown(row):
            rows[family_of(row.kind).key].append(row)
    ratios = (
        {(row.case, row.series, row.b): row for row in comparisons if row.a == targets[0]} if targets else {}
    )
    sections = []
    for family in (*FAMILIES, OTHER):
        here = [cell for cell in cells if family_of(cell.kind) is family]
        if not here and not rows[family.key]:
            continue
        tables = _tables(rows[family.key], ratios, targets)
        sections.append(
            Section(
                family=family,
                headlines=tuple(_headlines(family, rows[family.key], ratios)),
                tables=tuple(table for table in tables if table.judged),
                described=tuple(table for table in tables if not table.judged),
                references=tuple(published_of(family, references, rows[family.key])),
                outcomes=outcomes_of(here),
            )
        )
    return tuple(sections)


def _tables(
    rows: Sequence[SummaryRow], ratios: Mapping[tuple[str, str, str], ComparisonRow], targets: tuple[str, ...]
) -> list[Table]:
    grouped: dict[tuple[str, bool], list[SummaryRow]] = defaultdict(list)
    for row in rows:
        grouped[row.kind, _judged(row)].append(row)
    tables = []
    for (kind, judged), members in grouped.items():
        by_series: dict[tuple[str, str], dict[str, SummaryRow]] = defaultdict(dict)
        for row in members:
            by_series[row.case, row.series][row.target] = row
        made = []
        metrics = list(dict.fromkeys(row.metric for row in members))
        order = sorted(by_series.items(), key=lambda item: _place(next(iter(item[1].values())), metrics))
        for (case, series), found in order:
            one = next(iter(found.values()))
            made.append(
                Row(
                    case=case,
                    parameters=parameters(case, kind),
                    metric=one.metric,
                    labels=words(one.labels),
                    source=f"{one.source} {one.probe}".strip(),
                    figures=tuple(figure_of(found[t]) if t in found else None for t in targets),
                    against=tuple(against_of(ratios.get((case, series, t))) for t in targets[1:]),
                )
            )
        caption = (
            f"{kind}: median over deployments with its 95 % interval"
            if judged
            else f"{kind}: described, not judged"
        )
        tables.append(Table(kind, caption, tuple(made), judged))
    return tables


def _judged(row: SummaryRow) -> bool:
    """Errors that did not happen are told with what is not judged."""
    return row.better != Better.NEITHER and not (row.unit == "1" and row.maximum == 0)


def _place(row: SummaryRow, metrics: Sequence[str]) -> tuple[int, int, int]:
    """Headline metrics first, rows of one metric together, the program's own before a probe's."""
    return rank(row.kind, row.metric), metrics.index(row.metric), int(bool(row.probe))


_MOST_HEADLINES = 8


def _headlines(
    family: Family, rows: Sequence[SummaryRow], ratios: Mapping[tuple[str, str, str], ComparisonRow]
) -> Iterable[Headline]:
    """The family's headline metrics: of the first its first and last case, of the others the first."""
    plain = [row for row in rows if not row.probe and _judged(row)]
    chosen: dict[tuple[str, str], None] = {}
    for kind, metric in family.headlines:
        found = [(row.case, row.series) for row in plain if (row.kind, row.metric) == (kind, metric)]
        chosen |= dict.fromkeys(found[:1] if chosen else [*found[:1], *found[-1:]])
    if not chosen:
        chosen = dict.fromkeys((row.case, row.series) for row in plain)
    for case, series in list(chosen)[:_MOST_HEADLINES]:
        members = [row for row in plain if (row.case, row.series) == (case, series)]
        one = members[0]
        detail = ", ".join(filter(None, (parameters(case, one.kind), words(one.labels))))
        figures = tuple(
            (row.target, figure_of(row), against_of(ratios.get((case, series, row.target))))
            for row in members
        )
        yield Headline(called(one.kind, one.metric), detail, figures)
