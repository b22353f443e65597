"""Exporting a run, and importing one that was exported as JSON."""

import json
import shutil
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from results.exporters import EXPORTERS
from results.faults import READING_IN, WRITING_OUT, storing
from results.schema import FORMAT, VERSION, CellV1, HeaderV1
from results.store import Store
from vocabulary import CellRecord, RunRecord, Samples, StoreError, UsageError

_TAIL = "]}"
_REMEDY = "give a file that `kxbench export --format json` wrote (docs/export.md)"


def export_run(store: Store, run_id: str, format_: str = "json", out: Path | None = None) -> Path:
    """Write a run with every raw sample; returns the file (json) or directory (csv, parquet).

    By default that is named after the run, in the working directory. A file is replaced, a directory must
    be new or empty. One cell is in memory at a time. Raises UsageError, StoreError."""
    if format_ not in EXPORTERS:
        near = get_close_matches(format_, EXPORTERS, 1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UsageError(f"no export format {format_!r}", remedy=f"{hint}there are {', '.join(EXPORTERS)}")
    run = store.run(run_id)
    out = out or Path(f"{run.run_id}.json" if format_ == "json" else f"{run.run_id}-{format_}")
    unfinished = out.with_name(out.name + ".part")
    with storing("the run was not exported", str(out), WRITING_OUT):
        if format_ == "json":
            return _file(store, run, out / f"{run.run_id}.json" if out.is_dir() else out)
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UsageError("is there already", where=str(out), remedy="name a new or an empty directory")
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            unfinished.mkdir(parents=True)
            EXPORTERS[format_](store, run, unfinished)
            if out.exists():
                out.rmdir()
            unfinished.rename(out)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return out


def _file(store: Store, run: RunRecord, out: Path) -> Path:
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = out.with_name(out.name + ".part")
    try:
        EXPORTERS["json"](store, run, unfinished)
        unfinished.rename(out)
    finally:
        unfinished.unlink(missing_ok=True)
    return out


def import_json(store: Store, path: Path) -> RunRecord:
    """Take in a run that was exported as JSON, whole or not at all.

    A file as we write it is read a cell at a time; one that was reformatted is read whole. Raises
    StoreError naming the file and the place if it is not such a file, or the run is in the store already."""
    with storing("the export cannot be read", str(path), READING_IN):
        parts = _parts(path)
        run = _header(next(parts), path)
        if store.has(run.run_id):
            raise StoreError(
                f"run {run.run_id} is in the store already",
                where=str(path),
                remedy=f"keep that one, or remove it first with `kxbench delete {run.run_id}`",
            )
        store.add_run(run, _cells(parts, path))
    return run


def header_of(path: Path) -> RunRecord:
    """The run that an export tells of, without its cells. Raises StoreError as ``import_json`` does."""
    with storing("the export cannot be read", str(path), READING_IN):
        return _header(next(_parts(path)), path)


def _cells(parts: Iterator[Any], path: Path) -> Iterator[tuple[CellRecord, list[Samples]]]:
    for number, part in enumerate(parts):
        try:
            yield CellV1.model_validate(part).restored()
        except ValidationError as error:
            raise _invalid(error, path, f"cells.{number}.") from error


def _header(part: Any, path: Path) -> RunRecord:
    if not isinstance(part, dict) or part.get("format") != FORMAT:
        raise StoreError("this is not an export of kxbench", where=str(path), remedy=_REMEDY)
    if part.get("version") != VERSION:
        raise StoreError(
            f"this export is of version {part.get('version')!r}, and this kxbench reads {VERSION}",
            where=str(path),
            remedy="update kxbench",
        )
    try:
        return HeaderV1.model_validate(part).run.restored()
    except ValidationError as error:
        raise _invalid(error, path, "") from error


def _parts(path: Path) -> Iterator[Any]:
    """The document without its cells, then each cell."""
    try:
        with path.open(encoding="utf-8") as file:
            first = file.readline()
            if not first.endswith('"cells":[\n'):
                file.seek(0)
                whole = json.load(file)
                if not isinstance(whole, dict) or not isinstance(whole.get("cells"), list):
                    raise StoreError("this is not an export of kxbench", where=str(path), remedy=_REMEDY)
                cells = whole.pop("cells")
                yield whole
                yield from cells
                return
            opening = json.loads(first + _TAIL)
            del opening["cells"]
            yield opening
            for line in file:
                if line.rstrip("\n") == _TAIL:
                    return
                yield json.loads(line.rstrip(",\n"))
            raise StoreError("the export ends too soon", where=str(path), remedy="copy or export it again")
    except (ValueError, RecursionError) as error:
        raise StoreError(f"this is not JSON: {error}", where=str(path), remedy=_REMEDY) from error


def _invalid(error: ValidationError, path: Path, prefix: str) -> StoreError:
    first = error.errors()[0]
    place = prefix + ".".join(map(str, first["loc"]))
    return StoreError(f"{place}: {first['msg']}", where=str(path), remedy=_REMEDY)
