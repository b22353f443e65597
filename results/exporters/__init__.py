"""One exporter a file; each takes the store, the run and where to write, and returns what it wrote."""

from collections.abc import Callable
from pathlib import Path

from results.exporters.csv_files import write as csv_files
from results.exporters.json_file import write as json_file
from results.exporters.parquet_files import write as parquet_files
from results.store import Store
from vocabulary import RunRecord

Exporter = Callable[[Store, RunRecord, Path], None]

EXPORTERS: dict[str, Exporter] = {"json": json_file, "csv": csv_files, "parquet": parquet_files}
"""By the name of the format; json writes a file, the others fill an empty directory."""

__all__ = ["EXPORTERS", "Exporter"]
