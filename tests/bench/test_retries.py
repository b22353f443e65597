"""Cells that end noisy are tried again as often as the plan grants, and the record tells."""

from collections.abc import Callable
from typing import cast

import pytest

from bench.engine import Reporter, _Run
from bench.plan import parse, schedule
from results.store import Store
from vocabulary import CellRecord, Outcome, RunRecord, Samples

Tried = Callable[[], tuple[CellRecord, list[Samples]]]


def run_with(retries: int) -> _Run:
    """A run of whose parts only the plan and the number of cells matter here."""
    plan = parse(
        {"name": "t", "targets": ["process"], "retries": retries, "cases": [{"kind": "null"}]}, where="test"
    )
    parts = cast(RunRecord, None), plan, schedule(plan), cast(Store, None), cast(Reporter, None)
    return _Run(*parts)


def outcomes(*ends: Outcome) -> Tried:
    left = list(ends)

    def run() -> tuple[CellRecord, list[Samples]]:
        outcome = left.pop(0)
        reason = f"{len(left)} left" if outcome is Outcome.NOISY else ""
        record = CellRecord(
            0, 0, "process", "null", "null", {}, (), outcome, reason, 0.0, 0.0, {"wall_s": 1.0}
        )
        return record, []

    return run


@pytest.mark.parametrize(
    ("retries", "ends", "outcome", "tries"),
    [
        (0, [Outcome.NOISY], Outcome.NOISY, None),
        (2, [Outcome.OK], Outcome.OK, None),
        (1, [Outcome.NOISY, Outcome.OK], Outcome.OK, 2),
        (2, [Outcome.NOISY, Outcome.NOISY, Outcome.OK], Outcome.OK, 3),
        (1, [Outcome.NOISY, Outcome.NOISY], Outcome.NOISY, 2),
        (3, [Outcome.FAILED], Outcome.FAILED, None),
        (3, [Outcome.NOISY, Outcome.FAILED], Outcome.FAILED, 2),
    ],
)
def test_as_often_as_granted(retries: int, ends: list[Outcome], outcome: Outcome, tries: int | None) -> None:
    record, _ = run_with(retries)._tried(outcomes(*ends))
    assert record.outcome is outcome
    assert record.environment.get("tries") == tries
    assert record.environment["wall_s"] == 1.0
    assert bool(record.environment.get("noise_before")) == (tries is not None)


def test_a_machine_that_is_always_noisy_is_not_tried_for_ever() -> None:
    run = run_with(5)
    records = [run._tried(outcomes(*[Outcome.NOISY] * 9))[0] for _ in range(4)]
    assert run.retried == 3
    assert [record.environment.get("tries") for record in records] == [4, None, None, None]
