"""Programs of these tests in families: built, put into an image, run to their end, the monitor looked at."""

import os
import select
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from targets.kylinx import building, host
from targets.kylinx.image import Request, cached_image
from targets.kylinx.toolstack.control import Event, MonitorGoneError, Program
from targets.kylinx.toolstack.faults import Fault
from targets.kylinx.toolstack.monitor import FamilyOptions, Monitor, Share, start_monitor
from targets.kylinx.toolstack.programs import ENVIRONMENT
from vocabulary.errors import TargetError

HERE = Path(__file__).parent
_LOG_TAIL = 2000
_QUIET_S = 0.3
_MOST_S = 30.0
LONG = bool(os.environ.get("KXBENCH_LONG"))
SEED = os.environ.get("KXBENCH_SEED", "1")
POOL = 4  # idle vCPUs that a family keeps ready, a thread each: monitor/options.c


def build(name: str) -> Path:
    """The program of the folder ``name``."""
    subprocess.run(["make", "-s", f"-j{os.cpu_count()}", "-C", str(HERE / name)], check=True)
    return HERE / name / "build" / name


def opened(pid: int) -> list[str]:
    """What its descriptors lead to. It may open and close some meanwhile."""
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since
            found.append(str(entry.readlink()))
    return found


def image_of(*programs: Path) -> Path:
    """An image with them. Skips the test where there are no pVMs."""
    if why := host.missing():
        pytest.skip(why)
    building.build()
    return cached_image(Request(tuple(map(str, programs)), name="test-" + programs[0].name)).path


@dataclass(frozen=True)
class Said:
    """How a program ended: ``status`` as wait(2) gives it; None when the family ended first."""

    status: int | None
    out: str
    err: str
    faults: tuple[Fault, ...]
    events: tuple[Event, ...]

    def brief(self) -> str:
        told = [event.get("text", "") for event in self.events if event["event"] in ("log", "panic")]
        return f"status {self.status}: {self.err[-800:]} {self.out[-200:]} {told[-3:]}"


class _Output:
    """What comes out of a pipe from now on: a guest that fills one that nobody reads waits for ever."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._text = bytearray()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with os.fdopen(self._descriptor, "rb", buffering=0) as pipe:
            while True:
                if select.select([pipe], [], [], _QUIET_S)[0]:
                    if not (piece := pipe.read(65536)):
                        return
                    self._text += piece
                elif self._over.is_set():  # others hold it open
                    return

    def rest(self) -> str:
        """To its end; one that stays open counts as ended when it has been quiet for a while."""
        self._over.set()
        self._thread.join(_MOST_S)
        return self._text.decode("utf-8", "replace")


def _is_of(event: Event, number: int) -> bool:
    """A panic is everybody's."""
    return event["event"] == "panic" or event.get("id") == number


@dataclass
class Running:
    """A program of a family that goes on."""

    family: "Guests"
    answer: dict[str, Any]
    out: int
    err: int
    feed: int
    _seen: list[Event] = field(default_factory=list)

    def line(self) -> str:
        """The next that it prints."""
        text = b""
        while not text.endswith(b"\n"):
            piece = os.read(self.out, 1)
            assert piece, self.family.log()
            text += piece
        return text.decode().strip()

    def end(self, timeout_s: float = 60.0) -> Said:
        """Close its input and follow it to its end."""
        if self.feed >= 0:
            os.close(self.feed)
            self.feed = -1
        outputs = [_Output(descriptor) for descriptor in (self.out, self.err)]
        status, events = self.family.follow(self.answer["id"], timeout_s)
        texts = [output.rest() for output in outputs]
        faults = tuple(Fault.of(event) for event in events if event["event"] == "fault")
        return Said(status, texts[0], texts[1], faults, tuple(events))


