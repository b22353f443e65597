"""C tests of the LibOS in ordinary processes (hosted/), plain or under AddressSanitizer and UBSan."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
KYLINX = HERE.parents[2] / "targets" / "kylinx"
LIMIT_S = 280

Hosted = Callable[[str, bool], Path]
"""Builds the test of that name, sanitized or not."""

SANITIZED = pytest.mark.parametrize("sanitized", [False, True], ids=["plain", "sanitized"])


@pytest.fixture(scope="session")
def hosted(tmp_path_factory: pytest.TempPathFactory) -> Hosted:
    """The LibOS itself, which takes most of the time, is compiled once a session for each kind."""
    output = tmp_path_factory.mktemp("hosted")

    def build(name: str, sanitized: bool) -> Path:
        command = ["make", "-s", f"-j{os.cpu_count()}", "-C", str(KYLINX), f"B={output}", "hosted-test"]
        command += [f"TEST={HERE / 'hosted' / name}.c", *["SAN=1"] * sanitized]
        made = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        assert made.returncode == 0, made.stdout + made.stderr
        return Path(made.stdout.split()[-1])

    return build


def run_hosted(program: Path, **environment: object) -> str:
    """What it prints; its last line says that all was well."""
    values = {key: str(value) for key, value in environment.items()}
    done = subprocess.run(
        [program],
        env=os.environ | {"KX_TIMEOUT": str(LIMIT_S)} | values,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert done.stdout.endswith("ok\n"), done.stdout[-2000:]
    return done.stdout
