"""Builds the monitor and the LibOS: ``make``, once a process, one builder at a time.

With KXBENCH_KYLINX_BUILD in the environment, what is in that folder is used (for work on the C parts).
Those of another commit are built of what git has of it, and kept: both can be deployed in one run."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from targets.kylinx import abi
from targets.making import make
from vocabulary.errors import TargetError, UsageError

HERE = Path(__file__).resolve().parent
_ROOT = HERE.parents[1]
_GIVEN = os.environ.get("KXBENCH_KYLINX_BUILD", "")
BUILD = Path(_GIVEN).absolute() if _GIVEN else HERE / "build"
MONITOR = BUILD / "monitor.elf"
LIBOS = BUILD / "libos.elf"
_COMMITS = HERE / "build" / "commits"
_built: set[str] = set()


@dataclass(frozen=True, slots=True)
class Build:
    """The two files that are a pVM's system."""

    monitor: Path
    libos: Path


NOW = Build(MONITOR, LIBOS)
"""Of the working tree."""


def build() -> None:
    """Idempotent. Raises TargetError with the compiler's first words, HostError where one may not write."""
    if _built or _GIVEN:
        return
    make(HERE, BUILD)
    _built.add("all")


def of_commit(commit: str) -> Build:
    """Where ``build_commit`` puts them."""
    folder = _COMMITS / commit
    return Build(folder / MONITOR.name, folder / LIBOS.name)


def build_commit(commit: str) -> None:
    """Idempotent; some ten seconds. Raises TargetError with the compiler's first words, and UsageError where
    git does not have the commit, or it is of another interface than we drive monitors by."""
    made = of_commit(commit)
    if made.monitor.exists():
        return
    _COMMITS.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=_COMMITS) as folder:
        _extract(commit, Path(folder))
        source = Path(folder) / HERE.relative_to(_ROOT)
        _demand_same_interface(commit, source / "abi" / abi.HEADER.name)
        make(source, source / "build")
        made.monitor.parent.mkdir(exist_ok=True)
        for file in (made.libos, made.monitor):  # the monitor last: it says that all is there
            shutil.move(source / "build" / file.name, file)


def _extract(commit: str, into: Path) -> None:
    """What git has of this folder at that commit."""
    argv = ["git", "-c", f"safe.directory={_ROOT}", "-C", str(_ROOT), "archive", commit]
    try:
        done = subprocess.run([*argv, str(HERE.relative_to(_ROOT))], capture_output=True, check=False)
    except OSError as error:
        raise UsageError(f"no git: {error.strerror}", remedy="./kxbench setup installs it") from error
    if done.returncode:
        if b"pathspec" in done.stderr:
            raise UsageError(
                f"commit {commit} has no {HERE.relative_to(_ROOT)} yet",
                where=f"{HERE.name}@{commit}",
                remedy="name a later one",
            )
        said = (done.stderr.decode(errors="replace").strip().splitlines() or ["git failed"])[0]
        raise UsageError(
            f"git has nothing of commit {commit} to build: {said}",
            where=f"{HERE.name}@{commit}",
            remedy="a shallow clone lacks older commits: git fetch --unshallow",
        )
    unpacked = subprocess.run(
        ["tar", "-x", "-C", str(into)], input=done.stdout, capture_output=True, check=False
    )
    if unpacked.returncode:
        raise TargetError(
            f"commit {commit} cannot be unpacked: {unpacked.stderr.decode(errors='replace').strip()}",
            where=str(into),
            remedy="is there room on that disk?",
        )


def _demand_same_interface(commit: str, header: Path) -> None:
    theirs = abi.read_numbers(header.read_text(encoding="utf-8"))
    for name in ("KX_ABI_VERSION", "KX_IMAGE_VERSION"):
        if theirs.get(name) != abi.NUMBERS[name]:
            raise UsageError(
                f"its {name} is {theirs.get(name)}, and {abi.NUMBERS[name]} is what we can drive",
                where=f"{HERE.name}@{commit}",
                remedy="measure it from a clone at that commit, and compare the runs",
            )
