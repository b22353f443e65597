"""A family's control group: memory, CPU time, threads. Version 2 where it has the controllers, else 1.

Reference: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/ of the kernel."""

import contextlib
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

PREFIX = "kxpvm-"  # not the lab's: its leftovers are judged by another lock
_PERIOD_US = 100_000
_GONE_WITHIN_S = 20.0
_V1 = ("memory", "cpu", "pids")


@dataclass(frozen=True, slots=True)
class Limits:
    """None: no limit. ``threads`` counts the monitor's own, one a pVM and some."""

    memory_bytes: int | None = None
    cpus: float | None = None
    threads: int | None = None


@dataclass(slots=True)
class Group:
    """The directories (one in version 2, one a controller in version 1) of a family's control group.

    ``unlimited``: what this host cannot limit, for want of a controller."""

    directories: list[Path] = field(default_factory=list)
    unlimited: list[str] = field(default_factory=list)

    def join(self, pid: int) -> None:
        for directory in self.directories:
            (directory / "cgroup.procs").write_text(str(pid))

    def pids(self) -> list[int]:
        found: set[int] = set()
        for directory in self.directories:
            with contextlib.suppress(OSError):
                found |= set(map(int, (directory / "cgroup.procs").read_text().split()))
        return sorted(found)

    def memory_bytes(self) -> int | None:
        """What its processes use now, page cache included."""
        for directory in self.directories:
            for name in ("memory.current", "memory.usage_in_bytes"):
                with contextlib.suppress(OSError, ValueError):
                    return int((directory / name).read_text())
        return None

    def remove(self) -> None:
        """Kill what is in it, and remove it. What will not go within 20 s stays."""
        deadline = time.monotonic() + _GONE_WITHIN_S
        while pids := self.pids():
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if time.monotonic() > deadline:
                return
            time.sleep(0.005)
        for directory in self.directories:
            while directory.is_dir() and time.monotonic() < deadline:
                with contextlib.suppress(OSError):
                    directory.rmdir()
                    break
                time.sleep(0.005)


def existing(name: str) -> Group:
    """The group that a family of this name has or had."""
    return Group([d for d in (_v2_directory(name), *_v1_directories(name).values()) if d and d.is_dir()])


def names() -> list[str]:
    """Of all families and runs that have a group now."""
    parents = {
        directory.parent for directory in (_v2_directory("x"), *_v1_directories("x").values()) if directory
    }
    found = {path.name.removeprefix(PREFIX) for parent in parents for path in parent.glob(f"{PREFIX}*")}
    return sorted(found)


def make(name: str, limits: Limits) -> Group:
    """A fresh group for the family. Never raises: what cannot be limited is told in ``unlimited``."""
    wanted = {
        "memory": limits.memory_bytes,
        "cpu": limits.cpus,
        "pids": limits.threads,
    }
    group = Group()
    left = {controller for controller, value in wanted.items() if value is not None}
    second = _v2_directory(name)
    if second is not None:
        left -= _make_v2(second, limits, left)
        if second.is_dir():
            group.directories.append(second)
    for controller, directory in _v1_directories(name).items():
        if controller in left and _make_v1(controller, directory, limits):
            group.directories.append(directory)
            left.discard(controller)
    group.unlimited = sorted(left)
    return group


def _make_v2(directory: Path, limits: Limits, wanted: set[str]) -> set[str]:
    """The controllers that took their limit."""
    parent = directory.parent
    for controller in wanted:
        with contextlib.suppress(OSError):
            (parent / "cgroup.subtree_control").write_text(f"+{controller}")
    try:
        directory.mkdir(exist_ok=True)
        has = set((directory / "cgroup.controllers").read_text().split()) & wanted
    except OSError:
        return set()
    done = set()
    values = {
        "memory": ("memory.max", str(limits.memory_bytes)),
        "cpu": ("cpu.max", f"{int((limits.cpus or 0) * _PERIOD_US)} {_PERIOD_US}"),
        "pids": ("pids.max", str(limits.threads)),
    }
    for controller in has:
        with contextlib.suppress(OSError):
            (directory / values[controller][0]).write_text(values[controller][1])
            done.add(controller)
    if "memory" in done:
        with contextlib.suppress(OSError):
            (directory / "memory.swap.max").write_text("0")
    return done


def _make_v1(controller: str, directory: Path, limits: Limits) -> bool:
    values = {
        "memory": [("memory.limit_in_bytes", str(limits.memory_bytes))],
        "cpu": [
            ("cpu.cfs_period_us", str(_PERIOD_US)),
            ("cpu.cfs_quota_us", str(int((limits.cpus or 0) * _PERIOD_US))),
        ],
        "pids": [("pids.max", str(limits.threads))],
    }
    try:
        directory.mkdir(exist_ok=True)
        for file, value in values[controller]:
            (directory / file).write_text(value)
    except OSError:
        with contextlib.suppress(OSError):
            directory.rmdir()
        return False
    return True


def _mounts() -> list[tuple[Path, str, set[str]]]:
    """(where, kind, options) of the cgroup file systems."""
    found = []
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines():
        _, where, kind, options = line.split()[:4]
        if kind in ("cgroup", "cgroup2") and "rw" in options.split(","):
            found.append((Path(where.encode().decode("unicode_escape")), kind, set(options.split(","))))
    return found


def _own_paths() -> dict[str, str]:
    """This process's path in each hierarchy, by controller; version 2 under the empty name."""
    found = {}
    for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            found[controller] = path
    return found


def _v2_directory(name: str) -> Path | None:
    """At the tree's root, where controllers can be handed down (a group with processes cannot)."""
    for where, kind, _ in _mounts():
        if kind == "cgroup2":
            return where / f"{PREFIX}{name}"
    return None


def _v1_directories(name: str) -> dict[str, Path]:
    """Below our own group, so that what limits us limits the family."""
    own = _own_paths()
    found = {}
    for controller in _V1:
        for where, kind, options in _mounts():
            if kind == "cgroup" and controller in options and controller in own:
                found[controller] = where / own[controller].lstrip("/") / f"{PREFIX}{name}"
    return found
