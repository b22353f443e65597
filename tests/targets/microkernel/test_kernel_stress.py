"""64 tasks in 8 spaces exchange messages, a timer interrupts each 100 µs: nothing is lost, missed or starved.

``KXBENCH_STRESS_MS``: of virtual time; the evidence has 60000, of which a host takes some eight minutes."""

import os
from pathlib import Path

import pytest

from targets.microkernel.building import build
from tests.targets.microkernel.booting import boot
from workloads.protocol import parse

MS = int(os.environ.get("KXBENCH_STRESS_MS", "600"))
SECONDS_AT_MOST = 60 + MS * 0.05
PERIODS_A_MS = 10


@pytest.mark.timeout(SECONDS_AT_MOST + 30)
@pytest.mark.parametrize("work_us", [20, 0])
def test_nothing_is_lost_missed_or_starved(tmp_path: Path, work_us: int) -> None:
    build()
    ms = MS if work_us else MS // 6  # messages without end take the host longer
    said = boot(tmp_path, f"run=stress ms={ms} work_us={work_us}", timeout_s=SECONDS_AT_MOST)
    found = {samples.metric.name: int(samples.values[0]) for samples in parse(said, "stress")}
    assert found["messages"] > 40 * ms
    assert found["periods"] >= PERIODS_A_MS * ms
    assert [
        found[name] for name in ("lost_messages", "wrong_answers", "missed_deadlines", "starved_tasks")
    ] == [0] * 4
