"""The name server: programs that end are told of, and started again when they asked for it."""

import re
from pathlib import Path

from targets.microkernel.building import build
from tests.targets.microkernel.booting import boot

RESTARTS = 5  # tasks/init/main.c


def test_restarts(tmp_path: Path) -> None:
    """A server that faults each time it is asked: started again five times, then left; clients are told."""
    build()
    said = boot(tmp_path, "run=test group=restart")
    ends = re.findall(
        r"^init: test \(space \d+\) ended with 80000001(, is started again)?\r?$", said, re.MULTILINE
    )
    assert len(ends) == RESTARTS + 1, said[-2000:]
    assert [bool(end) for end in ends] == [True] * RESTARTS + [False]
    assert said.count("mk: fault: ") == RESTARTS + 1
    assert "test: ok restart" in said, said[-2000:]
