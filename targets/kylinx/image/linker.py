"""Where ld.so would find a library: RPATH, RUNPATH, /etc/ld.so.cache, default directories. See ld.so(8)."""

import struct
from dataclasses import dataclass
from pathlib import Path

from targets.kylinx.image.elf import Elf
from vocabulary.errors import TargetError

CACHE = Path("/etc/ld.so.cache")
_CACHE_MAGIC = b"glibc-ld.so.cache1.1"
_HEADER_BYTES, _ENTRY_BYTES = 48, 24
_X86_64_LIBC6 = 0x0303
_MULTIARCH = "x86_64-linux-gnu"
DEFAULT_DIRECTORIES = (
    f"/lib/{_MULTIARCH}",
    f"/usr/lib/{_MULTIARCH}",
    "/lib",
    "/usr/lib",
    "/lib64",
    "/usr/lib64",
)
_LEVELS = ("x86-64-v4", "x86-64-v3", "x86-64-v2")


def read_cache(data: bytes) -> dict[str, list[str]]:
    """Paths of x86-64 libraries by soname, in the order of ``ld.so.cache``; empty when not of format 1.1."""
    start = data.find(_CACHE_MAGIC, 0, 1 << 20)
    if start < 0 or len(data) < start + _HEADER_BYTES:
        return {}
    data = data[start:]  # behind a table of the old format, offsets count from here
    (count,) = struct.unpack_from("<I", data, 20)
    found: dict[str, list[str]] = {}
    for at in range(
        _HEADER_BYTES,
        min(len(data) - _ENTRY_BYTES, _HEADER_BYTES + count * _ENTRY_BYTES - 1) + 1,
        _ENTRY_BYTES,
    ):
        flags, key, value = struct.unpack_from("<iII", data, at)
        if flags == _X86_64_LIBC6:
            name, path = _string(data, key), _string(data, value)
            if name and path.startswith("/"):
                found.setdefault(name, []).append(path)
    return found


def _string(data: bytes, at: int) -> str:
    return data[at : at + 4096].partition(b"\0")[0].decode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Requester:
    """An ELF whose libraries are wanted; ``path`` is its real one, for $ORIGIN."""

    elf: Elf
    path: Path
    inherited: tuple[str, ...] = ()  # RPATHs of its loaders

    def directories(self) -> list[str]:
        """Its own search path in ld.so's order: RPATH (with its loaders'), or RUNPATH."""
        origin = str(self.path.parent)
        own = self.elf.runpath or [*self.elf.rpath, *self.inherited]
        return [_expand(directory, origin) for directory in own]

    def handed_on(self) -> tuple[str, ...]:
        """The RPATHs that hold for what it loads as well."""
        return (*(_expand(d, str(self.path.parent)) for d in self.elf.rpath), *self.inherited)


def _expand(directory: str, origin: str) -> str:
    for name, value in (("ORIGIN", origin), ("LIB", f"lib/{_MULTIARCH}"), ("PLATFORM", "x86_64")):
        directory = directory.replace(f"${{{name}}}", value).replace(f"${name}", value)
    return directory


class Linker:
    """Finds libraries on this host."""

    def __init__(self, cache: Path = CACHE) -> None:
        self._cache = read_cache(cache.read_bytes()) if cache.is_file() else {}

    def find(self, name: str, requester: Requester) -> list[Path]:
        """The library that ld.so would take, and its variants for other processors (glibc-hwcaps), which it
        may take on another machine. Empty when there is none."""
        if "/" in name:
            return [Path(name)] if _loadable(Path(name)) else []
        for directory in requester.directories():
            if found := _in_directory(directory, name):
                return found
        cached = [Path(path) for path in self._cache.get(name, []) if _loadable(Path(path))]
        if cached:
            return cached
        for directory in DEFAULT_DIRECTORIES:
            if found := _in_directory(directory, name):
                return found
        return []


def _in_directory(directory: str, name: str) -> list[Path]:
    places = [Path(directory, name), *(Path(directory, "glibc-hwcaps", level, name) for level in _LEVELS)]
    return [path for path in places if _loadable(path)]


def _loadable(path: Path) -> bool:
    """ld.so passes over what is not of its kind and goes on looking."""
    try:
        Elf(path.read_bytes(), str(path))
    except (OSError, TargetError):
        return False
    return True
