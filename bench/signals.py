"""Ctrl-C, ``kill -TERM`` and a cell's time limit, as exceptions in the main thread."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from vocabulary import EXIT_INTERRUPTED, EXIT_TERMINATED, TargetError


class Interrupted(BaseException):
    """Not an Exception: nothing that handles a cell's failure may swallow it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = EXIT_INTERRUPTED if number == signal.SIGINT else EXIT_TERMINATED


@contextmanager
def interruptible() -> Iterator[None]:
    """The first SIGINT, SIGTERM or SIGHUP raises Interrupted; later ones are ignored, so that the
    clean-up they would cut short ends."""
    raised = False

    def handle(number: int, _frame: FrameType | None) -> None:
        nonlocal raised
        if not raised:
            raised = True
            raise Interrupted(number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises TargetError in the main thread when the ``with`` lasts longer."""

    def expire(_number: int, _frame: FrameType | None) -> NoReturn:
        raise TargetError(
            f"the cell did not end within {seconds:.0f} s",
            remedy="raise cell_limit_s in the plan if the case is meant to take this long",
        )

    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
