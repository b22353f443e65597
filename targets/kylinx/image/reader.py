"""Reads images back, believing nothing: for ``image show``, for tests, and to find a fault's symbols."""

import ctypes
import hashlib
import json
import mmap
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from targets.kylinx import abi
from targets.kylinx.image.elf import PAGE
from vocabulary.errors import KxbenchError, TargetError, UsageError

_T = TypeVar("_T", bound=ctypes.LittleEndianStructure)
_REMEDY = "build it again: kxbench image build"
_MAKE = "kxbench image build -o FILE PROGRAM makes one"


def manifest_path(image: Path) -> Path:
    """Where an image's manifest is."""
    return image.with_name(f"{image.stem}.manifest.json")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in an image."""

    path: str
    inode: abi.ImageInode
    image: "ImageReader"

    @property
    def data(self) -> bytes:
        """A regular file's bytes, a symbolic link's target; empty for a directory. Raises TargetError."""
        return b"" if stat.S_ISDIR(self.inode.mode) else self.image.at(self.inode.data, self.inode.size)

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.inode.mode)


class ImageReader:
    """An image, mapped. Raises TargetError when it is not one, or damaged; UsageError when there is none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                if size < PAGE or file.seek(0) or file.read(8) != abi.IMAGE_MAGIC:
                    raise TargetError("not an image of KylinX", where=str(path), remedy=_MAKE)
                self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError as error:
            raise UsageError("there is no such image", where=str(path), remedy=_MAKE) from error
        except IsADirectoryError as error:
            raise UsageError("a directory, not an image", where=str(path), remedy=_MAKE) from error
        except OSError as error:
            raise TargetError(f"cannot be read: {error.strerror}", where=str(path), remedy=_REMEDY) from error
        self.header = abi.ImageHeader.from_buffer_copy(self._data)
        if self.header.version != abi.KX_IMAGE_VERSION:
            raise self.wrong(f"an image of version {self.header.version}, not {abi.KX_IMAGE_VERSION}")
        if self.header.bytes != len(self._data):
            raise self.wrong("the image is cut off or has been added to")
        header = self.header
        self._inodes: list[abi.ImageInode] = self._array(abi.ImageInode, header.inode_off, header.inodes)
        self._dirents: list[abi.ImageDirent] = self._array(abi.ImageDirent, header.dirent_off, header.dirents)
        self.execs: list[abi.ImageExec] = self._array(abi.ImageExec, header.exec_off, header.execs)
        self._strings = self.at(header.string_off, header.string_bytes)

    def wrong(self, what: str) -> TargetError:
        return TargetError(what, where=str(self.path), remedy=_REMEDY)

    def at(self, offset: int, length: int) -> bytes:
        """Bytes of the image file."""
        if offset + length > len(self._data):
            raise self.wrong("an offset in the image lies outside it")
        return self._data[offset : offset + length]

    def _array(self, kind: type[_T], offset: int, count: int) -> list[_T]:
        size = ctypes.sizeof(kind)
        data = self.at(offset, count * size)
        return [kind.from_buffer_copy(data, at) for at in range(0, count * size, size)]

    def sha256(self) -> str:
        """Of all after the header's page, computed."""
        with memoryview(self._data) as view:
            return hashlib.sha256(view[PAGE:]).hexdigest()

    def entries(self) -> Iterator[Entry]:
        """Every file, directory and link, parents first."""
        if not self._inodes:
            raise self.wrong("the image has no root directory")
        seen: set[int] = set()
        pending = [("/", 0)]
        while pending:
            path, number = pending.pop()
            if number >= len(self._inodes) or number in seen:
                raise self.wrong("a directory entry leads nowhere, or in a circle")
            seen.add(number)
            inode = self._inodes[number]
            yield Entry(path, inode, self)
            if stat.S_ISDIR(inode.mode):
                for entry in self._dirents[inode.first : inode.first + inode.count]:
                    name = os.fsdecode(self._strings[entry.name : entry.name + entry.length])
                    pending.append((f"{path.rstrip('/')}/{name}", entry.inode))

    def root(self) -> Entry:
        if not self._inodes:
            raise self.wrong("the image has no root directory")
        return Entry("/", self._inodes[0], self)

    def child(self, parent: Entry, name: str) -> Entry | None:
        """The entry of a directory; None where there is none, or ``parent`` is no directory."""
        if not stat.S_ISDIR(parent.inode.mode):
            return None
        raw = os.fsencode(name)
        for entry in self._dirents[parent.inode.first : parent.inode.first + parent.inode.count]:
            if self._strings[entry.name : entry.name + entry.length] == raw:
                if entry.inode >= len(self._inodes):
                    raise self.wrong("a directory entry leads nowhere")
                return Entry(f"{parent.path.rstrip('/')}/{name}", self._inodes[entry.inode], self)
        return None

    def exec_of(self, entry: Entry) -> abi.ImageExec | None:
        """Its patched text, if it has one."""
        number = entry.inode.exec
        if number == abi.KX_IMAGE_NONE:
            return None
        if number >= len(self.execs):
            raise self.wrong("a file's patched text lies outside the array")
        found: abi.ImageExec = self.execs[number]
        return found


def check_image(path: Path) -> dict[str, Any]:
    """The manifest of an image whose bytes are what the manifest says. Raises TargetError."""
    image = ImageReader(path)
    said = manifest_path(path)
    try:
        manifest: dict[str, Any] = json.loads(said.read_text(encoding="utf-8"))
        expected = manifest["sha256"]
    except (OSError, ValueError, KeyError) as error:
        raise TargetError(f"its manifest cannot be read: {error}", where=str(said), remedy=_REMEDY) from error
    found = image.sha256()
    if not found == expected == bytes(image.header.sha256).hex():
        raise TargetError(
            "the image is not what its manifest and header say", where=str(path), remedy=_REMEDY
        )
    return manifest


def damaged(path: Path) -> bool:
    """Whether an image's bytes are not those that its header tells the hash of. Reads all of it."""
    try:
        image = ImageReader(path)
    except KxbenchError:
        return True
    return image.sha256() != bytes(image.header.sha256).hex()


def check_header(path: Path, sha256: str) -> bool:
    """Whether the image says it has this hash; without reading all of it. Raises TargetError."""
    return bytes(ImageReader(path).header.sha256).hex() == sha256
