"""The store: runs and cells in a database, raw samples in Parquet files beside it.

A cell is durable when ``add_cell`` returns: its file is written under a temporary name, synced and renamed,
then its row is committed. A crash in between leaves a file that no row names: never read, swept later."""

import difflib
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

from sqlalchemy import URL, Connection, Engine, delete, insert, select, update

from results import samples as parquet
from results.database import DEFAULT, connect, describe, url_of
from results.faults import storing
from results.tables import CELLS, RUNS, cell_of, cell_row, run_of, run_row
from vocabulary import CellRecord, RunRecord, RunState, Samples, StoreError, UsageError

_MOST_CANDIDATES = 5


class Store:
    """Use as a context manager. Every method raises StoreError when the disk or database fails."""

    def __init__(self, engine: Engine, url: URL, samples_dir: Path, writable: bool) -> None:
        self._engine, self.url, self.samples_dir, self.writable = engine, url, samples_dir, writable
        self._watch: Connection | None = None
        self._watching = Lock()

    @classmethod
    def open(cls, where: str | Path | None = None, samples_dir: Path | None = None) -> Self:
        """Open or make a store: a path (file or directory), a URL, or by default ``results/store``.

        Samples go to ``samples`` beside an SQLite file; for PostgreSQL to ``samples_dir``, by default
        that of ``results/store``. Raises StoreError, and UsageError for a URL of another kind."""
        url = url_of(where)
        if samples_dir is None:
            beside = Path(str(url.database)) if url.drivername == "sqlite" else DEFAULT
            samples_dir = beside.parent / "samples"
        engine, writable = connect(url)
        return cls(engine, url, Path(samples_dir), writable)

    def close(self) -> None:
        if self._watch is not None:
            self._watch.close()
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def where(self) -> str:
        """The file, or the URL without its password."""
        return describe(self.url)

    # runs

    def create_run(self, run: RunRecord) -> None:
        """Keep a new run. Raises StoreError if one of that id is there."""
        _check_id(run.run_id)
        with self.writing(f"run {run.run_id} was not created") as connection:
            connection.execute(insert(RUNS), run_row(run))

    def add_run(self, run: RunRecord, contents: Iterable[tuple[CellRecord, Sequence[Samples]]]) -> None:
        """Keep a whole run with its cells, or nothing of it: files first, then all rows in one transaction.

        After a crash between the two there are files that no row names, and adding the run again replaces
        them. Raises StoreError, also if a run of that id is there."""
        _check_id(run.run_id)
        what = f"run {run.run_id} was not kept"
        directory = self.samples_dir / run.run_id
        if self._found(run.run_id) is not None:
            raise StoreError(
                f"{what}: it is there already", where=self.where, remedy="see `kxbench list runs`"
            )
        rows = []
        try:
            for cell, series in contents:
                name = self._write_samples(run.run_id, cell, series, None)
                rows.append(cell_row(run.run_id, cell, len(series), name))
            with self.writing(what) as connection:
                connection.execute(insert(RUNS), run_row(run))
                if rows:
                    connection.execute(insert(CELLS), rows)
        except BaseException:
            with suppress(StoreError):
                if self._found(run.run_id) is None:  # else somebody else was faster, and the files are theirs
                    shutil.rmtree(directory, ignore_errors=True)
            raise

    def update_run(self, run: RunRecord) -> None:
        """Replace a run's record (a resumed run is running again, warnings were added)."""
        with self.writing(f"run {run.run_id} was not updated") as connection:
            changed = connection.execute(update(RUNS).where(RUNS.c.run_id == run.run_id), run_row(run))
            if not changed.rowcount:
                raise _no_run(run.run_id, self.where)

    def finish_run(self, run_id: str, state: RunState, finished_s: float | None) -> None:
        """Mark a run's end and sweep what a crash left in its directory."""
        run = self._exact(run_id)
        self.update_run(replace(run, state=state, finished_s=finished_s))
        self.sweep(run_id)

    def interrupt_run(self, run_id: str) -> None:
        """Mark a run whose suite is gone. One that has told its own end meanwhile stays as it is."""
        running = (RUNS.c.run_id == run_id) & (RUNS.c.state == str(RunState.RUNNING))
        with self.writing(f"run {run_id} was not updated") as connection:
            changed = connection.execute(
                update(RUNS).where(running).values(state=str(RunState.INTERRUPTED))
            ).rowcount
        if changed:
            self.sweep(run_id)

    def runs(self) -> list[RunRecord]:
        """All runs, the oldest first."""
        with self.reading("the runs cannot be read") as connection:
            rows = connection.execute(select(RUNS).order_by(RUNS.c.started_s, RUNS.c.run_id)).mappings()
            return [run_of(row) for row in rows]

    def run(self, name: str = "latest") -> RunRecord:
        """A run by its id, a unique beginning of it, or ``latest``. Raises UsageError with suggestions."""
        if (exactly := self._found(name)) is not None:
            return exactly
        ids = self._ids()
        matches = [run_id for run_id in ids if name and run_id.startswith(name)]
        if name == "latest" and ids:
            return self._exact(ids[-1])
        if len(matches) == 1:
            return self._exact(matches[0])
        if not ids:
            raise UsageError("the store holds no run", where=self.where, remedy="make one with `kxbench run`")
        if matches:
            raise UsageError(f"{name!r} begins {len(matches)} runs", remedy=f"name one: {_listed(matches)}")
        near = difflib.get_close_matches(name, ids, n=_MOST_CANDIDATES, cutoff=0.4) or ids[::-1]
        raise UsageError(
            f"no run {name!r}", where=self.where, remedy=f"did you mean: {_listed(near)}, latest?"
        )

    def has(self, run_id: str) -> bool:
        """Whether a run of exactly that id is there."""
        return self._found(run_id) is not None

    def delete_run(self, run_id: str) -> None:
        """Remove a run, its cells and its files."""
        with self.writing(f"run {run_id} was not deleted") as connection:
            connection.execute(delete(CELLS).where(CELLS.c.run_id == run_id))
            if not connection.execute(delete(RUNS).where(RUNS.c.run_id == run_id)).rowcount:
                raise _no_run(run_id, self.where)
        self.sweep(run_id)

    # cells

    def add_cell(self, run_id: str, cell: CellRecord, series: Sequence[Samples]) -> None:
        """Keep a cell with its samples, on disk when this returns; one of the same index is replaced.

        Raises StoreError; then neither the cell nor what it would have replaced has changed. Values that
        are not finite are refused, naming their series."""
        where = _place(cell)
        earlier = self._samples_file(run_id, cell.index)
        name = self._write_samples(run_id, cell, series, earlier)
        row = cell_row(run_id, cell, len(series), name)
        try:
            with self.writing(f"{where} was not kept") as connection:
                key = (CELLS.c.run_id == run_id) & (CELLS.c.cell == cell.index)
                connection.execute(delete(CELLS).where(key))
                connection.execute(insert(CELLS), row)
                judged = (RUNS.c.run_id == run_id) & RUNS.c.judged_s.is_not(None)
                connection.execute(update(RUNS).where(judged).values(judged_s=None))
        except StoreError:
            self._drop_unnamed(run_id, cell.index, name)
            raise
        self._drop_unnamed(run_id, cell.index, earlier)

    def _write_samples(
        self, run_id: str, cell: CellRecord, series: Sequence[Samples], earlier: str | None
    ) -> str | None:
        """Its file is on disk when this returns, under the name returned; None without series."""
        where = _place(cell)
        for samples in series:
            parquet.check(samples, where)
        if not series:
            return None
        content = parquet.encode(run_id, cell, series)
        directory, name = self.samples_dir / run_id, _file_name(cell.index, earlier)
        with storing(f"{where} was not kept", str(directory / name)):
            self._make_directory(directory)
            parquet.write_durably(directory / name, content)
        return name

    def cells(self, run_id: str) -> list[CellRecord]:
        """A run's cells in the order of their index."""
        return [cell for cell, _file in self._cells(run_id)]

    def cell(self, run_id: str, index: int) -> CellRecord | None:
        """One cell of a run, if it is there."""
        found = self._cells(run_id, index)
        return found[0][0] if found else None

    def samples_file(self, run_id: str, index: int) -> Path | None:
        """The Parquet file of a cell that has samples."""
        name = self._samples_file(run_id, index)
        return self.samples_dir / run_id / name if name else None

    def samples(
        self,
        run_id: str,
        cell_index: int | None = None,
        wanted: Callable[[CellRecord], bool] | None = None,
    ) -> Iterator[tuple[CellRecord, list[Samples]]]:
        """Each cell with its samples, or the one asked for, or those ``wanted``; one at a time in memory.

        Raises StoreError naming the file if it is gone or corrupt, UsageError if there is no such cell."""
        found = self._cells(run_id, cell_index)
        if cell_index is not None and not found:
            raise UsageError(f"run {run_id} has no cell {cell_index}", remedy="see `kxbench show RUN`")
        for cell, name in found:
            if wanted is not None and not wanted(cell):
                continue
            if name is None:
                yield cell, []
                continue
            path = self.samples_dir / run_id / name
            with storing(f"the samples of cell {cell.index} cannot be read", str(path)):
                series = parquet.read(path)
            yield cell, series

    def sample_files(self, run_id: str) -> list[Path]:
        """The Parquet files of a run's cells: what a query may read, without what a crash left."""
        return [self.samples_dir / run_id / name for _cell, name in self._cells(run_id) if name]

    def sweep(self, run_id: str) -> int:
        """Remove files of a run that no row names; only when nobody is adding cells to it. How many."""
        directory = self.samples_dir / run_id
        if not directory.is_dir():
            return 0
        kept = set(self.sample_files(run_id))
        with storing("left-over files cannot be removed", str(directory)):
            stray = [path for path in directory.iterdir() if path not in kept]
            for path in stray:
                path.unlink()
            if not kept:
                directory.rmdir()
        return len(stray)

    def version(self) -> str:
        """Another one whenever somebody has written to the database since; good while this store is open."""
        with storing("the store cannot be read", self.where), self._watching:
            if self._watch is None:
                self._watch = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            question = (
                "PRAGMA data_version"  # on one and the same connection, which never writes
                if self.url.drivername == "sqlite"
                else "SELECT pg_snapshot_xmax(pg_current_snapshot())::text"  # readers take no number
            )
            return str(self._watch.exec_driver_sql(question).scalar())

    # for the tables beside runs and cells (results/judgements.py)

    @contextmanager
    def reading(self, what: str) -> Iterator[Connection]:
        """A connection to read by, for the length of the ``with``. Raises StoreError saying ``what``."""
        with storing(what, self.where), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, what: str) -> Iterator[Connection]:
        """A transaction, committed at the end of the ``with``."""
        if not self.writable:
            raise StoreError(
                f"{what}: the store is read-only", where=self.where, remedy="make it writable, or copy it"
            )
        with storing(what, self.where), self._engine.begin() as connection:
            yield connection

    # inside

    def _ids(self) -> list[str]:
        """Of all runs, the oldest first."""
        query = select(RUNS.c.run_id).order_by(RUNS.c.started_s, RUNS.c.run_id)
        with self.reading("the runs cannot be read") as connection:
            return list(connection.execute(query).scalars())

    def _exact(self, run_id: str) -> RunRecord:
        found = self._found(run_id)
        if found is None:
            raise _no_run(run_id, self.where)
        return found

    def _found(self, run_id: str) -> RunRecord | None:
        with self.reading("the run cannot be read") as connection:
            query = select(RUNS).where(RUNS.c.run_id == run_id)
            row = connection.execute(query).mappings().first()
        return None if row is None else run_of(row)

    def _cells(self, run_id: str, index: int | None = None) -> list[tuple[CellRecord, str | None]]:
        query = select(CELLS).where(CELLS.c.run_id == run_id).order_by(CELLS.c.cell)
        if index is not None:
            query = query.where(CELLS.c.cell == index)
        with self.reading("the cells cannot be read") as connection:
            return [(cell_of(row), row["samples_file"]) for row in connection.execute(query).mappings()]

    def _samples_file(self, run_id: str, index: int) -> str | None:
        query = select(CELLS.c.samples_file).where((CELLS.c.run_id == run_id) & (CELLS.c.cell == index))
        with self.reading("the store cannot be read") as connection:
            return connection.execute(query).scalar()

    def _drop_unnamed(self, run_id: str, index: int, name: str | None) -> None:
        """Remove a samples file of a cell unless its row names it (a commit whose answer was lost)."""
        with suppress(StoreError, OSError):
            if name and self._samples_file(run_id, index) != name:
                (self.samples_dir / run_id / name).unlink(missing_ok=True)

    def _make_directory(self, directory: Path) -> None:
        if not directory.is_dir():
            directory.mkdir(parents=True, exist_ok=True)
            parquet.sync_directory(directory.parent)


def _place(cell: CellRecord) -> str:
    return f"cell {cell.index} ({cell.case} on {cell.target})"


def _file_name(index: int, earlier: str | None) -> str:
    """``00003.parquet``; its replacement has another name, so that the row of the old one stays true
    until the new one is committed."""
    name = f"{index:05d}.parquet"
    return f"{index:05d}-again.parquet" if earlier == name else name


def _check_id(run_id: str) -> None:
    """It is a directory's name, too."""
    if Path(run_id).name != run_id or run_id in ("", ".", "..") or not run_id.isprintable():
        raise StoreError(f"{run_id!r} cannot name a run", remedy="use letters, digits and dashes")


def _no_run(run_id: str, where: str) -> StoreError:
    return StoreError(f"no run {run_id!r}", where=where, remedy="see `kxbench list`")


def _listed(ids: list[str]) -> str:
    return ", ".join(ids[:_MOST_CANDIDATES]) + (", ..." if len(ids) > _MOST_CANDIDATES else "")
