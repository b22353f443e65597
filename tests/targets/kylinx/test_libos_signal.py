"""Signals and timers of the LibOS between hosted pVMs, sanitized and plain; frames; random calls."""

import os
import subprocess
from pathlib import Path

import pytest

KYLINX = Path(__file__).resolve().parents[3] / "targets" / "kylinx"
TESTS = Path(__file__).resolve().parent / "hosted"
LIMIT_S = 300


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hosted")


@pytest.mark.parametrize("sanitized", [False, True], ids=["plain", "sanitized"])
@pytest.mark.parametrize("name", sorted(path.stem for path in TESTS.glob("signal_*.c")))
def test_hosted(output: Path, name: str, sanitized: bool) -> None:
    command = ["make", "-C", str(KYLINX), f"B={output}", "hosted-test", f"TEST={TESTS / name}.c"]
    made = subprocess.run(
        command + ["SAN=1"] * sanitized, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert made.returncode == 0, made.stderr
    done = subprocess.run(
        [output / ("hosted-san" if sanitized else "hosted") / f"{name}.test"],
        env=os.environ | {"KX_TIMEOUT": str(LIMIT_S)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert done.stdout.endswith("ok\n")
