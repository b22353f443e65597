"""``make`` for a target's C parts: one builder at a time, its first complaint as the error."""

import fcntl
import subprocess
from pathlib import Path

from vocabulary.errors import HostError, TargetError

_REMEDY = "./kxbench setup installs the compiler and make"


def make(directory: Path, build: Path) -> None:
    """Run ``make`` in ``directory``, whose results go to ``build``. Raises TargetError with the compiler's
    first words, HostError where one may not write."""
    try:
        build.mkdir(exist_ok=True)
        held = (build / ".lock").open("w")
    except OSError as error:
        raise HostError(
            f"cannot be built: {error.strerror}",
            where=str(build),
            remedy="run as root, or as this tree's owner",
        ) from error
    with held as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            command = ["make", "-s", "-j4", "-C", str(directory)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            raise TargetError(f"cannot be built: {error}", where=str(directory), remedy=_REMEDY) from error
    if done.returncode:
        lines = (done.stderr.strip() or f"make exited with {done.returncode}").splitlines()
        first = next((line for line in lines if "error" in line), lines[0])
        raise TargetError(first, where=str(directory), remedy=_REMEDY, console=done.stderr[-4000:])
