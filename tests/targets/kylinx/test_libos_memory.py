"""The LibOS's memory and processes: hosted C tests, plain and under sanitizers, and forks in every order as a
process and in a pVM."""

import subprocess
from pathlib import Path

import pytest

from targets.kylinx import building, host
from targets.kylinx.image import Request, cached_image
from targets.kylinx.toolstack.monitor import FamilyOptions
from tests.targets.kylinx.conftest import HERE, SANITIZED, Hosted, run_hosted

FORKS = 300
SAID = "0 wrong, memory is back, alarms: yes"


@SANITIZED
@pytest.mark.parametrize("name", ["memory_maps", "elf_fuzz"])
def test_hosted(hosted: Hosted, name: str, sanitized: bool) -> None:
    run_hosted(hosted(name, sanitized))


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
