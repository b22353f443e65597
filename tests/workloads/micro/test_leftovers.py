"""Nothing that outlives a process is left behind, however a program ends."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.workloads.micro.running import IPC_WAYS
from workloads.micro.building import BUILD

KEY, TRIES, STEP = 0x6B780000, 64, 7919  # sysv.h


def left_by(pid: int) -> list[str]:
    """The System V objects and names that a program with this process id makes, if they are there."""
    keys = {f"0x{KEY | ((pid + i * STEP) & 0xFFFF):08x}" for i in range(2)}
    listed = subprocess.run(["ipcs", "-q", "-m"], capture_output=True, text=True, check=True).stdout
    found = [line for line in listed.splitlines() if line.split(" ")[0] in keys]
    for place in (Path("/dev/shm"), Path("/dev/mqueue")):  # noqa: S108
        found += map(str, place.glob(f"kxbench-{pid}*"))
    return found


Program: TypeAlias = "subprocess.Popen[str]"
Start = Callable[..., Program]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a program; what still runs at the end of the test is killed."""
    started: list[Program] = []

    def starting(program: str, *args: str) -> Program:
        command = [str(BUILD / program), *args]
        one = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        started.append(one)
        return one

    yield starting
    for one in started:
        with one:
            if one.poll() is None:
                one.terminate()


@pytest.fixture
def start_long(start: Start) -> Start:
    """A program that would run for ever, when it has its child."""

    def starting(program: str, *args: str) -> Program:
        rounds = ["--rounds", "1"] if program in IPC_WAYS else []  # each has a child of its own
        one = start(program, "--iterations", "1000000", "--budget-ms", "0", *rounds, *args)
        assert until(lambda: children(one.pid))
        return one

    return starting


def children(of: int) -> set[int]:
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == of:
            found.add(int(stat.parent.name))
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def begun(pid: int) -> bool:
    """Past its first instructions, where a child asks to be told of its parent's end: blocked, or it has run
    for milliseconds."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        if fields[0] == "S" or int(fields[11]) + int(fields[12]) > 0:  # ticks, of 10 ms at most
            return True
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) > 3e6
    except OSError:
        return False


def until(what: Callable[[], object], seconds: float = 90) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.01)
    return bool(what())


def test_what_is_left_would_be_seen(start_long: Start) -> None:
    program = start_long("sysv_mq")
    assert len(left_by(program.pid)) == 2
    program.terminate()
    program.communicate(timeout=60)
    assert left_by(program.pid) == []


@pytest.mark.parametrize("way", IPC_WAYS)
def test_after_success(start: Start, way: str) -> None:
    program = start(way, "--iterations", "5")
    assert program.communicate(timeout=60)[1] == ""
    assert (program.returncode, left_by(program.pid)) == (0, [])


@pytest.mark.parametrize("way", ["sysv_mq", "posix_mq"])
def test_after_unsupported(start: Start, way: str) -> None:
    program = start(way, "--size-bytes", "65536")
    program.communicate(timeout=60)
    assert left_by(program.pid) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("way", IPC_WAYS)
def test_after_a_signal(start_long: Start, way: str, number: signal.Signals) -> None:
    program = start_long(way, "--gap-us", "100")
    peers = children(program.pid)
    program.send_signal(number)
    _, said = program.communicate(timeout=60)
    assert program.returncode == 1
    assert said == "micro: ended by a signal\n"
    assert until(lambda: not any(map(alive, peers)))
    assert left_by(program.pid) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("way", [*IPC_WAYS, "exitwait"])
def test_after_the_childs_death(start_long: Start, way: str, number: signal.Signals) -> None:
    """The parent does not wait for ever for a child that something killed."""
    program = start_long(way, "--gap-us", "1000000" if way == "exitwait" else "1000")

    def hit() -> bool:
        """Whichever child there is: exitwait's may have ended and another have come."""
        for peer in children(program.pid):
            with suppress(ProcessLookupError):
                os.kill(peer, number)
        return program.poll() is not None

    assert until(hit)
    _, said = program.communicate(timeout=60)
    assert program.returncode == 1
    assert said.count("\n") == 1
    assert left_by(program.pid) == []


@pytest.mark.parametrize("way", [*IPC_WAYS, "exitwait", "ctxsw", "cow"])
def test_after_the_parents_death(start_long: Start, way: str) -> None:
    """``kill -9`` of the parent alone: the child cleans up and ends."""
    more = {"ctxsw": [], "cow": ["--dirty-mib", "64"]}.get(way, ["--gap-us", "200000"])
    program = start_long(way, *more)
    assert until(lambda: any(map(begun, children(program.pid))))
    peers = children(program.pid)
    program.kill()
    program.communicate(timeout=60)
    assert until(lambda: not any(map(alive, peers)))
    assert left_by(program.pid) == []
