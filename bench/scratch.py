"""A run's scratch folder: consoles, server state, data that lives as long as a cell."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from targets.lab import is_dead

PREFIX = "kxb-"


@contextmanager
def scratch(run_id: str) -> Iterator[Path]:
    """A new folder that others may look into (servers drop privileges); removed when the ``with`` ends."""
    path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{run_id}-"))
    try:
        path.chmod(0o755)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def left_behind() -> list[Path]:
    """The folders of runs that nobody runs any more. Run ids have two dashes: DATE-TIME-RANDOM."""
    found = Path(tempfile.gettempdir()).glob(f"{PREFIX}[0-9]*-[0-9]*-*-*")
    return [path for path in sorted(found) if path.is_dir() and is_dead(_run_of(path))]


def _run_of(path: Path) -> str:
    return "-".join(path.name.removeprefix(PREFIX).split("-")[:3])
