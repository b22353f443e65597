"""Control groups (version 2): where they are mounted, made, killed and removed.

Reference: Documentation/admin-guide/cgroup-v2.rst of the kernel. ``cgroup.kill`` came with Linux 5.14."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from vocabulary.errors import HostError

PREFIX = "kxb-"
KILL_FILE = "cgroup.kill"
OWN_MOUNT = Path("/run/kxbench/cgroup2")
EMPTY_WITHIN_S = 10.0  # SIGKILL to gone; a process in the middle of a GiB-sized exit takes tenths


def mounted() -> Path | None:
    """The cgroup-v2 tree: /sys/fs/cgroup mostly, /sys/fs/cgroup/unified beside version 1; None if nowhere."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, options = line.split()[:4]
        if kind == "cgroup2" and "rw" in options.split(","):
            # proc(5): blanks in the path are written in octal
            return Path(where.encode().decode("unicode_escape"))
    return None


def tree() -> Path:
    """Like `mounted`, and mounts it at ``OWN_MOUNT`` (where it stays) if need be. Raises HostError."""
    found = mounted()
    if found is not None:
        return found
    OWN_MOUNT.mkdir(parents=True, exist_ok=True)
    tried = subprocess.run(
        ["mount", "-t", "cgroup2", "cgroup2", str(OWN_MOUNT)], capture_output=True, text=True, check=False
    )
    if tried.returncode:
        raise HostError(
            f"there is no writable cgroup-v2 tree and none can be mounted: {tried.stderr.strip()}",
            where=str(OWN_MOUNT),
            remedy="run as root on a kernel with CONFIG_CGROUPS, outside a locked-down container",
        )
    return OWN_MOUNT


def make(group: Path) -> None:
    """Raises HostError."""
    try:
        group.mkdir()
    except OSError as error:
        raise HostError(
            f"cannot make the control group: {error.strerror}",
            where=str(group),
            remedy="run as root; in a container, give it a writable cgroup-v2 tree",
        ) from error


def members(group: Path) -> list[int]:
    """The processes in ``group`` and below it; empty when it does not exist."""
    pids: list[int] = []
    for directory in _below(group):
        with contextlib.suppress(OSError):
            pids += map(int, (directory / "cgroup.procs").read_text().split())
    return pids


def kill(group: Path) -> None:
    """SIGKILL to everything in it and below; returns when it is empty. Raises HostError after 10 s."""
    deadline = time.monotonic() + EMPTY_WITHIN_S
    pause_s = 0.0005
    while True:
        _strike(group)
        left = members(group)
        if not left:
            return
        if time.monotonic() > deadline:
            raise HostError(
                f"processes {left} do not die",
                where=str(group),
                remedy="look at /proc/PID/stack; then run `kxbench clean`",
            )
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, 0.05)


def remove(group: Path) -> None:
    """Kill what is in it, then remove it and those below. No error if it is gone. Raises HostError."""
    if not group.is_dir():
        return
    kill(group)
    for directory in reversed(_below(group)):
        _rmdir(directory)


def _strike(group: Path) -> None:
    try:
        (group / KILL_FILE).write_text("1")
    except OSError:  # before Linux 5.14, or all gone
        for pid in members(group):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _below(group: Path) -> list[Path]:
    """``group`` and all groups below it, parents first."""
    return [Path(directory) for directory, _, _ in os.walk(group)]


def _rmdir(directory: Path) -> None:
    """A group whose last process has just become a zombie can be busy for a moment longer."""
    deadline = time.monotonic() + EMPTY_WITHIN_S
    while True:
        try:
            directory.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise HostError(
                    f"cannot remove the control group: {error.strerror}",
                    where=str(directory),
                    remedy="run `kxbench clean`",
                ) from error
            time.sleep(0.002)
