"""SQL over a store's runs, cells and raw samples, by duckdb.

    with Store.open() as store, connect(store) as db:
        db.sql("SELECT case_id, median(value) FROM samples WHERE metric = 'parent' GROUP BY 1").show()

Views: ``runs`` and ``cells`` (the database's columns, JSON as text), ``series`` (one row a series, as in
``results/samples.py``) and ``samples`` (one row a value: the series' columns, ``position``, ``value``)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import pyarrow as pa

from results.samples import SCHEMA
from results.store import Store
from results.tables import cell_row, escape, run_row, to_json

_KEYS = "run_id, cell, block, target, case_id, kind, probed, series, metric, unit, source, probe, labels"


def arrow(rows: list[dict[str, Any]]) -> pa.Table:
    """Rows of the store as an Arrow table: free text escaped as in the database, mappings as JSON text."""

    def column(value: object) -> object:
        if isinstance(value, str):
            return escape(value)
        return value if value is None or isinstance(value, (int, float)) else to_json(value)

    return pa.Table.from_pylist([{k: column(v) for k, v in row.items()} for row in rows])


@contextmanager
def connect(store: Store, run_id: str | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory duckdb with views of one run, or of all. Files that a crash left are not seen."""
    runs = [run for run in store.runs() if run_id in (None, run.run_id)]
    cells = [cell_row(run.run_id, cell, 0, None) for run in runs for cell in store.cells(run.run_id)]
    for row in cells:
        del row["series"], row["samples_file"]
    files = [str(path) for run in runs for path in store.sample_files(run.run_id)]
    with duckdb.connect() as db:
        if runs:
            db.register("runs", arrow([run_row(run) for run in runs]))
        if cells:
            db.register("cells", arrow(cells))
        if files:
            db.from_parquet(files).create_view("series")
        else:
            db.register("series", SCHEMA.empty_table())
        db.execute(
            f"CREATE VIEW samples AS SELECT {_KEYS}, generate_subscripts(samples, 1) AS position,"
            " unnest(samples) AS value FROM series"
        )
        yield db
