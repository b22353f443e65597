"""The applications' parsers and the kernel's system calls, fuzzed: see tests/fuzzing.py."""

from pathlib import Path

import pytest

from tests import fuzzing

HERE = Path(__file__).parent
LONGEST = {"resp": 2000, "http": 3000, "dns": 1000, "zone": 2000, "calls": 2000}
RUNS = {"resp": 8000, "http": 2500, "dns": 50_000, "zone": 30_000, "calls": 200}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fuzzing.build(HERE, tmp_path_factory.mktemp("fuzz"))


@fuzzing.TIMEOUT
@pytest.mark.parametrize("target", LONGEST)
def test_nothing_is_found(built: Path, tmp_path: Path, target: str) -> None:
    corpus, words = HERE / "corpus" / target, f"-dict={HERE / target}.dict"
    fuzzing.nothing_is_found(built / target, corpus, tmp_path, LONGEST[target], RUNS[target], words)
