"""The stand-in guest, assembled as a test wants it, and a site to run it in."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from targets.lab import Lab, Site, missing
from targets.microkernel import MicrokernelDeployment, host
from targets.microkernel.building import Parts

HERE = Path(__file__).parent
Guest = Callable[..., Parts]


@pytest.fixture(scope="session", autouse=True)
def _able() -> None:
    if why := host.missing():
        pytest.skip(why)


@pytest.fixture
def guest(tmp_path: Path) -> Guest:
    """Makes the parts of a machine whose guest prints ``text`` ``repeat`` times, then switches itself off
    (``ends="OFF"``), waits (``WAIT``) or spins (``SPIN``)."""

    def make(text: str, ends: str = "OFF", repeat: int = 1) -> Parts:
        elf, image, tasks = tmp_path / "guest.elf", tmp_path / "guest.img", tmp_path / "tasks"
        (tmp_path / "guest.txt").write_bytes(text.encode())
        defines = [f'-DTEXT="{tmp_path}/guest.txt"', f"-DREPEAT={repeat}", f"-D{ends}"]
        command = ["arm-none-eabi-gcc", "-mcpu=cortex-a15", "-nostdlib", "-Wl,-Ttext=0", *defines]
        subprocess.run([*command, "-o", elf, HERE / "stand_in.S"], check=True)
        subprocess.run(["arm-none-eabi-objcopy", "-O", "binary", elf, image], check=True)
        tasks.mkdir(exist_ok=True)
        shutil.copy(elf, tasks / "init.elf")
        return Parts(image, tasks)

    return make


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    if why := missing():
        pytest.skip(why)
    with Lab() as lab:
        yield lab


@pytest.fixture
def site(lab: Lab) -> Iterator[Site]:
    with lab.site(lab.unused_name("guest"), tap=True) as site:
        yield site


Deploy = Callable[[Parts], MicrokernelDeployment]


@pytest.fixture
def deploy(lab: Lab, site: Site, tmp_path: Path) -> Deploy:
    """A deployment whose machines boot the given parts."""
    return lambda parts: MicrokernelDeployment("microkernel", lab, site, tmp_path / "scratch", parts)
