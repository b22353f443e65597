"""Whether a program can start in a family, and why one did not: in words for people.

What can be seen in the image is said before a family is made of it. What the LibOS alone knows (the family's
files change as it runs, its memory fills) is read from the monitor's log: there is no event for it."""

import errno
import os
import posixpath
import re
import stat
from collections.abc import Collection
from pathlib import Path

from targets.kylinx.image import Entry, ImageReader, damaged
from targets.kylinx.toolstack.control import Control, Program
from targets.kylinx.toolstack.monitor import FamilyOptions
from vocabulary.errors import KxbenchError, TargetError, UsageError

_GENERATED = ("/proc", "/sys", "/dev")  # by the LibOS: nothing of them is in an image
_MOST_LINKS = 40  # as Linux (path_resolution(7))
_REFUSED = (126, 127)  # what the LibOS ends a program with that it cannot start
_BUILD = "kxbench image build"
_WORDS = {
    errno.ENOENT: (
        "the program, its interpreter or its working directory {cwd} is not there",
        "--with and --add bring in what an image lacks; a --share hides what is below its place",
    ),
    errno.EACCES: (
        "it is a directory, or may not be executed",
        "name a program, or make the file executable",
    ),
    errno.ENOTDIR: ("a part of its path or its working directory is a file", "check the paths"),
    errno.ENOEXEC: ("it is not a program for x86-64 Linux, or is damaged", f"name another, or {_BUILD}"),
    errno.ENOMEM: ("the family has too little memory for it", "give it more when it is made: --memory"),
}


class _Elsewhere(Exception):
    """The path leads to where the image does not say what is there."""


def check_start(options: FamilyOptions, program: str, cwd: str) -> None:
    """Before a family is made: whether its shares, working directory and first program ("" for none) fit its
    image. Raises UsageError, and TargetError for an image that is damaged."""
    image = ImageReader(options.image)
    for share in options.shares:
        found = _find(image, share.guest, _GENERATED)
        if found is not None and not stat.S_ISDIR(found.inode.mode):
            raise UsageError(
                f"--share: {share.guest} is a file in the guest",
                remedy="share the directory at another place",
            )
    hidden = (*_GENERATED, *(posixpath.normpath(share.guest) for share in options.shares))
    try:
        _check_directory(image, cwd, hidden)
        if program:
            _check_program(image, posixpath.join(cwd, program), hidden)
    except UsageError:
        check_whole(options.image)
        raise


def check_whole(image: Path) -> None:
    """Raises TargetError for a damaged image, where what is not found may be hidden. Reads all of it."""
    if damaged(image):
        raise TargetError(
            "the image is damaged: it is not what its header says",
            where=str(image),
            remedy=f"build it again: {_BUILD}",
        )


def _check_directory(image: ImageReader, cwd: str, hidden: Collection[str]) -> None:
    if not cwd.startswith("/"):
        raise UsageError(
            f"--cwd {cwd}: not an absolute path", remedy="give the directory's path in the guest"
        )
    try:
        found = _walk(image, cwd, hidden)
    except _Elsewhere:
        return
    if found is None:
        raise UsageError(
            f"--cwd {cwd}: there is no such directory in the guest",
            remedy=f"take this host's into the image (--add {cwd}), or share it (--share {cwd})",
        )
    if not stat.S_ISDIR(found.inode.mode):
        raise UsageError(f"--cwd {cwd}: not a directory in the guest", remedy="name the directory it is in")


def _check_program(image: ImageReader, path: str, hidden: Collection[str]) -> None:
    try:
        found = _walk(image, path, hidden)
    except _Elsewhere:
        return
    where = image.path.name
    if found is None:
        raise UsageError(
            f"the image has no program {path}",
            where=where,
            remedy="name it, or --with it, when the image is made",
        )
    if stat.S_ISDIR(found.inode.mode):
        raise UsageError(f"{path} is a directory, not a program", remedy="name a program in it")
    if not found.inode.mode & 0o111:
        raise UsageError(f"{path} is not executable", remedy="chmod +x, where the image is made of it")


def _find(image: ImageReader, path: str, hidden: Collection[str]) -> Entry | None:
    try:
        return _walk(image, path, hidden)
    except _Elsewhere:
        return None


def _walk(image: ImageReader, path: str, hidden: Collection[str]) -> Entry | None:
    """Follow ``path``, links too. Raises _Elsewhere where it enters one of ``hidden``."""
    left = [part for part in path.split("/") if part not in ("", ".")]
    trail = [image.root()]
    followed = 0
    while left:
        part = left.pop(0)
        if part == "..":
            trail[1:] = trail[1:-1]
            continue
        if posixpath.join(trail[-1].path, part) in hidden:
            raise _Elsewhere
        child = image.child(trail[-1], part)
        if child is None or followed > _MOST_LINKS:
            return None
        if not stat.S_ISLNK(child.inode.mode):
            trail.append(child)
            continue
        followed += 1
        target = os.fsdecode(child.data)
        left[:0] = [step for step in target.split("/") if step not in ("", ".")]
        if target.startswith("/"):
            del trail[1:]
    return trail[-1]


def refusal(control: Control, slot: object, program: Program, exit_code: int) -> KxbenchError | None:
    """Why the LibOS did not start ``program``; None where it did, and ``exit_code`` is the program's own."""
    if exit_code not in _REFUSED:
        return None
    try:
        text = str(control.request("log").get("text", ""))
    except TargetError:  # gone meanwhile: the status has to do
        return None
    said = re.escape(f"slot {slot}: cannot start {program.path}: error ")
    found = re.findall(rf"{said}(\d+)$", text, re.MULTILINE)
    if not found:
        return None
    number = int(found[-1])
    what, remedy = _WORDS.get(number, (os.strerror(number), "kxbench image show says what the image holds"))
    return TargetError(
        f"cannot be started: {what.format(cwd=program.cwd)}", where=program.path, remedy=remedy
    )
