"""Libraries for ``dlopen`` and ``update``: distinct, deterministic files of a wanted size, sparse on disk.

``library.c`` is compiled once a size; each library is a copy with its number and version patched in.
"""

import struct
import subprocess
from pathlib import Path

from vocabulary import TargetError
from workloads.micro.building import BUILD, HERE, exclusive

_MAGIC = b"KXBENCH-LIBRARY\0"
_PAGE = 4096
SIZES_KIB = (64, 1024, 16384)


def _template(size_kib: int, folder: Path) -> bytes:
    source, made = HERE / "library.c", folder / f"template-{size_kib}.so"
    if not made.exists() or made.stat().st_mtime < source.stat().st_mtime:
        command = ["gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared"]
        command += [f"-DFILL_BYTES={size_kib * 1024}", "-Wl,--build-id=none", "-Wl,-z,relro,-z,now", "-s"]
        done = subprocess.run([*command, "-o", made, source], capture_output=True, text=True, check=False)
        if done.returncode:
            raise TargetError(
                done.stderr.strip()[-400:], where=str(source), remedy="a C compiler is needed: kxbench setup"
            )
    return made.read_bytes()


def _write_sparse(path: Path, content: bytes) -> None:
    """Whole or not at all; pages of zeros become holes."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as out:
        for at in range(0, len(content), _PAGE):
            page = content[at : at + _PAGE]
            if page.count(0) != len(page):
                out.seek(at)
                out.write(page)
        out.truncate(len(content))
    temporary.replace(path)


def make_library(path: Path, *, size_kib: int, number: int = 0, version: int = 1) -> Path:
    """One library at ``path``, made anew only if older than its source. Raises TargetError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_mtime >= (HERE / "library.c").stat().st_mtime:
        return path
    content = _template(size_kib, path.parent)
    at = content.find(_MAGIC)
    if at < 0 or content.count(_MAGIC) != 1:
        raise TargetError("the built library does not have its mark exactly once", where=str(path))
    at += len(_MAGIC)
    _write_sparse(path, content[:at] + struct.pack("<QQ", number, version) + content[at + 16 :])
    return path


def make_libraries(count: int, size_kib: int, *, folder: Path | None = None) -> Path:
    """The folder with ``lib-000.so`` to ``lib-(count-1).so`` of about ``size_kib``. Raises TargetError."""
    into = folder or BUILD / "lib" / f"{size_kib}k"
    with exclusive():
        for number in range(count):
            make_library(into / f"lib-{number:03d}.so", size_kib=size_kib, number=number)
    return into


def make_versions(size_kib: int, *, folder: Path | None = None) -> tuple[Path, Path]:
    """``update-v1.so`` and ``update-v2.so``. Raises TargetError."""
    into = folder or BUILD / "lib" / f"{size_kib}k"
    with exclusive():
        first = make_library(into / "update-v1.so", size_kib=size_kib, version=1)
        return first, make_library(into / "update-v2.so", size_kib=size_kib, version=2)
