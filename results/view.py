"""What the report says, as plain rows and words: both templates show the same view."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from results.curves import PHASE, RATE, Curves
from results.families import FAMILIES, OTHER, Family, family_of, rank
from results.references import Reference
from results.spread import Spread, spread
from results.units import between, duration, quantity, ratio, scale
from vocabulary import Better, CellRecord, ComparisonRow, Outcome, RunRecord, SummaryRow

USDT = "usdt_"  # a probe's figure from the program's own USDT probes: the same event seen once more


@dataclass(frozen=True, slots=True)
class Figure:
    """One target's estimate with its interval, for people."""

    estimate: str
    interval: str
    unit: str
    p05: str
    p95: str
    p99: str
    deployments: int
    count: str
    spread: Spread | None

    @property
    def text(self) -> str:
        return f"{self.estimate} {self.unit} ({self.interval})".replace("  ", " ")


@dataclass(frozen=True, slots=True)
class Against:
    """The ratio of one target to the first, with interval and verdict."""

    target: str
    ratio: str
    interval: str
    verdict: str  # better, worse, same or unjudged
    note: str


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
    figures: tuple[tuple[str, Figure], ...]  # (target, its figure)


@dataclass(frozen=True, slots=True)
class Published:
    """An event as published, and as measured here: (system, value) and (case, value)."""

    event: str
    values: tuple[tuple[str, str], ...]
    measured: tuple[tuple[str, str], ...]
    where: str


@dataclass(frozen=True, slots=True)
class Section:
    family: Family
    headlines: tuple[Headline, ...]
    tables: tuple[Table, ...]
    described: tuple[Table, ...]  # what is not judged: counts, overheads of the clock
    references: tuple[Published, ...]
    outcomes: Mapping[str, int]


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


@dataclass(frozen=True, slots=True)
class View:
    run: RunRecord
    facts: tuple[tuple[str, str], ...]
    targets: tuple[str, ...]
    outcomes: Mapping[str, int]
    sections: tuple[Section, ...]
    comparisons: tuple[Difference, ...]
    agreements: tuple[Agreement, ...]
    overheads: tuple[Difference, ...]
    not_ok: tuple[CellRecord, ...]
    environment: tuple[tuple[str, str], ...]
    curves: Curves = field(default_factory=Curves)


def view(
    run: RunRecord,
    cells: Sequence[CellRecord],
    summary: Sequence[SummaryRow],
    comparisons: Sequence[ComparisonRow],
    overheads: Sequence[ComparisonRow],
    curves: Curves,
    references: Sequence[Reference],
    environment: Sequence[tuple[str, str]] | None,
) -> View:
    targets = _targets(run, cells)
    return View(
        run=run,
        facts=_facts(run, cells),
        targets=targets,
        outcomes=_outcomes(cells),
        sections=_sections(cells, summary, comparisons, references, targets),
        comparisons=tuple(_difference(row) for row in comparisons),
        agreements=tuple(_agreements(summary)),
        overheads=tuple(_difference(row) for row in overheads),
        not_ok=tuple(cell for cell in cells if cell.outcome is not Outcome.OK),
        environment=tuple(environment or _flat(run.environment)),
        curves=curves,
    )


def when(seconds: float | None) -> str:
    if seconds is None:
        return "not yet"
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return f"{seconds} s"


def _targets(run: RunRecord, cells: Sequence[CellRecord]) -> tuple[str, ...]:
    """In the order of the plan: the first is the baseline."""
    planned = run.plan.get("targets")
    order = [str(name) for name in planned] if isinstance(planned, (list, tuple)) else []
    return tuple(dict.fromkeys([*order, *sorted({cell.target for cell in cells})]))


def _outcomes(cells: Iterable[CellRecord]) -> dict[str, int]:
    counted = Counter(str(cell.outcome) for cell in cells)
    return {str(outcome): counted[str(outcome)] for outcome in Outcome if counted[str(outcome)]}


def _facts(run: RunRecord, cells: Sequence[CellRecord]) -> tuple[tuple[str, str], ...]:
    environment = run.environment
    busy = sum(cell.duration_s for cell in cells)
    lasted = duration(run.finished_s - run.started_s) if run.finished_s else "unknown"
    planned = f" of {run.cells_planned} planned" if run.cells_planned else ""
    processors = environment.get("cpus")
    memory = environment.get("memory_bytes")
    machine = [
        environment.get("cpu_model"),
        f"{processors} CPUs" if processors else None,
        quantity(float(memory), "bytes") + " memory" if isinstance(memory, (int, float)) else None,
        environment.get("virtualisation") if environment.get("virtualisation") != "none" else None,
    ]
    system = [environment.get("distribution"), environment.get("kernel")]
    blocks = {cell.block for cell in cells if cell.block >= 0}
    return (
        ("Machine", ", ".join(str(part) for part in machine if part) or "not recorded"),
        ("System", ", ".join(str(part) for part in system if part) or "not recorded"),
        ("Plan", f"{run.plan_name}, seed {run.seed}, {len(blocks)} blocks"),
        ("Started", when(run.started_s)),
        ("Took", f"{lasted} ({duration(busy)} inside cells)"),
        ("State", f"{run.state}, {len(cells)} cells{planned}"),
        ("Commit", run.commit or "not recorded"),
    )


