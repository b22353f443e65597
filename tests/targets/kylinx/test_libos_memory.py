"""The LibOS's memory and processes: hosted C tests, plain and under sanitizers, and forks in every order as a
process and in a pVM."""

import subprocess
from pathlib import Path

import pytest

from targets.kylinx import building, host
from targets.kylinx.image import Request, cached_image
from targets.kylinx.toolstack.monitor import FamilyOptions

HERE = Path(__file__).parent
KYLINX = HERE.parents[2] / "targets" / "kylinx"
FORKS = 300
SAID = "0 wrong, memory is back, alarms: yes"


@pytest.mark.parametrize("sanitized", [False, True], ids=["plain", "sanitized"])
@pytest.mark.parametrize("name", ["memory_maps", "elf_fuzz"])
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


@pytest.fixture(scope="module")
def torture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("torture") / "fork_torture"
    source = HERE / "fork_torture.c"
    warnings = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wshadow"]
    command = ["gcc", *warnings, "-O1", "-pthread", "-o", str(program), str(source)]
    subprocess.run(command, check=True)
    return program


def test_forks_in_every_order_as_a_process(torture: Path) -> None:
    command = [str(torture), str(FORKS), "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, SAID, "")


@pytest.mark.root
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_forks_in_every_order_in_a_pvm(torture: Path, seed: int) -> None:
    """No stale page, no process with a wrong end, and all of the family's memory back."""
    if why := host.missing():
        pytest.skip(why)
    building.build()
    image = cached_image(Request((str(torture),), name="test-fork-torture")).path
    command = [*FamilyOptions(image, memory_bytes=256 << 20).command(), "--", str(torture), str(FORKS)]
    done = subprocess.run(
        [*command, str(seed), "memory"], capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, SAID, "")
