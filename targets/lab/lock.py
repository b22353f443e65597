"""The run lock: as long as somebody holds /run/kxbench/RUN.lock, the run's belongings are in use.

A lock of flock(2) falls with its last holder, so it needs no cleaning up to tell a dead run. Its holders are
the suite and, for their few milliseconds, the `ip` commands that it starts: a command that outlives a killed
suite may still make a namespace, and until it is done the run does not count as dead. Who asks whether a run
is dead holds it for a moment, unsigned."""

import fcntl
import os
import time
from pathlib import Path

from vocabulary.errors import HostError

DIRECTORY = Path("/run/kxbench")
SUFFIX = ".lock"
LAST_BREATH_S = 10.0  # how long to wait for what outlives a killed suite


class RunLock:
    """Held from `acquire` to `release`; ``descriptor`` may be passed on to short-lived children."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.path = DIRECTORY / f"{run}{SUFFIX}"
        self.descriptor = -1

    def acquire(self) -> None:
        """Raises HostError when a living process holds it or the directory is not ours to write."""
        try:
            DIRECTORY.mkdir(parents=True, exist_ok=True)
            taken = self.try_acquire(create=True)
        except OSError as error:
            raise HostError(
                f"cannot make the run's lock: {error.strerror}", where=str(self.path), remedy="run as root"
            ) from error
        if not taken:
            raise HostError(
                f"run {self.run} is already going on in process {self._owner()}",
                where=str(self.path),
                remedy="wait for it to end, or stop that process",
            )

    def try_acquire(self, *, create: bool) -> bool:
        """Whether it is ours now. Waits up to 10 s if its owner is dead but a child of his is not yet.

        With ``create`` false a lock file that does not exist raises FileNotFoundError."""
        deadline = time.monotonic() + LAST_BREATH_S
        while True:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._is_current(descriptor):
                    self.descriptor = descriptor
                    if create:  # who only looks is no owner
                        self._sign()
                    return True
            except BlockingIOError:
                if _alive(self._owner()) or time.monotonic() > deadline:
                    os.close(descriptor)
                    return False
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
            time.sleep(0.002)

    def release(self, *, unlink: bool = True) -> None:
        if self.descriptor < 0:
            return
        if unlink:
            self.path.unlink(missing_ok=True)
        os.close(self.descriptor)
        self.descriptor = -1

    def _is_current(self, descriptor: int) -> bool:
        """Not one that its last holder has unlinked between our open and our lock."""
        try:
            there = self.path.stat()
        except FileNotFoundError:
            return False
        here = os.fstat(descriptor)
        return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)

    def _sign(self) -> None:
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, f"{os.getpid()}\n".encode(), 0)

    def _owner(self) -> int:
        """0 when nobody has signed."""
        try:
            return int(self.path.read_text())
        except (OSError, ValueError):
            return 0


def _alive(pid: int) -> bool:
    """Whether there is such a process and it is more than a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"
