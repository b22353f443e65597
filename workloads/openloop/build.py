"""Builds the generator with make, once for all processes that ask at the same time."""

import fcntl
import subprocess
from pathlib import Path

from vocabulary import HostError

FOLDER = Path(__file__).parent
GENERATOR = FOLDER / "build" / "openloop"


def build(program: str = "openloop") -> Path:
    """Path of ``build/PROGRAM``, made if it is missing or older than its sources. Raises HostError."""
    target = FOLDER / "build" / program
    try:
        target.parent.mkdir(exist_ok=True)
        with (target.parent / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = subprocess.run(
                ["make", "--silent", "-C", FOLDER, f"build/{program}"],
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HostError(
            f"cannot build {program}: {error}",
            where=str(FOLDER),
            remedy="install make and gcc, and let this folder be written to",
        ) from error
    if done.returncode:
        raise HostError(
            f"cannot build {program}:\n{(done.stderr or done.stdout)[-2000:]}",
            where=str(FOLDER),
            remedy="install make, gcc and libc6-dev",
        )
    return target
