"""The launcher, built when it is older than its source."""

import fcntl
import subprocess
from pathlib import Path

from vocabulary.errors import HostError

HERE = Path(__file__).parent
LAUNCHER = HERE / "build" / "launch"
SOURCES = (HERE / "launch.c", HERE / "Makefile")


def launcher() -> Path:
    """Its path, built if need be (once, however many ask). Raises HostError."""
    if _is_fresh():
        return LAUNCHER
    LAUNCHER.parent.mkdir(exist_ok=True)
    with (LAUNCHER.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_fresh():
            _make()
    return LAUNCHER


def _is_fresh() -> bool:
    return LAUNCHER.exists() and all(LAUNCHER.stat().st_mtime >= source.stat().st_mtime for source in SOURCES)


def _make() -> None:
    try:
        done = subprocess.run(["make", "-C", str(HERE)], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise HostError("there is no `make`", remedy="apt-get install make gcc libc6-dev") from error
    if done.returncode:
        raise HostError(
            f"the launcher does not build:\n{done.stderr.strip()}",
            where=str(HERE),
            remedy="apt-get install make gcc libc6-dev",
        )
