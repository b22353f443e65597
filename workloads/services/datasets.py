"""Seeded data sets, kept in the cache: built in a hidden directory and renamed when whole, so that a
build killed half-way, or two at once, never leave half a data set under the final name."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from vocabulary import HostError

FORMAT = 1
"""Part of every name: to be raised when the content made from one seed changes."""


def cached(cache: Path, kind: str, key: Mapping[str, int], build: Callable[[Path], None]) -> Path:
    """The directory of the data set ``kind`` with these seed and sizes; ``build`` fills an empty one.

    Raises HostError if the cache cannot be written."""
    name = "-".join([kind, f"v{FORMAT}", *(f"{word}{number}" for word, number in key.items())])
    whole = cache / name
    if whole.is_dir():
        return whole
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=f".{name}.") as hidden:
            part = Path(hidden) / "part"
            part.mkdir()
            build(part)
            _readable(part)
            try:
                part.rename(whole)
            except OSError:
                if not whole.is_dir():  # else another run built the same meanwhile
                    raise
    except OSError as error:
        raise HostError(
            f"the data set {name} could not be written: {error.strerror or error}",
            where=str(cache),
            remedy="free some space or make the folder writable",
        ) from error
    return whole


def _readable(directory: Path) -> None:
    """Servers that give up root read it too, whatever the umask."""
    directory.chmod(0o755)
    for path in directory.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def seeded_bytes(count: int, *key: int) -> bytes:
    """``count`` bytes of the PCG64 stream seeded by ``key``: the raw stream, which numpy keeps stable
    between versions (NEP 19), unlike that of Generator's methods."""
    words = np.random.PCG64(np.random.SeedSequence(key)).random_raw(-(-count // 8))
    return np.asarray(words, "<u8").tobytes()[:count]
