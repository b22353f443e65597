"""How programs end: waiting for one, saying what became of it, and killing all that it started."""

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable
from subprocess import Popen, TimeoutExpired

from vocabulary.protocols import Place

LOOK_EVERY_S = 0.25
GONE_WITHIN_S = 5.0


def how_it_ended(returncode: int) -> str:
    """``was killed by signal 9 (SIGKILL)`` or ``ended with code 1``."""
    if returncode >= 0:
        return f"ended with code {returncode}"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = "a real-time signal"
    return f"was killed by signal {-returncode} ({name})"


def wait(process: Popen[bytes], timeout_s: float, stop: Callable[[], bool] | None = None) -> int | None:
    """Its return code; None when ``timeout_s`` is over or ``stop()``, asked 4 times a second, says so.

    Sleeps in poll(2) on the process itself: Popen.wait(timeout) would wake up 20 times a second beside the
    program that is being measured."""
    deadline = time.monotonic() + timeout_s
    descriptor = os.pidfd_open(process.pid)
    try:
        poller = select.poll()
        poller.register(descriptor, select.POLLIN)
        while True:
            left_s = deadline - time.monotonic()
            if poller.poll(max(0.0, min(left_s, LOOK_EVERY_S)) * 1000):
                return process.wait()
            if left_s <= 0 or (stop is not None and stop()):
                return None
    finally:
        os.close(descriptor)


def session(place: Place, leader: int) -> list[int]:
    """The processes in ``place`` that ``leader``, or what it started, has started (its session)."""
    found = []
    for pid in place.pids():
        with contextlib.suppress(ProcessLookupError):
            if os.getsid(pid) == leader:
                found.append(pid)
    return found


def kill_session(place: Place, process: Popen[bytes]) -> None:
    """SIGKILL to the program and all that it started; waits (bounded) until they are gone."""
    deadline = time.monotonic() + GONE_WITHIN_S
    pause_s = 0.0005
    while True:
        if process.poll() is None:
            process.kill()
        left = session(place, process.pid)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if not left or time.monotonic() > deadline:
            break
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, 0.02)
    with contextlib.suppress(TimeoutExpired):  # in an uninterruptible sleep: the place's end will report it
        process.wait(timeout=GONE_WITHIN_S)
