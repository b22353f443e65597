"""This machine as a Place: no namespace, no cgroup."""

import subprocess
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, Any


class ThisMachine:
    netns = ""
    cgroup = Path("/sys/fs/cgroup")
    cgroup_id = 1

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
    ) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([str(a) for a in argv], cwd=cwd, stdin=stdin, stdout=stdout, stderr=stderr)

    def entered(self) -> AbstractContextManager[None]:
        return nullcontext()

    def pids(self) -> list[int]:
        return []
