"""Places to be watched, and the known workload in one."""

import gc
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from probes.base import BpfProbe
from probes.program import load_bcc
from targets.lab import Lab, Site, missing
from vocabulary import Place, ProbeReading, ProbeScope, Samples, UnsupportedError

HERE = Path(__file__).parent
COUNT = 23  # a prime number of events, so that no accident of batching gives it


@pytest.fixture(scope="session")
def built() -> Path:
    """The folder of the built programs of these tests."""
    subprocess.run(["make", "-s", "-C", str(HERE)], check=True)
    return HERE / "build"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    if why := missing():
        pytest.skip(why)
    with Lab() as made:
        yield made


@pytest.fixture
def site(lab: Lab) -> Iterator[Site]:
    with lab.site(lab.unused_name("probes")) as made:
        yield made


@pytest.fixture
def scope(lab: Lab, site: Site) -> ProbeScope:
    return ProbeScope(site.place, lab.place, site.interface, None)


class Made:
    """Probes by class and options, each compiled once for all tests: ``made(ForkProbe, ring_pages=1)``."""

    def __init__(self) -> None:
        self._probes: dict[tuple[object, ...], BpfProbe] = {}

    def __call__(self, cls: type[BpfProbe], **options: object) -> BpfProbe:
        key = (cls, *sorted(options.items()))
        if key not in self._probes:
            self._probes[key] = cls(**options)
        return self._probes[key]

    def close(self) -> None:
        for probe in self._probes.values():
            probe.close()


@pytest.fixture(scope="session")
def made() -> Iterator[Made]:
    if os.geteuid() != 0:
        pytest.skip("attaching needs root")
    try:
        load_bcc()
    except UnsupportedError as error:
        pytest.skip(str(error))
    made = Made()
    yield made
    made.close()


class Known:
    """``known WHAT 23`` in a place: rehearsed, and waiting to be told."""

    def __init__(self, place: Place, built: Path, what: str, count: int = COUNT) -> None:
        ours, theirs = socket.socketpair()
        ours.settimeout(60)
        self.binary = built / "known"
        self._socket, self._lines = ours, ours.makefile("r")
        with theirs:
            argv: list[str | Path] = [self.binary, what, str(count), built / "libanswer.so"]
            self.process = place.popen(argv, stdin=theirs.fileno())
        self._hear()  # ready for the rehearsal
        self._tell_and_hear()
        self._tell_and_hear()  # ready for the performance
        self._await_sleep()

    def perform(self) -> tuple[int, int, int]:
        """Minor faults, voluntary and involuntary switches, as it counts them itself."""
        faults, voluntary, involuntary = map(int, self._tell_and_hear().split())
        self._await_sleep()
        return faults, voluntary, involuntary

    def end(self) -> None:
        self._lines.close()
        self._socket.close()
        assert self.process.wait(60) in (0, -9)  # killed where its site went first

    def _tell_and_hear(self) -> str:
        self._socket.send(b"g")
        return self._hear()

    def _hear(self) -> str:
        line = self._lines.readline()
        assert line, "the known workload has died"
        return line

    def _await_sleep(self) -> None:
        deadline = time.monotonic() + 60
        stat = Path(f"/proc/{self.process.pid}/stat")
        while stat.read_text().rpartition(")")[2].split()[0] != "S":
            assert time.monotonic() < deadline
            time.sleep(0.001)


@pytest.fixture
def known(site: Site, built: Path) -> Iterator[Callable[..., Known]]:
    started: list[Known] = []

    def start(what: str, count: int = COUNT, *, place: Place | None = None) -> Known:
        started.append(Known(place or site.place, built, what, count))
        return started[-1]

    yield start
    for one in started:
        one.end()


def counts(reading: ProbeReading) -> dict[str, int]:
    """Events by series: a histogram's count, or a counter's number."""
    return {name(s): s.histogram.count if s.histogram else int(s.values[0]) for s in reading.samples}


def name(samples: Samples) -> str:
    return samples.series.partition("@")[0]


def descriptors() -> int:
    """That are open, without those that garbage of other tests still holds."""
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


@contextmanager
def serving(argv: list[str], place: Place, port: int, *, tcp: bool) -> Iterator[None]:
    """A server in a place, up (for UDP: bound, by /proc/net/udp) inside the ``with``."""
    process = place.popen(argv)
    try:
        deadline = time.monotonic() + 60
        wanted = f":{port:04X} "
        table = Path(f"/proc/{process.pid}/net/{'tcp' if tcp else 'udp'}")
        while wanted not in table.read_text():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.005)
        yield
    finally:
        process.kill()
        process.wait()


__all__ = ["COUNT", "Known", "Made", "counts", "descriptors", "name", "serving"]
