"""JSON, version 1 (results/schema): valid as a whole, and one cell a line so that it can be streamed."""

from collections.abc import Iterator
from pathlib import Path

from results.schema import FORMAT, VERSION, CellV1, RunV1, plain
from results.store import Store
from results.tables import to_json
from vocabulary import RunRecord


def header(run: RunRecord) -> str:
    return f'{{"format":"{FORMAT}","version":{VERSION},"run":{to_json(plain(RunV1.of(run)))},"cells":['


def lines(store: Store, run: RunRecord) -> Iterator[str]:
    """The document in pieces, a cell each."""
    yield header(run)
    separator = "\n"
    for cell, series in store.samples(run.run_id):
        yield separator + to_json(plain(CellV1.of(cell, series)))
        separator = ",\n"
    yield "\n]}\n"


def write(store: Store, run: RunRecord, path: Path) -> None:
    with path.open("w", encoding="ascii", newline="\n") as file:
        file.writelines(lines(store, run))
