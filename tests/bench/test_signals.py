"""Signals as exceptions: once, at a time that harms nothing."""

import os
import signal
import time

import pytest

from bench.signals import Interrupted, interruptible, time_limit
from vocabulary import EXIT_INTERRUPTED, EXIT_TERMINATED, TargetError


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, EXIT_INTERRUPTED), (signal.SIGTERM, EXIT_TERMINATED)]
)
def test_the_first_raises_and_the_next_does_not_cut_the_clean_up_short(
    number: signal.Signals, code: int
) -> None:
    before = signal.getsignal(number)
    cleaned = False
    with pytest.raises(Interrupted) as caught, interruptible():
        try:
            os.kill(os.getpid(), number)
        finally:
            os.kill(os.getpid(), number)
            cleaned = True
    assert cleaned
    assert caught.value.exit_code == code
    assert signal.getsignal(number) is before


def test_a_held_one_is_raised_when_the_step_is_done() -> None:
    done = False
    with pytest.raises(Interrupted), interruptible() as interrupts:
        with interrupts.held():
            os.kill(os.getpid(), signal.SIGINT)
            done = True
        raise AssertionError("not interrupted")
    assert done


def test_none_is_raised_while_tidying_up() -> None:
    with interruptible() as interrupts:
        interrupts.stop()
        os.kill(os.getpid(), signal.SIGTERM)
        tidied = True
    assert tidied


def test_a_failed_cell_is_no_reason_to_swallow_an_interrupt() -> None:
    assert not issubclass(Interrupted, Exception)


def test_a_cell_has_its_time_and_no_more() -> None:
    with pytest.raises(TargetError, match="did not end within"), time_limit(0.05):
        time.sleep(5)
    with time_limit(5):
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
