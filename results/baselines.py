"""What the gate keeps in the store: baselines by name and version, calibrations by machine, verdicts by run.

Nothing here is ever overwritten: a baseline that is set again is a new version, and the old ones stay."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import JSON, Column, Double, ForeignKey, Integer, String, Table, func, insert, select

from results.store import Store
from results.tables import METADATA, FreeText
from vocabulary import UsageError


def _made() -> tuple[Column[Any], ...]:
    """Where and by whom."""
    return (
        Column("machine", String(64), nullable=False),
        Column("host", FreeText, nullable=False),
        Column("commit", FreeText, nullable=False),
        Column("made_by", FreeText, nullable=False),
        Column("made_s", Double, nullable=False),
    )


BASELINES = Table(
    "baselines",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("runs", JSON, nullable=False),
    *_made(),
    Column("why", FreeText, nullable=False),
)

CALIBRATIONS = Table(
    "calibrations",
    METADATA,
    Column("calibration_id", Integer, primary_key=True),
    Column("plan_name", FreeText, nullable=False),
    Column("runs", JSON, nullable=False),
    *_made(),
    Column("noise", JSON, nullable=False),
)

VERDICTS = Table(
    "verdicts",
    METADATA,
    Column("verdict_id", Integer, primary_key=True),
    Column("run_id", ForeignKey("runs.run_id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("made_s", Double, nullable=False),
    Column("exit_code", Integer, nullable=False),
    Column("report", JSON, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Baseline:
    """``version`` counts from 1. ``machine`` is the fingerprint; ``commit`` that of the code which was
    measured; ``made_s`` Unix seconds."""

    name: str
    version: int
    runs: tuple[str, ...]
    machine: str
    host: str
    commit: str
    made_by: str
    made_s: float
    why: str

    @property
    def called(self) -> str:
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class Calibration:
    """``noise`` is by series (``bench.gate.calibration``)."""

    plan_name: str
    runs: tuple[str, ...]
    machine: str
    host: str
    commit: str
    made_by: str
    made_s: float
    noise: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate or a check of claims said of a run: ``report`` is its JSON."""

    run_id: str
    kind: str  # gate, claims
    made_s: float
    exit_code: int
    report: Mapping[str, Any]


def keep_baseline(store: Store, baseline: Baseline) -> Baseline:
    """Keep it as the next version of its name, whatever version it says. Raises StoreError."""
    with store.writing(f"baseline {baseline.name} was not kept") as connection:
        newest = select(func.max(BASELINES.c.version)).where(BASELINES.c.name == baseline.name)
        version = (connection.execute(newest).scalar() or 0) + 1
        row = {f.name: getattr(baseline, f.name) for f in fields(baseline)}
        row |= {"version": version, "runs": list(baseline.runs)}
        connection.execute(insert(BASELINES), row)
    return Baseline(**row | {"runs": baseline.runs})


def baselines(store: Store, name: str | None = None) -> list[Baseline]:
    """All versions of all names, or of one, by name and then the oldest first."""
    query = select(BASELINES).order_by(BASELINES.c.name, BASELINES.c.version)
    if name is not None:
        query = query.where(BASELINES.c.name == name)
    with store.reading("the baselines cannot be read") as connection:
        return [
            Baseline(**{**row, "runs": tuple(row["runs"])}) for row in connection.execute(query).mappings()
        ]


def baseline(store: Store, called: str) -> Baseline | None:
    """The newest version of ``NAME``, or ``NAME@VERSION``; None when there is no such name.

    Raises UsageError for a version that the name does not have."""
    name, at, version = called.partition("@")
    versions = baselines(store, name)
    if not versions or not at:
        return versions[-1] if versions else None
    found = [one for one in versions if str(one.version) == version]
    if not found:
        raise UsageError(
            f"baseline {name} has no version {version!r}",
            where=store.where,
            remedy=f"it has {versions[0].version} to {versions[-1].version}: kxbench baseline show {name}",
        )
    return found[0]


def keep_calibration(store: Store, calibration: Calibration) -> None:
    with store.writing("the calibration was not kept") as connection:
        row = {f.name: getattr(calibration, f.name) for f in fields(calibration)}
        connection.execute(insert(CALIBRATIONS), row | {"runs": list(calibration.runs)})


def calibrations(store: Store, machine: str) -> list[Calibration]:
    """Those of a machine, the newest first."""
    query = select(*(c for c in CALIBRATIONS.c if c.name != "calibration_id"))
    query = query.where(CALIBRATIONS.c.machine == machine).order_by(CALIBRATIONS.c.calibration_id.desc())
    with store.reading("the calibrations cannot be read") as connection:
        rows = connection.execute(query).mappings()
        return [Calibration(**{**row, "runs": tuple(row["runs"])}) for row in rows]


def keep_verdict(store: Store, verdict: Verdict) -> None:
    with store.writing("the verdict was not kept") as connection:
        connection.execute(insert(VERDICTS), {f.name: getattr(verdict, f.name) for f in fields(verdict)})


def verdicts(store: Store, run_ids: Sequence[str], kind: str) -> dict[str, Verdict]:
    """The newest verdict of a kind on each of the runs; those without one are left out."""
    query = select(*(c for c in VERDICTS.c if c.name != "verdict_id")).order_by(VERDICTS.c.verdict_id)
    query = query.where(VERDICTS.c.run_id.in_(run_ids), VERDICTS.c.kind == kind)
    with store.reading("the verdicts cannot be read") as connection:
        return {row["run_id"]: Verdict(**row) for row in connection.execute(query).mappings()}
