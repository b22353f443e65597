"""Parquet: ``cells.parquet`` one row a cell, ``samples/*.parquet`` as the store keeps them, ``run.json``."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq

from results.faults import storing
from results.query import arrow
from results.samples import read
from results.schema import RunV1, plain
from results.store import Store
from results.tables import cell_row, to_json
from vocabulary import RunRecord


def write(store: Store, run: RunRecord, directory: Path) -> None:
    (directory / "run.json").write_text(to_json(plain(RunV1.of(run))) + "\n", encoding="ascii")
    cells = [cell_row(run.run_id, cell, 0, None) for cell in store.cells(run.run_id)]
    for row in cells:
        del row["series"], row["samples_file"]
    if cells:
        pq.write_table(arrow(cells), directory / "cells.parquet", compression="zstd")
    (directory / "samples").mkdir()
    for path in store.sample_files(run.run_id):
        with storing("the samples cannot be read", str(path)):
            read(path)  # a corrupt file is an error here, not at whoever opens the copy
        shutil.copyfile(path, directory / "samples" / path.name)
