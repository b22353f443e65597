"""The order in which tasks go on, under every mix of priorities: the kernel's and a reference model's, event
by event, for schedules that hypothesis makes."""

import os
import re
import tempfile
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from targets.microkernel.building import build
from tests.targets.microkernel.booting import boot
from tests.targets.microkernel.scheduler import (
    OBJECTS,
    Ambiguous,
    Event,
    Model,
    Operation,
    Program,
    What,
)

MOST_UNITS = 200
EXAMPLES = int(os.environ.get("KXBENCH_SCHEDULES", "6"))  # boots; each runs up to 16 schedules
Schedule = list[Program]


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    build()


def predict(schedule: Schedule) -> tuple[list[Event], float] | None:
    """None: it depends on what the kernel's own instructions take."""
    try:
        return Model(schedule).run(MOST_UNITS)
    except Ambiguous:
        return None


def packed(schedule: Schedule, units: float) -> bytes:
    end = int(units) + 2
    return bytes((len(schedule), end % 256, end // 256)) + b"".join(program.packed() for program in schedule)


def run(schedules: list[Schedule], directory: Path) -> list[list[Event]]:
    file = directory / "schedules"
    file.write_bytes(b"".join(packed(s, end) for s in schedules for _, end in [Model(s).run(MOST_UNITS)]))
    said = boot(directory, "run=test group=schedules", {"schedules": file})
    lines = re.findall(r"^schedule:(.*?)\r?$", said, re.MULTILINE)
    assert len(lines) == len(schedules), said[-2000:]
    return [
        [(int(t), int(o), int(r)) for t, o, r in re.findall(r"(\d+)\.(\d+)=(-?\d+)", line)] for line in lines
    ]


def compare(schedules: list[Schedule], directory: Path) -> None:
    for schedule, found in zip(schedules, run(schedules, directory), strict=True):
        assert found == Model(schedule).run(MOST_UNITS)[0], schedule


# ---- Schedules

PRIORITIES = st.sampled_from([3, 3, 3, 7, 7, 16, 18, 24])
OBJECT = st.integers(0, OBJECTS - 1)
TIMEOUT = st.one_of(st.just(0), st.integers(1, 90))


def phrases(tasks: int) -> st.SearchStrategy[list[Operation]]:
    """An operation, or some that belong together."""
    other = st.integers(0, tasks - 1)
    running = st.builds(Operation, st.just(What.RUN), st.sampled_from([1, 1, 2, 3, 5, 14, 30]))
    alone = [running] * 3
    alone += [st.builds(Operation, st.just(what)) for what in (What.YIELD, What.YIELD, What.REPLY, What.EXIT)]
    alone += [st.builds(Operation, st.just(What.SLEEP), timeout=st.integers(1, 120))] * 3
    alone += [
        st.builds(Operation, st.just(what), OBJECT) for what in (What.UP, What.UP, What.UNLOCK, What.NOTIFY)
    ]
    alone += [
        st.builds(Operation, st.just(what), OBJECT, timeout=TIMEOUT)
        for what in (What.DOWN, What.LOCK, What.SEND, What.CALL, What.CALL, What.RECEIVE)
    ]
    alone += [
        st.builds(Operation, st.just(What.PRIORITY), other, PRIORITIES),
        st.builds(Operation, st.just(What.KILL), other),
    ]
    holding = st.builds(
        lambda mutex, while_held, timeout: [
            Operation(What.LOCK, mutex, timeout=timeout),
            while_held,
            Operation(What.UNLOCK, mutex),
        ],
        OBJECT,
        st.one_of(*alone),
        TIMEOUT,
    )
    serving = st.builds(
        lambda port, meanwhile, timeout: [
            Operation(What.RECEIVE, port, timeout=timeout),
            meanwhile,
            Operation(What.REPLY),
        ],
        OBJECT,
        st.one_of(running, *alone),
        TIMEOUT,
    )
    single = st.one_of(*alone).map(lambda operation: [operation])
    return st.one_of(single, single, single, holding, serving)


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    tasks = draw(st.integers(2, 6))
    operations = st.lists(phrases(tasks), min_size=1, max_size=6).map(lambda made: tuple(chain(*made)))
    program = st.builds(Program, PRIORITIES, operations)
    return draw(st.lists(program, min_size=tasks, max_size=tasks))


def running(units: int) -> Operation:
    return Operation(What.RUN, units)


def sleeping(units: float) -> Operation:
    return Operation(What.SLEEP, timeout=int(units * 16))


EXAMPLES_BY_HAND: dict[str, Schedule] = {
    "who is preempted keeps what was left of its turn": [
        Program(3, (running(30),)),
        Program(3, (running(12),)),
        Program(18, (sleeping(5), running(1), sleeping(15.9), sleeping(6.1), running(1))),
    ],
    "who waits begins a new turn": [
        Program(3, (running(5), sleeping(1), running(30))),
        Program(3, (running(20), running(20))),
        Program(3, (running(14),)),
    ],
    "turns among three, and one below that has none": [
        Program(7, (running(30),)),
        Program(7, (running(14), running(14))),
        Program(7, (running(3), running(30))),
        Program(3, (running(1),)),
    ],
    "who raises itself has no turn that ends": [
        Program(3, (running(2), Operation(What.PRIORITY, 0, 18), running(30))),
        Program(3, (running(14),)),
        Program(18, (sleeping(4), running(2))),
    ],
    "whose priority was raised keeps no turn": [
        Program(3, (Operation(What.LOCK, 0), running(30), Operation(What.UNLOCK, 0), running(1))),
        Program(3, (running(14),)),
        Program(18, (sleeping(3), Operation(What.LOCK, 0), running(1))),
        Program(18, (sleeping(4), running(2))),
    ],
}


@pytest.mark.parametrize("name", EXAMPLES_BY_HAND)
def test_examples(tmp_path: Path, name: str) -> None:
    assert predict(EXAMPLES_BY_HAND[name])
    compare([EXAMPLES_BY_HAND[name]], tmp_path)


@pytest.mark.timeout(60 + 10 * EXAMPLES)
@settings(
    max_examples=EXAMPLES,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink) if EXAMPLES > 6 else (Phase.generate,),
)
@given(st.lists(schedules(), min_size=12, max_size=40))
def test_events_come_as_predicted(made: list[Schedule]) -> None:
    clear = [schedule for schedule in made if predict(schedule)]
    with tempfile.TemporaryDirectory() as directory:
        if clear:
            compare(clear, Path(directory))
