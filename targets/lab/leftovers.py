"""What dead runs left behind: found by name, judged by the run lock, removed."""

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from targets.lab import cgroups, lock, network
from vocabulary.errors import HostError

GONE_WITHIN_S = 10.0


class LeftoverKind(StrEnum):
    PROCESS = "process"
    NAMESPACE = "namespace"
    CGROUP = "cgroup"
    LOCK = "lock"


@dataclass(frozen=True, slots=True)
class Leftover:
    """``name`` is a pid and its command, a namespace's name, a cgroup's or a lock's path."""

    kind: LeftoverKind
    run: str
    name: str


def leftovers() -> list[Leftover]:
    """Everything of runs whose lock nobody holds: processes first, locks last. Changes nothing.

    Raises HostError for who is not root and so could not tell."""
    if os.geteuid() != 0:
        raise HostError("only root can tell what dead runs left", remedy="run as root (sudo)")
    return [item for run in _runs() if is_dead(run) for item in _belongings(run)]


def living() -> list[str]:
    """The runs that are going on, by id, whoever's."""
    return [run for run in _runs() if not is_dead(run)]


def remove(items: Iterable[Leftover]) -> None:
    """Remove all that is left of the runs of ``items``; a run that is alive (again) is not touched.

    Raises HostError when something will not go."""
    for run in dict.fromkeys(item.run for item in items):
        held = lock.RunLock(run)
        lock.DIRECTORY.mkdir(parents=True, exist_ok=True)
        if not held.try_acquire(create=True):
            continue
        try:
            clear(run)
        except BaseException:
            held.release(unlink=False)  # it still has belongings: keep them findable
            raise
        held.release()


def clear(run: str) -> None:
    """Kill and remove what ``run`` has, its lock aside; the caller holds that. Raises HostError."""
    netns = network.Network(lock=-1)
    group = _group(run)
    deadline = time.monotonic() + GONE_WITHIN_S
    while True:
        if group is not None:
            cgroups.kill(group)
        names = _namespaces(run)
        inside = network.inhabitants(names)
        if not inside:
            break
        if time.monotonic() > deadline:
            raise HostError(f"processes {sorted(inside)} do not die", where=f"namespaces of run {run}")
        for pid in inside:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)
    for name in names:
        netns.delete_namespace(name)
    if group is not None:
        cgroups.remove(group)


def _runs() -> list[str]:
    """The ids of all runs that have anything, living or dead."""
    found = {
        name.removeprefix(cgroups.PREFIX).rpartition("-")[0] for name in network.namespaces(cgroups.PREFIX)
    }
    tree = cgroups.mounted()
    if tree is not None:
        found |= {group.name.removeprefix(cgroups.PREFIX) for group in tree.glob(f"{cgroups.PREFIX}*")}
    found |= {path.stem for path in lock.DIRECTORY.glob(f"*{lock.SUFFIX}")}
    return sorted(found - {""})


def is_dead(run: str) -> bool:
    """Whether nobody runs it any more: a run makes its lock first and removes it last, so one without a lock
    file is dead. Raises PermissionError for who may not ask."""
    held = lock.RunLock(run)
    try:
        dead = held.try_acquire(create=False)
    except FileNotFoundError:
        return True
    held.release(unlink=False)
    return dead


def _belongings(run: str) -> list[Leftover]:
    names = _namespaces(run)
    group = _group(run)
    pids = set(network.inhabitants(names)) | set(cgroups.members(group) if group else [])
    found = [Leftover(LeftoverKind.PROCESS, run, f"{pid} {_command(pid)}".strip()) for pid in sorted(pids)]
    found += [Leftover(LeftoverKind.NAMESPACE, run, name) for name in names]
    if group is not None:
        found.append(Leftover(LeftoverKind.CGROUP, run, str(group)))
    path = lock.RunLock(run).path
    if path.exists():
        found.append(Leftover(LeftoverKind.LOCK, run, str(path)))
    return found


def _namespaces(run: str) -> list[str]:
    prefix = f"{cgroups.PREFIX}{run}-"
    return [name for name in network.namespaces(prefix) if "-" not in name.removeprefix(prefix)]


def _group(run: str) -> Path | None:
    tree = cgroups.mounted()
    group = tree / f"{cgroups.PREFIX}{run}" if tree else None
    return group if group is not None and group.is_dir() else None


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return ""