@dataclass
class Guests:
    """A family whose programs are ours."""

    monitor: Monitor
    program: Path
    _events: list[Event] = field(default_factory=list)
    gone: bool = False

    def start(self, *arguments: str, program: Path | None = None) -> Running:
        reader, feed = os.pipe()
        out, out_end = os.pipe()
        err, err_end = os.pipe()
        path = str(program or self.program)
        environment = {**ENVIRONMENT, "KX_SEED": SEED}
        try:
            answer = self.monitor.control.spawn(
                Program(path, (path, *arguments), environment), (reader, out_end, err_end)
            )
        finally:
            for descriptor in (reader, out_end, err_end):
                os.close(descriptor)
        return Running(self, answer, out, err, feed)

    def run(self, *arguments: str, program: Path | None = None, timeout_s: float = 60.0) -> Said:
        return self.start(*arguments, program=program).end(timeout_s)

    def is_over(self, running: Running, within_s: float) -> bool:
        """Whether the program has ended by then, or the family has; `Running.end` tells how."""
        deadline = time.monotonic() + within_s
        while not any(_is_of(one, running.answer["id"]) and one["event"] == "exit" for one in self._events):
            try:
                event = self.monitor.control.event(max(0.0, deadline - time.monotonic()))
            except MonitorGoneError:
                return True
            if event is None:
                return False
            self._events.append(event)
        return True

    def follow(self, number: int, timeout_s: float) -> tuple[int | None, list[Event]]:
        """Until the program of this request ended; events of others are kept."""
        deadline = time.monotonic() + timeout_s
        mine = [event for event in self._events if _is_of(event, number)]
        self._events = [event for event in self._events if not _is_of(event, number)]
        while not (mine and mine[-1]["event"] == "exit"):
            try:
                event = self.monitor.control.event(max(0.0, deadline - time.monotonic()))
            except MonitorGoneError:
                self.gone = True
                return None, mine
            assert event is not None, f"it did not end within {timeout_s:g} s\n{self.log()}"
            if _is_of(event, number):
                mine.append(event)
            else:
                self._events.append(event)
        return int(mine[-1]["status"]), mine

    def log(self) -> str:
        try:
            return str(self.monitor.control.request("log")["text"])[-_LOG_TAIL:]
        except TargetError as error:
            return str(error)

    def vms(self) -> int:
        """KVM VMs that the monitor has descriptors of."""
        return opened(self.monitor.process.pid).count("anon_inode:kvm-vm")

    def stats(self) -> dict[str, Any]:
        return self.monitor.control.request("stats")

    def libos(self) -> dict[str, Any]:
        """The LibOS's own figures: the monitor waits a second for them at most."""
        deadline = time.monotonic() + _MOST_S
        while not (told := self.stats()["libos"]):
            assert time.monotonic() < deadline, self.log()
        return dict(told)

    def expect_none_live(self) -> None:
        """A program's end is told a little before its vCPU is idle again."""
        deadline = time.monotonic() + _MOST_S
        while (stats := self.stats())["vcpus"]["live"]:
            assert time.monotonic() < deadline, stats
            time.sleep(0.01)

    def end_all(self) -> None:
        """By the monitor itself: a pVM whose LibOS never looks up is ended so, too."""
        deadline = time.monotonic() + 60
        while left := self.monitor.control.request("list")["pvms"]:
            assert time.monotonic() < deadline, left
            for pvm in left:
                with suppress(TargetError):  # it has ended by now
                    self.monitor.control.request("kill", [("slot", pvm["slot"]), ("force", 1)])
            time.sleep(0.02)

    def passes(self, *arguments: str, timeout_s: float = 60.0) -> Said:
        """The trial says that all is as it should be, and the family is well after it."""
        said = self.run(*arguments, timeout_s=timeout_s)
        assert said.status == 0, (said.brief(), self.log())
        self.is_well()
        return said

    def is_well(self) -> None:
        """The monitor answers, and a new program of the family forks, writes, and talks."""
        assert self.monitor.process.poll() is None
        said = self.run("well")
        assert (said.status, said.out) == (0, "well\n"), (said.brief(), self.log())


@contextmanager
def family(
    image: Path,
    program: Path,
    name: str,
    *,
    memory_mib: int = 512,
    pvms: int = 64,
    shares: Sequence[Share] = (),
    vm_per_pvm: bool = False,
    build: building.Build = building.NOW,
) -> Iterator[Guests]:
    memory = memory_mib << 20
    options = FamilyOptions(
        image, memory_bytes=memory, pvms=pvms, shares=tuple(shares), vm_per_pvm=vm_per_pvm, build=build
    )
    with start_monitor(f"test-{name}-{os.getpid()}", options) as monitor:
        yield Guests(monitor, program)
