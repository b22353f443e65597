"""The guest's words: found however they arrive, and nothing that a guest prints is an error of ours."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from targets.microkernel.log import GuestLog

SAID = (
    b"mk: micro kernel\r\n@@MK READY http@@\r\n"
    b"mk: fault: task 3 of dns (space 4)\ninit: dns (space 4) ended with 80000001, is started again\n"
    b"@@MK EXIT bench 77@@\nmk: panic: no memory\nmk: panic: again\n"
)
BY_LINES = [
    b"@@MK READY http",
    b" @@MK READY a@@",
    b"@@MK READY A@@",
    b"@@MK READY ../x@@",
    b"@@MK EXIT bench -1@@",
    b"@@MK EXIT bench 99999999999@@",
    b"init: x (space 1) ended with g",
    b"x mk: panic: no",
    b"\xff\xfe\x00\x1b[2J",
    b"@@MK READY " + b"a" * 5000 + b"@@",
]


def taken(path: Path, pieces: list[bytes]) -> GuestLog:
    path.write_bytes(b"")
    log = GuestLog(path)
    for piece in pieces:
        with path.open("ab") as file:
            file.write(piece)
        log.look()
    return log


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, len(SAID)), max_size=8).map(sorted))
def test_in_whatever_pieces_it_comes(tmp_path: Path, cuts: list[int]) -> None:
    ends = [0, *cuts, len(SAID)]
    log = taken(tmp_path / "log", [SAID[a:b] for a, b in pairwise(ends)])
    assert log.banner
    assert log.ready == {"http"}
    assert log.faults == ["task 3 of dns (space 4)"]
    assert log.ended == {"dns": 0x80000001}
    assert log.status == {"bench": 77}
    assert log.panic == "no memory"
    assert log.size == len(SAID)


@pytest.mark.parametrize("line", BY_LINES, ids=range(len(BY_LINES)))
def test_what_only_looks_like_it(tmp_path: Path, line: bytes) -> None:
    log = taken(tmp_path / "log", [b"\n", line + b"\n"])
    assert not (log.banner or log.panic or log.faults or log.ready or log.status or log.ended)


def test_a_line_without_end_takes_no_memory(tmp_path: Path) -> None:
    log = taken(tmp_path / "log", [b"@@MK READY a" * 100_000] * 3)
    assert log.size == 3_600_000
    assert len(log._line) < 10_000
    log = taken(tmp_path / "log", [b"x" * 10_000, b"@@MK READY a@@\n@@MK READY b@@\n"])
    assert log.ready == {"b"}


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=200), max_size=5))
def test_any_bytes(tmp_path: Path, pieces: list[bytes]) -> None:
    log = taken(tmp_path / "log", pieces)
    assert log.size == sum(map(len, pieces))
    assert isinstance(log.text(), str)
