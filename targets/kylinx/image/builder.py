"""Makes an image: programs, what they need, what was asked for; patched, written, described in a manifest."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from targets.kylinx import abi
from targets.kylinx.image import extras
from targets.kylinx.image.elf import Elf, is_elf
from targets.kylinx.image.linker import Linker, Requester
from targets.kylinx.image.patch import Patched, patch_cached
from targets.kylinx.image.reader import manifest_path
from targets.kylinx.image.tree import Tree
from targets.kylinx.image.writer import Written, write_image
from vocabulary.errors import HostError, TargetError, UsageError

# a person's PATH may lead to wrappers that switch versions; what is meant is the distribution's program
ROOT = Path(__file__).resolve().parents[3]
CACHE = ROOT / "build" / "cache" / "kylinx"
PATCHES = CACHE / "patches"
SEARCH = "/usr/sbin:/usr/bin:/sbin:/bin"
_LONGEST_SHEBANG = 256


@dataclass(frozen=True, slots=True)
class Request:
    """``programs``: paths or names; ``add``: files and directories (whole) to take in at their own paths."""

    programs: tuple[str, ...]
    add: tuple[Path, ...] = ()
    name: str = ""


@dataclass(slots=True)
class Image:
    """A finished image and its manifest."""

    path: Path
    manifest: dict[str, Any]

    @property
    def manifest_path(self) -> Path:
        return manifest_path(self.path)


def find_program(name: str) -> Path:
    """As given when it has a slash, else the distribution's program, else by PATH. Raises UsageError."""
    if not name:
        raise UsageError("the name of a program is empty", remedy="give a program's name or path")
    if "/" in name:
        path = Path(name) if name.startswith("/") else Path.cwd() / name
        path = Path(os.path.normpath(path)) if not path.exists() else path
        if path.is_dir():
            raise UsageError("a directory, not a program", where=name, remedy="name a program in it")
        if not path.is_file():
            raise UsageError(
                "there is no such program", where=name, remedy="give the path of an ELF program or a script"
            )
        return path
    found = shutil.which(name, path=SEARCH) or shutil.which(name)
    if found is None:
        raise UsageError(f"there is no program called {name!r}", remedy="install it, or give its path")
    return Path(found)


@dataclass(slots=True)
class _Collector:
    """Fills the tree; everything that is added is looked at once."""

    tree: Tree = field(default_factory=Tree)
    linker: Linker = field(default_factory=Linker)
    elves: dict[str, Elf] = field(default_factory=dict)  # by real path
    notes: dict[str, str] = field(default_factory=dict)
    _done: set[str] = field(default_factory=set)
    _named: set[str] = field(default_factory=set)

    def skeleton(self) -> None:
        for path, mode in extras.SKELETON.items():
            self.tree.directory(path, mode)
        for path in extras.FILES:
            self.tree.add(Path(path))
        for path in extras.TREES:
            self.tree.add(Path(path), contents=True)
        for path in extras.PROGRAMS:
            if Path(path).exists():
                self.program(Path(path), companions=False)

    def program(self, path: Path, *, companions: bool = True) -> None:
        """A program that must be able to start; ``companions``: what is known to go with it is taken in too.

        Raises KxbenchError when something that it needs is not there."""
        real = self.tree.add(path)
        if real is None or not real.is_file():
            raise UsageError("there is no such program", where=str(path))
        if str(real) in self._named:
            return
        if companions:
            self._named.add(str(real))
        data = _read(real)
        if is_elf(data):
            self._elf(Elf(data, str(real)), real, strict=True)
            if companions:
                self._take(extras.for_program(real.name))
        elif data.startswith(b"#!"):
            self._script(data, path)
        else:
            raise TargetError(
                "neither an ELF program nor a script",
                where=str(path),
                remedy="name a program for x86-64 Linux",
            )

    def _script(self, data: bytes, path: Path) -> None:
        words = data[2:_LONGEST_SHEBANG].partition(b"\n")[0].decode("utf-8", "surrogateescape").split()
        if not words or not words[0].startswith("/"):
            raise TargetError(
                "its first line names no interpreter",
                where=str(path),
                remedy="begin it with #!/bin/sh or another",
            )
        if not Path(words[0]).is_file():
            raise TargetError(
                f"its interpreter {words[0]} is not there",
                where=str(path),
                remedy="install it, or mend the first line",
            )
        self.program(Path(words[0]))
        if Path(words[0]).name == "env" and len(words) > 1 and not words[-1].startswith("-"):
            self.program(find_program(words[-1]))

    def _take(self, more: extras.Extras) -> None:
        for name in more.paths:
            self.tree.add(Path(name))
        for name in more.trees:
            self.tree.add(Path(name), contents=True)
        for name in more.programs:
            self.program(Path(name))

    def _elf(self, elf: Elf, real: Path, *, strict: bool, inherited: tuple[str, ...] = ()) -> None:
        """Its interpreter and libraries. ``strict``: what is not found is an error, else a note."""
        if str(real) in self._done:
            return
        self._done.add(str(real))
        self.elves[str(real)] = elf
        if elf.interpreter:
            loader = self.tree.add(Path(elf.interpreter))
            if loader is None:
                self._lacking(elf, f"its interpreter {elf.interpreter} is not there", strict)
            else:
                self._elf(Elf(_read(loader), str(loader)), loader, strict=strict)
        requester = Requester(elf, real, inherited)
        for name in elf.needed:
            self._library(name, requester, strict=strict)

    def _library(self, name: str, requester: Requester, *, strict: bool) -> None:
        found = self.linker.find(name, requester)
        if not found:
            self._lacking(requester.elf, f"its library {name} is not found", strict)
        for path in found:
            real = self.tree.add(path)
            if real is not None:
                self._elf(Elf(_read(real), str(real)), real, strict=strict, inherited=requester.handed_on())
                self._take(extras.for_library(name))

    def _lacking(self, elf: Elf, what: str, strict: bool) -> None:
        if strict:
            raise TargetError(what, where=elf.where, remedy="install the package that has it")
        self.notes[elf.where] = what

    def standing(self) -> None:
        """The libraries that libc opens by itself, and then those of every ELF in the tree."""
        for elf in list(self.elves.values()):
            if any(name.startswith("libc.so") for name in elf.needed):
                for name in extras.LIBRARIES:
                    self._library(name, Requester(elf, Path(elf.where)), strict=False)
                break
        seen: set[str] = set()
        while fresh := [(p, n) for p, n in self.tree.walk() if n.is_file and n.source and p not in seen]:
            for path, node in fresh:
                seen.add(path)
                if path not in self._done and node.source and _starts_as_elf(node.source):
                    try:
                        elf = Elf(_read(node.source), path)
                    except TargetError as error:
                        self.notes[path] = f"not loadable: {error.what}"
                        continue
                    self._elf(elf, Path(path), strict=False)


