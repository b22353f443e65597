"""Builds the monitor and the LibOS: ``make``, once a process, one builder at a time.

With KXBENCH_KYLINX_BUILD in the environment, what is in that folder is used (for work on the C parts)."""

import fcntl
import os
import subprocess
from pathlib import Path

from vocabulary.errors import HostError, TargetError

HERE = Path(__file__).parent
_GIVEN = os.environ.get("KXBENCH_KYLINX_BUILD", "")
BUILD = Path(_GIVEN).absolute() if _GIVEN else HERE / "build"
MONITOR = BUILD / "monitor.elf"
LIBOS = BUILD / "libos.elf"
_REMEDY = "./kxbench setup installs the compiler and make"
_built: set[str] = set()


def build() -> None:
    """Idempotent. Raises TargetError with the compiler's first words, HostError where one may not write."""
    if _built or _GIVEN:
        return
    try:
        BUILD.mkdir(exist_ok=True)
        held = (BUILD / ".lock").open("w")
    except OSError as error:
        raise HostError(
            f"cannot be built: {error.strerror}",
            where=str(BUILD),
            remedy="run as root, or as this tree's owner",
        ) from error
    with held as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            command = ["make", "-s", "-j4", "-C", str(HERE)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            raise TargetError(f"cannot be built: {error}", where=str(HERE), remedy=_REMEDY) from error
    if done.returncode:
        lines = (done.stderr.strip() or f"make exited with {done.returncode}").splitlines()
        first = next((line for line in lines if "error" in line), lines[0])
        raise TargetError(first, where=str(HERE), remedy=_REMEDY, console=done.stderr[-4000:])
    _built.add("all")
