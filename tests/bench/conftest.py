"""A cgroup of our own for the tests that need one."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest


def _unified() -> Path | None:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        if right.startswith("cgroup2 "):
            return Path(left.split()[4])
    return None


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """A fresh cgroup-v2 directory, empty again when the test ends."""
    root = _unified()
    if root is None:
        pytest.skip("no cgroup-v2 tree is mounted")
    directory = root / f"kxb-test-{os.getpid()}"
    try:
        directory.mkdir()
    except OSError as error:
        pytest.skip(f"cannot make a cgroup: {error.strerror}")
    yield directory
    deadline = time.monotonic() + 20
    while "populated 1" in (directory / "cgroup.events").read_text():  # who has ended may leave it later
        assert time.monotonic() < deadline
        time.sleep(0.01)
    directory.rmdir()
