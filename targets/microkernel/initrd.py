"""Writes the initrd: a cpio archive in the "newc" format, the same bytes for the same files.

Reference: Documentation/driver-api/early-userspace/buffer-format.rst of the kernel."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from vocabulary.errors import TargetError

_FILE, _DIRECTORY = 0o100644, 0o040755
_TRAILER = "TRAILER!!!"
MOST_BYTES = 1 << 30  # a machine would need more memory than the board can have below 4 GiB
LONGEST_NAME = 255


def write(path: Path, programs: Mapping[str, Path], data: Mapping[str, Path] | None = None) -> int:
    """An archive of files by their names in it (``www/index.html``), sorted, with their directories. Data
    keep the time of their last change, in seconds, for a server tells it; everything else about a file is
    the same for all: time 0, owner root.

    Returns its size in bytes. Raises TargetError."""
    files, dated = {**programs, **(data or {})}, set(data or {})
    size, number = 0, 0
    try:
        with path.open("wb") as archive:
            for name, source in _entries(files):
                number += 1
                content = source.read_bytes() if source else b""
                changed_s = int(source.stat().st_mtime) if source and name in dated else 0
                mode = _FILE if source else _DIRECTORY
                size += archive.write(_entry(name, mode, content, number, changed_s))
                if size > MOST_BYTES:
                    raise TargetError(f"the files to serve are over {MOST_BYTES >> 20} MiB", where=name)
            size += archive.write(_entry(_TRAILER, 0, b"", 0))
    except OSError as error:
        raise TargetError(
            f"the initrd cannot be written: {error.strerror}", where=str(error.filename or path)
        ) from error
    return size


def below(directory: Path, prefix: str = "") -> dict[str, Path]:
    """The regular files under ``directory``, by the names ``prefix/...`` for `write`."""
    return {
        (prefix / found.relative_to(directory)).as_posix(): found
        for found in sorted(directory.rglob("*"))
        if found.is_file()
    }


def _entries(files: Mapping[str, Path]) -> Iterator[tuple[str, Path | None]]:
    """Files and, before them, the directories they are in (None), in the order of their names."""
    directories = {str(parent) for name in files for parent in Path(name).parents if parent != Path()}
    for name in sorted({*files, *directories}):
        parts = name.split("/")
        if not all(parts) or {".", ".."} & set(parts) or len(name) > LONGEST_NAME or not name.isprintable():
            raise TargetError("not a name for a file in the initrd", where=repr(name))
        yield name, files.get(name)


def _entry(name: str, mode: int, data: bytes, number: int, changed_s: int = 0) -> bytes:
    """Header, name and data, each padded to 4 bytes."""
    encoded = name.encode() + b"\0"
    links = 2 if mode == _DIRECTORY else 1
    # ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
    fields = (number, mode, 0, 0, links, changed_s, len(data), 0, 0, 0, 0, len(encoded), 0)
    header = b"070701" + "".join(f"{field:08X}" for field in fields).encode()
    return _padded(header + encoded) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def main() -> None:
    """For `make run`: the words are ARCHIVE, the folder of the programs, and a folder of data or none."""
    archive, programs, *data = map(Path, sys.argv[1:])
    files = {name: path for folder in data for name, path in below(folder).items()}
    try:
        write(archive, {path.stem: path for path in programs.glob("*.elf")}, files)
    except TargetError as error:
        sys.exit(f"{error}")
