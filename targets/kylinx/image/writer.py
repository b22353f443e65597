"""Writes an image file, laid out as ``kx_image_*`` of ``abi/kx_abi.h``; equal trees give equal bytes."""

import ctypes
import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from targets.kylinx import abi
from targets.kylinx.image.elf import PAGE, up
from targets.kylinx.image.patch import Patched
from targets.kylinx.image.tree import Node, Tree
from vocabulary.errors import UsageError

_DT = {stat.S_IFDIR: 4, stat.S_IFREG: 8, stat.S_IFLNK: 10}  # DT_* of readdir(3)
_LONGEST_NAME = 255


@dataclass(slots=True)
class Written:
    """What went in: ``sha256`` of all after the header's page, and of each regular file by path."""

    sha256: str
    bytes: int
    files: dict[str, str] = field(default_factory=dict)


class _Arrays:
    """The image's tables, numbered before any offset is known."""

    def __init__(self, tree: Tree, patched: Mapping[str, Patched]) -> None:
        self.nodes: list[tuple[str, Node]] = []
        self.inodes: list[abi.ImageInode] = []
        self.dirents: list[abi.ImageDirent] = []
        self.execs: list[tuple[abi.ImageExec, Patched, Node]] = []
        self.strings = bytearray()
        self._number(tree.root, "/", 0)
        for (path, node), inode in zip(self.nodes, self.inodes, strict=True):
            if patch := patched.get(path):
                inode.exec = len(self.execs)
                self.execs.append((patch.record(), patch, node))

    def _number(self, root: Node, path: str, parent: int) -> None:
        """Inodes breadth first, so that the entries of a directory are one run of the array."""
        self._inode(root, path, parent)
        at = 0
        while at < len(self.nodes):
            path, node = self.nodes[at]
            if node.is_directory:
                self._entries(at, path, node)
            at += 1

    def _entries(self, at: int, path: str, node: Node) -> None:
        inode = self.inodes[at]
        inode.first, inode.count = len(self.dirents), len(node.children)
        for name in sorted(node.children, key=os.fsencode):
            child, raw = node.children[name], os.fsencode(name)
            if not 0 < len(raw) <= _LONGEST_NAME:
                raise UsageError("a name of more than 255 bytes", where=path)
            entry = abi.ImageDirent(
                length=len(raw), type=_DT[stat.S_IFMT(child.mode)], inode=len(self.inodes)
            )
            entry.name = len(self.strings)
            self.strings += raw + b"\0"
            self.dirents.append(entry)
            self._inode(child, f"{path.rstrip('/')}/{name}", at)

    def _inode(self, node: Node, path: str, parent: int) -> None:
        links = 2 + sum(child.is_directory for child in node.children.values()) if node.is_directory else 1
        inode = abi.ImageInode(node.mode, links, node.uid, node.gid, node.size, node.mtime_ns)
        inode.parent, inode.exec = parent, abi.KX_IMAGE_NONE
        if node.is_link:
            raw = os.fsencode(node.target)
            inode.size, inode.data = len(raw), len(self.strings)
            self.strings += raw + b"\0"
        self.nodes.append((path, node))
        self.inodes.append(inode)


def write_image(tree: Tree, patched: Mapping[str, Patched], out: Path) -> Written:
    """``patched``: by the ELF's path in the image. Replaces ``out`` when all is written. Raises OSError."""
    arrays = _Arrays(tree, patched)
    header = abi.ImageHeader(abi.IMAGE_MAGIC, abi.KX_IMAGE_VERSION, len(arrays.inodes))
    header.dirents, header.execs, header.string_bytes = (
        len(arrays.dirents),
        len(arrays.execs),
        len(arrays.strings),
    )
    header.inode_off = PAGE
    header.dirent_off = header.inode_off + up(len(arrays.inodes) * ctypes.sizeof(abi.ImageInode))
    header.exec_off = header.dirent_off + up(len(arrays.dirents) * ctypes.sizeof(abi.ImageDirent))
    header.string_off = header.exec_off + up(len(arrays.execs) * ctypes.sizeof(abi.ImageExec))
    for (_, node), inode in zip(arrays.nodes, arrays.inodes, strict=True):
        if node.is_link:
            inode.data += header.string_off
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with temporary.open("wb+") as file:
            blocks = _Blocks(file, header.string_off + up(len(arrays.strings)))
            written = Written("", 0)
            _write_data(arrays, blocks, written)
            for offset, table in (
                (header.inode_off, arrays.inodes),
                (header.dirent_off, arrays.dirents),
                (header.exec_off, [record for record, _, _ in arrays.execs]),
            ):
                file.seek(offset)
                file.writelines(bytes(entry) for entry in table)
            file.seek(header.string_off)
            file.write(arrays.strings)
            file.truncate(blocks.end)
            header.bytes = written.bytes = blocks.end
            digest = _hash_from(file, PAGE)
            header.sha256 = (ctypes.c_uint8 * 32)(*digest)
            written.sha256 = digest.hex()
            file.seek(0)
            file.write(bytes(header))
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
    return written


class _Blocks:
    """Page-aligned data, one block after the other; equal ones once, pages of zeros as holes."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file, self.end = file, start
        self._known: dict[str, int] = {}

    def write(self, data: bytes) -> tuple[int, str]:
        """(offset, sha256 of the data)."""
        digest = hashlib.sha256(data).hexdigest()
        if not data:
            return 0, digest
        if digest not in self._known:
            self._known[digest] = self.end
            for at in range(0, len(data), 16 * PAGE):
                piece = data[at : at + 16 * PAGE]
                if piece.count(0) != len(piece):
                    self._file.seek(self.end + at)
                    self._file.write(piece)
            self.end += up(len(data))
        return self._known[digest], digest


def _write_data(arrays: _Arrays, blocks: _Blocks, written: Written) -> None:
    for (path, node), inode in zip(arrays.nodes, arrays.inodes, strict=True):
        if node.is_file:
            inode.data, written.files[path] = blocks.write(node.read())
    for record, patch, node in arrays.execs:
        record.patched, _ = blocks.write(patch.text(node.read()))
        record.trampoline, _ = blocks.write(patch.trampolines)


def _hash_from(file: BinaryIO, offset: int) -> bytes:
    digest = hashlib.sha256()
    file.flush()
    file.seek(offset)
    while piece := file.read(1 << 20):
        digest.update(piece)
    return digest.digest()
