"""Starting a monitor: its command line, its control group, its end."""

import contextlib
import os
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL, Popen
from types import TracebackType
from typing import IO, Self

from targets.kylinx.building import NOW, Build
from targets.kylinx.toolstack.control import Control, MonitorGoneError
from targets.kylinx.toolstack.limits import Group, Limits, make
from vocabulary.errors import TargetError

GONE_WITHIN_S = 10.0
READY_WITHIN_S = 30.0
# The monitor counts the frames that a family holds; what it needs besides (its own code, KVM's tables, the
# pages of the image in use) is allowed on top in the control group.
_BESIDES_BYTES = 256 << 20
_THREADS_BESIDES = 64
# With a VM for each pVM the kernel has a thread in each, and memory, which the monitor keeps within this part
# of the host's (monitor/vm.c).
_VMS_PART_OF_HOST = 4
DEFAULT_PVMS = 1000
_JOIN = 'for d in $KX_GROUPS; do echo $$ > "$d/cgroup.procs" || exit 125; done; unset KX_GROUPS; exec "$@"'


@dataclass(frozen=True, slots=True)
class Share:
    """A host directory that the family may see at ``guest``."""

    host: Path
    guest: str
    writable: bool = False

    def __str__(self) -> str:
        return f"{self.host}:{self.guest}{':rw' if self.writable else ''}"


@dataclass(frozen=True, slots=True)
class FamilyOptions:
    """None: the monitor's own default. ``memory_bytes`` is of guest memory. ``vm_per_pvm``: each pVM in a KVM
    VM of its own, not all in one. ``build``: whose monitor and LibOS."""

    image: Path
    memory_bytes: int | None = None
    pvms: int | None = None
    cpus: int | None = None
    hostname: str = ""
    shares: tuple[Share, ...] = ()
    extra: tuple[str, ...] = ()
    vm_per_pvm: bool = False
    build: Build = NOW

    def limits(self) -> Limits:
        memory, threads = self.memory_bytes, (self.pvms or DEFAULT_PVMS) + _THREADS_BESIDES
        besides = _BESIDES_BYTES
        if self.vm_per_pvm:
            threads *= 2
            besides += os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // _VMS_PART_OF_HOST
        return Limits(
            None if memory is None else memory + memory // 8 + besides,
            None if self.cpus is None else float(self.cpus),
            threads,
        )

    def command(self) -> list[str]:
        """The monitor and the options that describe the family."""
        words = [str(self.build.monitor), "--libos", str(self.build.libos), "--image", str(self.image)]
        for name, value in (("memory", self.memory_bytes), ("pvms", self.pvms), ("cpus", self.cpus)):
            words += [f"--{name}", str(value)] if value is not None else []
        words += ["--hostname", self.hostname] if self.hostname else []
        for share in self.shares:
            words += ["--share", str(share)]
        words += ["--vm-per-pvm"] if self.vm_per_pvm else []
        return [*words, *self.extra]


@dataclass(slots=True)
class Monitor:
    """A monitor that was started by us, with a connection to it. It dies with the thread that started it."""

    process: Popen[bytes]
    control: Control
    group: Group
    _errors: IO[bytes] = field(repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def said(self) -> str:
        """What it wrote to its standard error; the last 16 KiB."""
        self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, self._errors.tell() - 16384))
        return self._errors.read().decode("utf-8", "replace").strip()

    def end(self) -> None:
        """The family is gone on return: asked for, then by force."""
        with contextlib.suppress(TargetError):
            self.control.destroy()
        self.control.close()
        try:
            self.process.wait(GONE_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.group.remove()
        self._errors.close()


def start_monitor(name: str, options: FamilyOptions, listening: socket.socket | None = None) -> Monitor:
    """A monitor with no program yet, in a control group called after ``name``.

    ``listening``: the socket at which it takes further connections. Raises TargetError with its words when it
    does not come up."""
    build = options.build
    if not build.monitor.exists() or not build.libos.exists():
        raise TargetError("it is not built", where=str(build.monitor), remedy="make -C targets/kylinx")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    given = listening if listening is not None else theirs
    group = make(name, options.limits())
    errors = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the monitor
    command = [*_joining(), *options.command(), "--keep", "--quiet", "--control-fd", str(given.fileno())]
    try:
        process = Popen(
            command,
            env={**os.environ, "KX_GROUPS": " ".join(map(str, group.directories))},
            pass_fds=(given.fileno(),),
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
    except BaseException:
        group.remove()
        errors.close()
        ours.close()
        raise
    finally:
        theirs.close()
    if listening is None:
        control = Control(ours, f"family {name}")
    else:
        ours.close()
        control = Control.connect(Path(listening.getsockname()))
        listening.close()
    monitor = Monitor(process, control, group, errors)
    try:
        control.request("hello", timeout_s=READY_WITHIN_S)
    except MonitorGoneError as error:
        process.wait(GONE_WITHIN_S)
        said = monitor.said()
        monitor.end()
        what = said.removeprefix("monitor: ") or f"it ended with code {process.returncode}"
        asked = what.startswith("--")  # of an option's value
        raise TargetError(
            what, where="monitor", remedy="" if asked else "kxbench doctor says whether KVM works here"
        ) from error
    except BaseException:
        monitor.end()
        raise
    return monitor


def _joining() -> Sequence[str]:
    """Words before a command that put it into the groups of $KX_GROUPS and tie it to its parent's life."""
    return ("setpriv", "--pdeathsig", "KILL", "--", "/bin/sh", "-c", _JOIN, "join")
