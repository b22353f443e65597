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


class Interrupts:
    """The first SIGINT, SIGTERM or SIGHUP raises Interrupted; later ones are ignored, so that the clean-up
    they would cut short ends."""

    def __init__(self) -> None:
        self._raised = False
        self._held = 0
        self._pending: int | None = None

    def handle(self, number: int, _frame: FrameType | None) -> None:
        if self._held:
            self._pending = number
        elif not self._raised:
            self._raised = True
            raise Interrupted(number)

    @contextmanager
    def held(self) -> Iterator[None]:
        """One that comes inside the ``with`` is raised at its end: for steps not to be left half done."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
        if self._pending is not None and not self._held:
            self.handle(self._pending, None)

    def stop(self) -> None:
        """From now on they are ignored: what is left to do is to tidy up."""
        self._raised = True


@contextmanager
def interruptible() -> Iterator[Interrupts]:
    """Signals are handled by the yielded Interrupts inside the ``with``."""
    interrupts = Interrupts()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupts.handle) for number in numbers}
    try:
        yield interrupts
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
