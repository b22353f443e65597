"""What ``bench`` judged of a run, kept beside it: figures, ratios, and rows that only their run's page shows.

Statistics are not made here. Series (one metric of one case on one target) have a table of their own, and the
rows of one series lie together, so that a trend over all runs is one read."""

import hashlib
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Double,
    ForeignKey,
    Integer,
    RowMapping,
    String,
    Table,
    delete,
    insert,
    select,
    update,
)

from results.store import Store
from results.tables import METADATA, RUNS, FreeText, to_json
from vocabulary import ComparisonRow, OverheadRow, SourceRow, SummaryRow

Deployed = tuple[int, float, bool, int | None]
"""One deployment's figure: block, median in the series' unit, whether its cell was noisy, and the tick (the
resolution of whole-numbered samples)."""

Row = TypeVar("Row", OverheadRow, SourceRow, ComparisonRow)
_IDENTITY = ("target", "case_id", "kind", "series", "metric", "source", "probe")

SERIES = Table(
    "series",
    METADATA,
    Column("series_id", Integer, primary_key=True),
    Column("identity", String(64), nullable=False, unique=True),
    *(Column(name, FreeText, nullable=False) for name in _IDENTITY),
    Column("labels", JSON, nullable=False),
    Column("probed", Boolean, nullable=False),
    *(Column(name, String(32), nullable=False) for name in ("unit", "clock", "better")),
)


def _series_and_run() -> tuple[Column[Any], Column[Any]]:
    return (
        Column("series_id", ForeignKey("series.series_id"), primary_key=True, autoincrement=False),
        Column("run_id", ForeignKey("runs.run_id", ondelete="CASCADE"), primary_key=True),
    )


_FIGURES = ("estimate", "low", "high", "p05", "p25", "p75", "p95", "p99", "minimum", "maximum")
_RATIOS = ("estimate_a", "estimate_b", "ratio", "low", "high", "p_value", "p_adjusted", "effect_size")

FIGURES = Table(
    "figures",
    METADATA,
    *_series_and_run(),
    Column("place", Integer, nullable=False),  # in the run's own order
    Column("deployments", Integer, nullable=False),
    Column("count", BigInteger, nullable=False),
    *(Column(name, Double) for name in _FIGURES),  # null for NaN
    Column("note", FreeText, nullable=False),
    Column("replicates", JSON, nullable=False),  # a list of Deployed
)

RATIOS = Table(
    "ratios",
    METADATA,
    *_series_and_run(),  # the series is b's
    Column("against", FreeText, primary_key=True),  # the target a
    Column("place", Integer, nullable=False),
    *(Column(name, Double) for name in _RATIOS),
    Column("pairs", Integer, nullable=False),
    Column("significant", Boolean, nullable=False),
    *(Column(name, FreeText, nullable=False) for name in ("note", "clock_a", "clock_b", "unit_b")),
)

