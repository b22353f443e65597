"""What reads images, programs and the guests' calls, fuzzed: see tests/fuzzing.py."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import fuzzing

HERE = Path(__file__).parent
LONGEST = {"elf": 8192, "image": 32768, "libos_load": 8192, "hypercall": 4000, "control_socket": 16384}
RUNS = {"elf": 50_000, "image": 100_000, "libos_load": 1_000_000, "hypercall": 2500, "control_socket": 3000}
SHARED_MEMORY = Path("/dev") / "shm"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fuzzing.build(HERE, tmp_path_factory.mktemp("fuzz"))


@pytest.fixture
def files() -> Iterator[str]:
    """Where a target's host shares are: memory, which is fast."""
    with tempfile.TemporaryDirectory(
        dir=SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None
    ) as path:
        yield path


@fuzzing.TIMEOUT
@pytest.mark.parametrize("target", LONGEST)
def test_nothing_is_found(built: Path, files: str, tmp_path: Path, target: str) -> None:
    fuzzing.nothing_is_found(
        built / target,
        HERE / "corpus" / target,
        tmp_path,
        LONGEST[target],
        RUNS[target],
        KX_FUZZ_FOLDER=files,
        ASAN_OPTIONS="detect_leaks=0",
    )