def _starts_as_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return is_elf(file.read(4))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise HostError(f"cannot be read: {error.strerror}", where=str(path)) from error


def build_image(request: Request, out: Path) -> Image:
    """Make the image at ``out`` and its manifest beside it.

    Raises UsageError for what was asked wrongly, TargetError for a damaged or incomplete program,
    HostError."""
    collector = _Collector()
    collector.skeleton()
    programs = [find_program(name) for name in request.programs]
    for path in programs:
        collector.program(path)
    for path in request.add:
        if collector.tree.add(path, contents=True) is None:
            raise UsageError(
                "there is no such file or directory to add", where=str(path), remedy="check --add"
            )
    collector.standing()
    patched = {path: patch_cached(elf, PATCHES) for path, elf in sorted(collector.elves.items())}
    patched = {path: made for path, made in patched.items() if made.sites or made.missed}
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        written = write_image(
            collector.tree, {path: made for path, made in patched.items() if made.sites}, out
        )
        image = Image(out, _manifest(request, programs, collector, patched, written))
        text = json.dumps(image.manifest, indent=1, ensure_ascii=True) + "\n"
        image.manifest_path.write_text(text, encoding="ascii")
    return image


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Raises HostError in place of what the disk says when the image ``out`` is written."""
    try:
        yield
    except PermissionError as error:
        raise HostError(
            "the image may not be written there",
            where=str(out),
            remedy="run as root, or name another place: -o FILE",
        ) from error
    except OSError as error:
        raise HostError(
            f"the image cannot be written: {error.strerror}",
            where=str(out),
            remedy="free some space, or name another place: kxbench image build -o FILE",
        ) from error


def _manifest(
    request: Request,
    programs: Sequence[Path],
    collector: _Collector,
    patched: dict[str, Patched],
    written: Written,
) -> dict[str, Any]:
    files = []
    for path, node in collector.tree.walk():
        if not node.is_file:
            continue
        entry: dict[str, Any] = {
            "path": path,
            "size": node.size,
            "mode": f"{node.mode & 0o7777:o}",
            "sha256": written.files[path],
        }
        if node.source:
            entry["mtime_ns"] = node.mtime_ns
        if elf := collector.elves.get(path):
            entry["build_id"] = elf.build_id.hex()
        if patch := patched.get(path):
            entry |= {"sites": patch.sites, "missed": len(patch.missed)}
        files.append(entry)
    return {
        "format": abi.KX_IMAGE_VERSION,
        "abi": abi.KX_ABI_VERSION,
        "name": request.name or programs[0].name,
        "programs": [str(path) for path in programs],
        "added": [str(path) for path in request.add],
        "bytes": written.bytes,
        "sha256": written.sha256,
        "sites": sum(patch.sites for patch in patched.values()),
        "missed": sum(len(patch.missed) for patch in patched.values()),
        "notes": dict(sorted(collector.notes.items())) | dict(sorted(collector.tree.skipped.items())),
        "watched": dict(sorted(collector.tree.watched.items())),
        "files": files,
    }
