"""The store's tables of runs and cells, and records to rows and back."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
from pathlib import PurePath
from typing import Any

import numpy as np
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Integer,
    MetaData,
    RowMapping,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.engine import Dialect

from vocabulary import CellRecord, Outcome, RunRecord, RunState, StoreError

# Neither database takes NUL or lone surrogates in text, and consoles hold whatever a target printed.
_UNSAFE = re.compile("[\\\\\x00\ud800-\udfff]")
_ESCAPED = re.compile(r"\\u([0-9a-f]{4})|\\\\")


def escape(text: str) -> str:
    r"""Text any database and Parquet take: NUL and lone surrogates as ``\u0000``, a backslash doubled."""
    return _UNSAFE.sub(lambda m: "\\\\" if m[0] == "\\" else f"\\u{ord(m[0]):04x}", text)


def unescape(text: str) -> str:
    if "\\" not in text:  # nearly always, and some hundred thousand times a page
        return text
    return _ESCAPED.sub(lambda m: chr(int(m[1], 16)) if m[1] else "\\", text)


class FreeText(TypeDecorator[str]):
    """Any Python string, lossless."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else escape(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else unescape(value)


METADATA = MetaData()

RUNS = Table(
    "runs",
    METADATA,
    Column("run_id", String(64), primary_key=True),
    Column("plan_name", FreeText, nullable=False),
    Column("plan", JSON, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("started_s", Double, nullable=False),
    Column("finished_s", Double),
    Column("environment", JSON, nullable=False),
    Column("warnings", JSON, nullable=False),
    Column("commit", FreeText, nullable=False),
    Column("cells_planned", Integer, nullable=False),
    Column("machine", String(64), nullable=False),  # machine_of(environment)
    Column(
        "judged_s", Double
    ),  # when results/judgements.py kept its figures; null when its cells changed since
)

CELLS = Table(
    "cells",
    METADATA,
    Column("run_id", ForeignKey("runs.run_id", ondelete="CASCADE"), primary_key=True),
    Column("cell", Integer, primary_key=True, autoincrement=False),  # CellRecord.index
    Column("block", Integer, nullable=False),
    Column("target", FreeText, nullable=False),
    Column("case_id", FreeText, nullable=False),  # CellRecord.case
    Column("kind", FreeText, nullable=False),
    Column("params", JSON, nullable=False),
    Column("probes", JSON, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("reason", FreeText, nullable=False),
    Column("started_s", Double, nullable=False),
    Column("duration_s", Double, nullable=False),
    Column("environment", JSON, nullable=False),
    Column("console", FreeText, nullable=False),
    Column("lost_events", BigInteger, nullable=False),
    Column("series", Integer, nullable=False),  # how many the samples file holds
    Column("samples_file", Text),  # its name in the run's directory; null when there are none
)


def _plain(value: object) -> object:
    """What JSON does not know but records may hold."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (PurePath, Enum)):
        return str(value)
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def to_json(value: object) -> str:
    """Compact strict JSON in ASCII, keys in their order. Raises StoreError on NaN, inf and foreign types."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"), default=_plain)
    except (ValueError, TypeError) as error:
        raise StoreError(
            f"a record holds what JSON cannot: {error}",
            remedy="keep to text, finite numbers, lists and mappings",
        ) from error


def _finite(row: dict[str, Any], where: str) -> dict[str, Any]:
    """SQLite would store NaN as null and the row would not load again."""
    for name, value in row.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise StoreError(f"{name} is {value}", where=where, remedy="records hold finite numbers only")
    return row


def run_row(run: RunRecord) -> dict[str, Any]:
    row = _finite({f.name: getattr(run, f.name) for f in fields(run)}, f"run {run.run_id}")
    return row | {
        "state": str(run.state),
        "warnings": list(run.warnings),
        "machine": machine_of(run.environment),
    }


def machine_of(environment: Mapping[str, Any]) -> str:
    """What runs of one machine have in common: the fingerprint of ``bench``, else the host's name."""
    named = environment.get("fingerprint") or environment.get("host") or "unknown"
    return escape(str(named))[:64]


def run_of(row: RowMapping) -> RunRecord:
    values = {f.name: row[f.name] for f in fields(RunRecord)}
    return RunRecord(**values | {"state": RunState(row["state"]), "warnings": tuple(row["warnings"])})


def cell_row(run_id: str, cell: CellRecord, series: int, samples_file: str | None) -> dict[str, Any]:
    row = _finite({f.name: getattr(cell, f.name) for f in fields(cell)}, f"cell {cell.index} of run {run_id}")
    row |= {"cell": row.pop("index"), "case_id": row.pop("case"), "run_id": run_id}
    row |= {"outcome": str(cell.outcome), "probes": list(cell.probes)}
    return row | {"series": series, "samples_file": samples_file}


def cell_of(row: RowMapping) -> CellRecord:
    renamed = {"index": row["cell"], "case": row["case_id"]}
    values = {f.name: row[f.name] for f in fields(CellRecord) if f.name not in renamed} | renamed
    return CellRecord(**values | {"outcome": Outcome(row["outcome"]), "probes": tuple(row["probes"])})
