"""CSV (RFC 4180, UTF-8): ``cells.csv`` one row a cell, ``samples.csv`` one row a value, ``histograms.csv``
one row a bin, and ``run.json``. Mappings are JSON in a field; odd characters as in the store's free text."""

import csv
import io
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from results.schema import RunV1, plain
from results.store import Store
from results.tables import cell_row, escape, to_json
from vocabulary import CellRecord, RunRecord, Samples
from vocabulary.histogram import EDGES

_CELL = [f.name for f in fields(CellRecord)]
_SERIES = [
    "cell",
    "block",
    "target",
    "case",
    "probed",
    "series",
    "metric",
    "source",
    "probe",
    "labels",
    "unit",
]


def line(values: Iterable[Any]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([escape(v) if isinstance(v, str) else v for v in values])
    return out.getvalue()


def _cell(run_id: str, cell: CellRecord) -> str:
    row = cell_row(run_id, cell, 0, None)
    row |= {"index": row["cell"], "case": row["case_id"]}
    return line(row[n] if isinstance(row[n], (str, int, float)) else to_json(row[n]) for n in _CELL)


def _identity(cell: CellRecord, samples: Samples) -> str:
    metric, labels = samples.metric, to_json(dict(samples.labels))
    where = [cell.index, cell.block, cell.target, cell.case, int(bool(cell.probes))]
    what = [samples.series, metric.name, str(samples.source), samples.probe, labels, metric.unit]
    return line([*where, *what]).rstrip("\r\n")


def write(store: Store, run: RunRecord, directory: Path) -> None:
    (directory / "run.json").write_text(to_json(plain(RunV1.of(run))) + "\n", encoding="ascii")
    with (
        (directory / "cells.csv").open("w", encoding="utf-8", newline="") as cells,
        (directory / "samples.csv").open("w", encoding="utf-8", newline="") as values,
        (directory / "histograms.csv").open("w", encoding="utf-8", newline="") as bins,
    ):
        cells.write(line(_CELL))
        values.write(line([*_SERIES, "position", "value"]))
        bins.write(line([*_SERIES, "bin", "from", "below", "count"]))
        for cell, series in store.samples(run.run_id):
            cells.write(_cell(run.run_id, cell))
            for samples in series:
                before = _identity(cell, samples)
                values.writelines(f"{before},{i},{v!r}\r\n" for i, v in enumerate(samples.values.tolist()))
                counts = samples.histogram.sparse() if samples.histogram else {}
                bins.writelines(
                    f"{before},{b},{EDGES[b]:.0f},{EDGES[b + 1]:.0f},{count}\r\n"
                    for b, count in counts.items()
                )