def _flat(environment: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    rows = []
    for key, value in environment.items():
        name = f"{before}{key}".replace("_", " ")
        if isinstance(value, Mapping):
            rows += _flat(value, f"{name}: ")
        else:
            text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
            rows.append((name, "unknown" if value is None else text or "none"))
    return rows


# figures


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


def _figure(row: SummaryRow) -> Figure:
    by = scale(row.estimate, row.unit, family_of(row.kind).key)
    return Figure(
        estimate=by.number(row.estimate),
        interval=between(row.low, row.high, by, row.estimate),
        unit=by.name,
        p05=by.number(row.p05, row.estimate),
        p95=by.number(row.p95, row.estimate),
        p99=by.number(row.p99),
        deployments=row.deployments,
        count=f"{row.count:,}".replace(",", "\u202f"),
        spread=spread(row),
    )


def _verdict(row: ComparisonRow) -> str:
    if row.note:
        return "unjudged"
    if not row.significant or row.better == Better.NEITHER:
        return "same"
    return "better" if (row.ratio < 1) == (row.better == Better.LOWER) else "worse"


def _against(row: ComparisonRow | None) -> Against | None:
    if row is None:
        return None
    return Against(row.b, ratio(row.ratio), f"{ratio(row.low)}–{ratio(row.high)}", _verdict(row), row.note)


def _difference(row: ComparisonRow) -> Difference:
    family = family_of(row.kind).key
    by = scale(row.estimate_a, row.unit, family)
    p = "–" if row.p_adjusted != row.p_adjusted else f"{row.p_adjusted:.2g}"
    return Difference(
        row=row,
        what=row.series,
        a=by.text(row.estimate_a),
        b=f"{by.number(row.estimate_b, row.estimate_a)} {by.name}".rstrip(),
        ratio=ratio(row.ratio),
        interval=f"{ratio(row.low)}–{ratio(row.high)}",
        p=p,
        verdict=_verdict(row),
    )


def _shown(row: SummaryRow) -> bool:
    """Plain figures, and what only a probe measures."""
    return not row.probed or bool(row.probe)


def _sections(
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
        {(row.case, row.series, row.b): row for row in comparisons if row.a == targets[:1][0]}
        if targets
        else {}
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
                headlines=tuple(_headlines(family, rows[family.key])),
                tables=tuple(table for table in tables if table.judged),
                described=tuple(table for table in tables if not table.judged),
                references=tuple(_published(family, references, rows[family.key])),
                outcomes=_outcomes(here),
            )
        )
    return tuple(sections)


def _tables(
    rows: Sequence[SummaryRow], ratios: Mapping[tuple[str, str, str], ComparisonRow], targets: tuple[str, ...]
) -> list[Table]:
    grouped: dict[tuple[str, bool], list[SummaryRow]] = defaultdict(list)
    for row in rows:
        grouped[row.kind, row.better != Better.NEITHER].append(row)
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
                    figures=tuple(_figure(found[t]) if t in found else None for t in targets),
                    against=tuple(_against(ratios.get((case, series, t))) for t in targets[1:]),
                )
            )
        caption = (
            f"{kind}: median over deployments with its 95 % interval"
            if judged
            else f"{kind}: described, not judged"
        )
        tables.append(Table(kind, caption, tuple(made), judged))
    return tables


def _place(row: SummaryRow, metrics: Sequence[str]) -> tuple[int, int, int]:
    """Headline metrics first, rows of one metric together, the program's own before a probe's."""
    return rank(row.kind, row.metric), metrics.index(row.metric), int(bool(row.probe))


_MOST_HEADLINES = 8


def _headlines(family: Family, rows: Sequence[SummaryRow]) -> Iterable[Headline]:
    """The family's headline metrics: of the first its first and last case, of the others the first."""
    plain = [row for row in rows if not row.probe and row.better != Better.NEITHER]
    chosen: dict[tuple[str, str], None] = {}
    for kind, metric in family.headlines:
        found = [(row.case, row.series) for row in plain if (row.kind, row.metric) == (kind, metric)]
        chosen |= dict.fromkeys(found[:1] if chosen else [*found[:1], *found[-1:]])
    if not chosen:
        chosen = dict.fromkeys((row.case, row.series) for row in plain)
    for case, series in list(chosen)[:_MOST_HEADLINES]:
        members = [row for row in plain if (row.case, row.series) == (case, series)]
        one = members[0]
        what = " ".join(filter(None, (one.kind, one.metric.replace("_", " "), words(one.labels))))
        figures = tuple((row.target, _figure(row)) for row in members)
        yield Headline(what, parameters(case, one.kind), figures)


def published(low: float, high: float, unit: str, family: str = "") -> str:
    """With the digits that were published, no more: ``54 µs``, ``22–37 ms``."""
    if unit == "1":
        return f"{low:g}×"
    by = scale(low, unit, family)
    numbers = dict.fromkeys((f"{low / by.size:.4g}", f"{high / by.size:.4g}"))
    return f"{'–'.join(numbers)} {by.name}"


def _published(
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
            (row.case if row.target == rows[0].target else f"{row.case}, {row.target}", _figure(row).text)
            for row in _like(members[0], rows)
        ]
        found.append(Published(event, tuple(values), tuple(measured), where))
    return found


def _agreements(summary: Sequence[SummaryRow]) -> Iterable[Agreement]:
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
            ours=_figure(mine).text,
            ours_source=mine.source,
            probe=f"{by.number(row.estimate, mine.estimate)} {by.name}"
            f" ({between(row.low, row.high, by, mine.estimate)})",
            probe_source=f"{row.probe}, USDT" if row.metric.startswith(USDT) else row.probe,
            difference=("+" if apart > 0 else "") + f"{by.number(apart, mine.estimate)} {by.name}",
            relative=share,
        )
