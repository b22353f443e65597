"""The LibOS's core in an ordinary process: C tests in hosted/, plain and under AddressSanitizer and UBSan."""

import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
KYLINX = HERE.parents[2] / "targets" / "kylinx"


@pytest.mark.parametrize("sanitized", [False, True], ids=["plain", "sanitized"])
@pytest.mark.parametrize("name", ["core", "futex"])
def test_hosted(name: str, sanitized: bool, tmp_path_factory: pytest.TempPathFactory) -> None:
    build = tmp_path_factory.getbasetemp() / "hosted"
    made = ["make", "-s", "-j2", "-C", str(KYLINX), f"B={build}", "hosted-test"]
    made.append(f"TEST={HERE / 'hosted' / name}.c")
    if sanitized:
        made.append("SAN=1")
    program = subprocess.run(made, capture_output=True, text=True, timeout=600, check=False)
    assert program.returncode == 0, program.stdout + program.stderr
    done = subprocess.run(
        [program.stdout.split()[-1]], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "ok"