JUDGEMENTS = Table(
    "judgements",
    METADATA,
    Column("run_id", ForeignKey("runs.run_id", ondelete="CASCADE"), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("rows", JSON, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A run's figures as ``bench`` judged them. ``replicates`` has the deployments of each row of
    ``summary``, in its order. ``comparisons`` are of the run's first target with each other one; ``changes``
    of the run ``before`` (the last one of this plan on this machine) with this one."""

    summary: Sequence[SummaryRow] = ()
    replicates: Sequence[Sequence[Deployed]] = ()
    comparisons: Sequence[ComparisonRow] = ()
    overheads: Sequence[OverheadRow] = ()
    sources: Sequence[SourceRow] = ()
    environment: Sequence[tuple[str, str]] = ()
    before: str = ""
    changes: Sequence[ComparisonRow] = ()


# writing


def keep(store: Store, run_id: str, judgement: Judgement) -> None:
    """Replace what is kept of a run's judgement, all of it or nothing. Raises StoreError."""
    with store.writing(f"the figures of run {run_id} were not kept") as connection:
        for table in (FIGURES, RATIOS, JUDGEMENTS):
            connection.execute(delete(table).where(table.c.run_id == run_id))
        ids = _series_ids(connection, [_series_of(row) for row in judgement.summary])
        figures = [
            _figure_row(run_id, ids[place], place, row, deployed)
            for place, (row, deployed) in enumerate(zip(judgement.summary, judgement.replicates, strict=True))
        ]
        if figures:
            connection.execute(insert(FIGURES), figures)
        ratios = _ratio_rows(connection, run_id, judgement)
        if ratios:
            connection.execute(insert(RATIOS), ratios)
        rest = {
            "overheads": [_plain(row) for row in judgement.overheads],
            "sources": [_plain(row) for row in judgement.sources],
            "environment": [list(pair) for pair in judgement.environment],
            "changes": [_plain(row) for row in judgement.changes],
            "before": [judgement.before] if judgement.before else [],
        }
        connection.execute(
            insert(JUDGEMENTS),
            [{"run_id": run_id, "kind": kind, "rows": rows} for kind, rows in rest.items()],
        )
        connection.execute(update(RUNS).where(RUNS.c.run_id == run_id).values(judged_s=time.time()))


def _series_of(row: SummaryRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _IDENTITY if name != "case_id"} | {
        "case_id": row.case,
        "labels": dict(row.labels),
        "probed": row.probed,
        "unit": row.unit,
        "clock": row.clock,
        "better": row.better,
    }


def identity(series: Mapping[str, Any]) -> str:
    """The same for one series in every run: a digest of all that tells series apart."""
    told = {key: value for key, value in series.items() if key not in ("series_id", "identity")}
    return hashlib.sha256(to_json(dict(sorted(told.items()))).encode()).hexdigest()[:32]


def _series_ids(connection: Connection, series: Sequence[Mapping[str, Any]]) -> list[int]:
    names = [identity(one) for one in series]
    known = _known(connection, names)
    missing = {name: one for name, one in zip(names, series, strict=True) if name not in known}
    if missing:
        rows = [{**one, "identity": name} for name, one in missing.items()]
        connection.execute(insert(SERIES), rows)
        known |= _known(connection, list(missing))
    return [known[name] for name in names]


_AT_ONCE = 500  # names in one query: SQLite takes 32766 parameters, older ones 999


def _known(connection: Connection, names: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for start in range(0, len(names), _AT_ONCE):
        part = names[start : start + _AT_ONCE]
        query = select(SERIES.c.identity, SERIES.c.series_id).where(SERIES.c.identity.in_(part))
        found |= {str(row.identity): int(row.series_id) for row in connection.execute(query)}
    return found


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _figure_row(
    run_id: str, series_id: int, place: int, row: SummaryRow, deployed: Sequence[Deployed]
) -> dict[str, Any]:
    return {name: _number(getattr(row, name)) for name in _FIGURES} | {
        "series_id": series_id,
        "run_id": run_id,
        "place": place,
        "deployments": row.deployments,
        "count": row.count,
        "note": row.note,
        "replicates": [list(one) for one in deployed],
    }


def _ratio_rows(connection: Connection, run_id: str, judgement: Judgement) -> list[dict[str, Any]]:
    """Those whose series has a figure here: all of them, plain before probed as they were compared."""
    series: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in sorted(judgement.summary, key=lambda row: not row.probed):
        series[row.target, row.case, row.series] = _series_of(row)
    rows = [
        (r, series[r.b, r.case, r.series]) for r in judgement.comparisons if (r.b, r.case, r.series) in series
    ]
    ids = _series_ids(connection, [one for _, one in rows])
    return [
        {name: _number(getattr(row, name)) for name in _RATIOS}
        | {
            name: getattr(row, name)
            for name in ("pairs", "significant", "note", "clock_a", "clock_b", "unit_b")
        }
        | {"series_id": number, "run_id": run_id, "against": row.a, "place": place}
        for place, ((row, _), number) in enumerate(zip(rows, ids, strict=True))
    ]


def _plain(row: OverheadRow | SourceRow | ComparisonRow) -> dict[str, Any]:
    """For JSON: a NaN as null, infinities as words."""

    def value(found: Any) -> Any:
        if isinstance(found, float) and not math.isfinite(found):
            return None if math.isnan(found) else str(found)
        return list(found) if isinstance(found, tuple) else found

    return {key: value(found) for key, found in asdict(row).items()}


# reading


def judgement_of(store: Store, run_id: str, deployments: bool = True) -> Judgement:
    """What is kept of a run; empty if it was never judged. Without ``deployments`` there are no
    ``replicates``, which are most of the bytes. Raises StoreError."""
    with store.reading("the figures cannot be read") as connection:
        figures = connection.execute(_of_run(FIGURES, run_id, deployments)).mappings().all()
        ratios = connection.execute(_of_run(RATIOS, run_id)).mappings().all()
        kept = _rest(connection, run_id)
    return Judgement(
        summary=[summary_row(row) for row in figures],
        replicates=[[deployed(one) for one in row["replicates"]] for row in figures] if deployments else [],
        comparisons=[comparison_row(row) for row in ratios],
        **kept,
    )


def comparisons_of(store: Store, run_id: str) -> Judgement:
    """The same without figures: ratios within the run, and what changed since the one before."""
    with store.reading("the figures cannot be read") as connection:
        ratios = connection.execute(_of_run(RATIOS, run_id)).mappings().all()
        return Judgement(comparisons=[comparison_row(row) for row in ratios], **_rest(connection, run_id))


def _rest(connection: Connection, run_id: str) -> dict[str, Any]:
    query = select(JUDGEMENTS.c.kind, JUDGEMENTS.c.rows).where(JUDGEMENTS.c.run_id == run_id)
    kept: dict[str, Any] = {row.kind: row.rows for row in connection.execute(query)}
    return {
        "overheads": [_restored(OverheadRow, row) for row in kept.get("overheads", ())],
        "sources": [_restored(SourceRow, row) for row in kept.get("sources", ())],
        "environment": [(str(name), str(text)) for name, text in kept.get("environment", ())],
        "before": "".join(kept.get("before", ())),
        "changes": [_restored(ComparisonRow, row) for row in kept.get("changes", ())],
    }


def _of_run(table: Table, run_id: str, deployments: bool = True) -> Any:
    left_out = {"series_id"} if deployments else {"series_id", "replicates"}
    columns = [column for column in table.c if column.name not in left_out]
    return (
        select(*columns, *(column for column in SERIES.c))
        .join(SERIES, SERIES.c.series_id == table.c.series_id)
        .where(table.c.run_id == run_id)
        .order_by(table.c.place)
    )


def deployed(kept: Sequence[Any]) -> Deployed:
    block, median, noisy, tick = kept
    return int(block), float(median), bool(noisy), None if tick is None else int(tick)


def real(value: float | None) -> float:
    return math.nan if value is None else value


def summary_row(row: RowMapping) -> SummaryRow:
    """From a row of figures with its series'."""
    own = {name: row[name] for name in (*_IDENTITY, "labels", "probed", "unit", "clock", "better")}
    own["case"] = own.pop("case_id")
    numbers: dict[str, Any] = {name: real(row[name]) for name in _FIGURES}
    return SummaryRow(**own, **numbers, deployments=row["deployments"], count=row["count"], note=row["note"])


def comparison_row(row: RowMapping) -> ComparisonRow:
    """From a row of ratios with its series'."""
    numbers: dict[str, Any] = {name: real(row[name]) for name in _RATIOS}
    return ComparisonRow(
        case=row["case_id"],
        a=row["against"],
        b=row["target"],
        **{name: row[name] for name in ("kind", "series", "metric", "unit", "better")},
        **numbers,
        **{name: row[name] for name in ("pairs", "significant", "note", "clock_a", "clock_b", "unit_b")},
    )


def _restored(kind: type[Row], kept: Mapping[str, Any]) -> Row:
    """The reverse of ``_plain``; what a newer kxbench added is left out."""
    values: dict[str, Any] = {}
    for field in fields(kind):
        if field.name not in kept:
            continue
        value = kept[field.name]
        if field.type in (float, "float"):
            value = real(None if value is None else float(value))
        values[field.name] = tuple(value) if field.name == "probes" else value
    return kind(**values)


def unjudged(store: Store) -> Iterable[str]:
    """The runs that are over and whose figures are not kept, the newest first."""
    over = (RUNS.c.judged_s.is_(None)) & (RUNS.c.state != "running")
    query = select(RUNS.c.run_id).where(over).order_by(RUNS.c.started_s.desc(), RUNS.c.run_id.desc())
    with store.reading("the runs cannot be read") as connection:
        return list(connection.execute(query).scalars())
