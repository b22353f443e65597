"""The files of an image while it is being made: a tree of nodes, filled from this host's file system."""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from vocabulary.errors import TargetError, UsageError

MOST_LINKS = 40  # as Linux (path_resolution(7))
MOST_FILES = 1 << 20


@dataclass(slots=True)
class Node:
    """A file, directory or symbolic link; its bytes are those of the host's file ``source``, or ``data``."""

    mode: int
    uid: int = 0
    gid: int = 0
    mtime_ns: int = 0
    size: int = 0
    children: dict[str, "Node"] = field(default_factory=dict)
    target: str = ""
    source: Path | None = None
    data: bytes = b""

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.mode)

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.mode)

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.mode)

    def read(self) -> bytes:
        """A regular file's bytes. Raises TargetError when it changed or vanished since it was added."""
        if self.source is None:
            return self.data
        try:
            data = self.source.read_bytes()
        except OSError as error:
            raise TargetError(f"cannot be read: {error.strerror}", where=str(self.source)) from error
        if len(data) != self.size:
            raise TargetError(
                "changed while the image was made", where=str(self.source), remedy="build it again"
            )
        return data


class Tree:
    """``skipped`` says what was left out, by path, with the reason."""

    def __init__(self) -> None:
        self.root = Node(stat.S_IFDIR | 0o755)
        self.skipped: dict[str, str] = {}
        self.watched: dict[
            str, int
        ] = {}  # directories added whole, with their mtime in ns: to see that an image is stale
        self._count = 0

    def add(self, path: Path, *, contents: bool = False) -> Path | None:
        """Take in a host's file, link or directory at its own absolute path, with the directories and
        symbolic links on the way. Returns where it really is, links followed; None when there is none.

        ``contents``: of a directory, all below it too. Raises UsageError when it cannot be followed."""
        real = self._walk(_absolute(path))
        if real is not None and contents and real.is_dir():
            self._add_below(real)
        return real

    def put(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """A regular file of our own making, in place of the host's."""
        *parents, name = _absolute(Path(path)).parts[1:]
        node = self.root
        for part in parents:
            node = node.children.setdefault(part, Node(stat.S_IFDIR | 0o755))
        node.children[name] = Node(stat.S_IFREG | mode, size=len(data), data=data)

    def directory(self, path: str, mode: int = 0o755) -> None:
        """A directory of the skeleton; links that lead to it are the host's, as in ``/var/run``."""
        real = self._walk(Path(path))
        parts = (real or Path(path)).parts[1:]
        node = self.root
        for part in parts:
            node = node.children.setdefault(part, Node(stat.S_IFDIR | 0o755))
        node.mode = stat.S_IFDIR | mode

    def walk(self) -> Iterator[tuple[str, Node]]:
        """(absolute path, node), parents before children, names in byte order."""
        pending = [("/", self.root)]
        while pending:
            path, node = pending.pop()
            yield path, node
            names = sorted(node.children, key=os.fsencode, reverse=True)
            pending += [(f"{path.rstrip('/')}/{name}", node.children[name]) for name in names]

    def _walk(self, path: Path) -> Path | None:
        """Follow ``path`` from the root on the host, copying each step into the tree."""
        left = list(path.parts[1:])
        at, node, followed = Path("/"), self.root, 0
        trail: list[Node] = []
        while left:
            part = left.pop(0)
            if part in (".", ""):
                continue
            if part == "..":
                at, node = at.parent, trail.pop() if trail else self.root
                continue
            child = self._child(node, at / part)
            if child is None:
                return None
            if child.is_link:
                followed += 1
                if followed > MOST_LINKS:
                    raise UsageError("too many symbolic links", where=str(path))
                target = PurePosixPath(child.target)
                left[:0] = target.parts[1:] if target.is_absolute() else target.parts
                if target.is_absolute():
                    at, node, trail = Path("/"), self.root, []
                continue
            trail.append(node)
            at, node = at / part, child
        return at

    def _child(self, parent: Node, path: Path) -> Node | None:
        known = parent.children.get(path.name)
        if known is not None:
            return known
        if not parent.is_directory:
            raise UsageError("not a directory", where=str(path.parent))
        made = self._node_of(path)
        if made is not None:
            self._count += 1
            if self._count > MOST_FILES:
                raise UsageError(
                    f"more than {MOST_FILES} files", where=str(path), remedy="add a smaller tree"
                )
            parent.children[path.name] = made
        return made

    def _node_of(self, path: Path) -> Node | None:
        try:
            found = path.lstat()
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                return None
            raise UsageError(f"cannot be read: {error.strerror}", where=str(path)) from error
        if stat.S_ISLNK(found.st_mode):
            target = str(path.readlink())
            return Node(
                stat.S_IFLNK | 0o777,
                found.st_uid,
                found.st_gid,
                found.st_mtime_ns,
                len(os.fsencode(target)),
                target=target,
            )
        if stat.S_ISDIR(found.st_mode):  # its time changes with every neighbour's coming and going
            return Node(found.st_mode, found.st_uid, found.st_gid)
        if stat.S_ISREG(found.st_mode):
            return Node(
                found.st_mode, found.st_uid, found.st_gid, found.st_mtime_ns, found.st_size, source=path
            )
        self.skipped[str(path)] = "neither a file nor a directory nor a symbolic link"
        return None

    def _add_below(self, top: Path) -> None:
        for directory, directories, files in os.walk(top):
            directories.sort()
            here = Path(directory)
            self.watched[directory] = here.stat().st_mtime_ns
            for name in sorted([*directories, *files]):
                try:
                    self._walk(here / name)
                except UsageError as error:  # what is named is all wanted; what lies about may be odd
                    self.skipped[str(here / name)] = error.what


def _absolute(path: Path) -> Path:
    """Without a look at symbolic links, which are to be kept: ``..`` is left to the walk."""
    return path if path.is_absolute() else Path.cwd() / path
