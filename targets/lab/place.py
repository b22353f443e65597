"""A network namespace, an IPC namespace and a cgroup of ours in which programs may be started."""

import os
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import IO, Any

from targets.lab import cgroups
from targets.lab.build import launcher
from targets.lab.namespaces import NETNS_DIRECTORY, entered
from vocabulary.errors import HostError

REPORT_BYTES = 16384


class Spawner:
    """One thread that forks all programs of a lab.

    The parent-death signal comes when the *thread* that forked ends (prctl(2)), so a program started by a
    short-lived thread would die with that; this one lives as long as the lab."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="kxb-spawn")

    def popen(self, argv: Sequence[str], keep: tuple[int, ...], **options: Any) -> Popen[bytes]:
        """Returns once ``argv`` runs in its place. Raises HostError with the launcher's words."""
        return self._thread.submit(self._popen, argv, keep, options).result()

    def close(self) -> None:
        self._thread.shutdown(wait=True)

    @staticmethod
    def _popen(argv: Sequence[str], keep: tuple[int, ...], options: dict[str, Any]) -> Popen[bytes]:
        ours, theirs = os.pipe2(os.O_CLOEXEC)
        try:
            try:
                process = Popen(
                    [str(launcher()), "--parent", str(os.getpid()), "--report", str(theirs), *argv],
                    pass_fds=(theirs, *keep),
                    **options,
                )
            except OSError as error:
                raise HostError(
                    f"cannot start a program: {error.strerror}", where=str(error.filename)
                ) from error
            finally:
                os.close(theirs)
            complaint = os.read(ours, REPORT_BYTES)  # empty once the launcher has become the program
        finally:
            os.close(ours)
        if complaint:
            process.wait()
            raise HostError(
                complaint.decode(errors="replace").strip(), where=" ".join(argv[argv.index("--") + 1 :])
            )
        return process


class LabPlace:
    """See `vocabulary.protocols.Place`. Made by `targets.lab.Lab`."""

    def __init__(self, netns: str, cgroup: Path, ipc: int, spawner: Spawner) -> None:
        self._netns, self._cgroup, self._ipc, self._spawner = netns, cgroup, ipc, spawner
        self._cgroup_id = cgroup.stat().st_ino  # kernfs: the inode is the cgroup's id

    @property
    def netns(self) -> str:
        return self._netns

    @property
    def cgroup(self) -> Path:
        return self._cgroup

    @property
    def cgroup_id(self) -> int:
        return self._cgroup_id

    def popen(
        self,
        argv: Sequence[str | Path],
        *,
        cpus: Collection[int] | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: int | IO[Any] | None = None,
        stdout: int | IO[Any] | None = None,
        stderr: int | IO[Any] | None = None,
    ) -> Popen[bytes]:
        """Start a program in a session of its own; ``stdin`` None is /dev/null, for it has no terminal.

        Programs started here share one IPC namespace. Returns when the program runs (its exec has
        succeeded). Raises HostError when it cannot be started here, saying why."""
        command = ["--cgroup", str(self._cgroup), "--netns", str(NETNS_DIRECTORY / self._netns)]
        command += ["--ipcns", str(self._ipc)]
        if cpus is not None:
            command += ["--cpus", ",".join(map(str, sorted(cpus)))]
        return self._spawner.popen(
            [*command, "--", *map(str, argv)],
            (self._ipc,),
            env={**os.environ, **env} if env else None,
            cwd=cwd,
            stdin=DEVNULL if stdin is None else stdin,
            stdout=stdout,
            stderr=stderr,
        )

    def entered(self) -> AbstractContextManager[None]:
        return entered(self._netns)

    def pids(self) -> list[int]:
        return cgroups.members(self._cgroup)
