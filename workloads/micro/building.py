"""Builds the micro programs, once, and knows where they are."""

import fcntl
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vocabulary import TargetError

HERE = Path(__file__).parent
BUILD = HERE / "build"
SANITIZED = BUILD / "sanitize"
NAMES = (
    *("null", "ctxsw", "fork", "cow", "exec", "herd", "create"),
    *("pipe", "sysv_mq", "posix_mq", "kill", "exitwait", "sysv_shm", "posix_shm"),
    *("dlopen", "update", "kernel"),
)
_REMEDY = "./kxbench setup installs the compiler, make and systemtap-sdt-dev"
_built: set[str] = set()


@contextmanager
def exclusive() -> Iterator[None]:
    """One builder at a time, of all processes."""
    BUILD.mkdir(exist_ok=True)
    with (BUILD / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(goal: str = "all") -> None:
    """Idempotent; asks make once a process. Goals: ``all``, ``sanitize``. Raises TargetError."""
    if goal in _built:
        return
    try:
        with exclusive():
            command = ["make", "-s", "-j4", "-C", str(HERE), goal]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise TargetError(f"cannot be built: {error}", where=str(HERE), remedy=_REMEDY) from error
    if done.returncode:
        first = (done.stderr.strip() or f"make exited with {done.returncode}").splitlines()[0]
        raise TargetError(first, where=str(HERE), remedy=_REMEDY, console=done.stderr[-4000:])
    _built.add(goal)


def programs() -> dict[str, Path]:
    """The built binary of each program by name; those with USDT probes (provider ``kxbench``) are
    ``fork``, ``dlopen``, ``update`` and the seven of inter-process communication."""
    return {name: BUILD / name for name in NAMES}


def missing() -> str:
    """Why the programs are not there and cannot be built, with the remedy; else empty."""
    if all(path.exists() for path in programs().values()):
        return ""
    absent = [tool for tool in ("make", "gcc") if not shutil.which(tool)]
    return f"{' and '.join(absent)} not found: {_REMEDY}" if absent else ""
