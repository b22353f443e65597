"""No wake-up is lost between pVMs: pairs that hand messages to and fro, with pauses at random."""

import subprocess
from pathlib import Path

import pytest

from targets.kylinx.toolstack.monitor import FamilyOptions

from .guests import HERE, LONG, image_of

MESSAGES = 1_000_000
SECONDS = 60 if LONG else 3


@pytest.fixture(scope="module")
def wakes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("wakes") / "wakes"
    flags = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-Wshadow"]
    subprocess.run(["gcc", *flags, "-o", str(program), str(HERE / "wakes.c")], check=True)
    return program


def told(command: list[str]) -> int:
    """How many messages went to and fro."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS + 150,
        start_new_session=True,  # who hears nothing kills the group
    )
    assert (done.returncode, done.stdout[:3], done.stderr) == (0, "ok ", "")
    return int(done.stdout[3:])


def test_as_processes(wakes: Path) -> None:
    assert told([str(wakes), "7", str(MESSAGES), "1"]) > 0


@pytest.mark.root
@pytest.mark.parametrize(("pairs", "vm_per_pvm"), [(1, False), (7, False), (28, False), (7, True)])
def test_in_pvms(wakes: Path, pairs: int, vm_per_pvm: bool) -> None:
    """A stall ends the program with the message it was at."""
    image = image_of(wakes)
    options = FamilyOptions(image, memory_bytes=512 << 20, pvms=128, vm_per_pvm=vm_per_pvm)
    command = [*options.command(), "--"]
    assert told([*command, str(wakes), str(pairs), str(MESSAGES), str(SECONDS)]) > 0
