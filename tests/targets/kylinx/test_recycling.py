"""A recycled vCPU and page carries nothing over: filled with a canary, then searched by who comes next."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from targets.kylinx import building
from tests.targets.kylinx.guests import LONG, build, family, image_of
from vocabulary.errors import TargetError

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def program() -> Path:
    return build("recycle")


@pytest.fixture(scope="module")
def image(program: Path) -> Path:
    return image_of(program)


VMS = pytest.mark.parametrize("vm_per_pvm", [False, True], ids=["one VM", "a VM each"])


@VMS
def test_after_one_that_ended(image: Path, program: Path, vm_per_pvm: bool) -> None:
    """The same slot, and (by the memory limit) the same frames, again and again."""
    with family(image, program, "recycled", memory_mib=192, pvms=4, vm_per_pvm=vm_per_pvm) as guests:
        for _ in range(5):
            filled = guests.run("fill")
            assert (filled.status, filled.out) == (0, "filled\n"), guests.log()
            looked = guests.run("look")
            assert looked.status == 0, f"found at place {(looked.status or 0) >> 8}"
        stats = guests.stats()
        assert stats["vcpus"]["made"] < stats["vcpus"]["recycled"]


@pytest.mark.parametrize("force", [0, 1], ids=["by a signal", "by the monitor"])
def test_after_one_that_was_killed(image: Path, program: Path, force: int) -> None:
    with family(image, program, "recycled", memory_mib=192, pvms=4) as guests:
        for _ in range(3):
            running = guests.start("fill-and-stay")
            assert running.line() == "filled"
            guests.monitor.control.request("kill", [("slot", running.answer["slot"]), ("force", force)])
            assert running.end().status == 9
            looked = guests.run("look")
            assert looked.status == 0, f"found at place {(looked.status or 0) >> 8}"


def test_killed_as_it_ends(image: Path, program: Path) -> None:
    """What was asked for one pVM does not reach the idle vCPU it leaves, nor the next pVM there: all that are
    started after the last request end by themselves."""
    with family(image, program, "recycled", memory_mib=192, pvms=8) as guests:
        control = guests.monitor.control
        for k in range(400 if LONG else 100):
            running = guests.start("end")
            request = [("slot", running.answer["slot"]), ("force", k % 2)]
            time.sleep(k % 10 * 0.0002)  # it may be about to end by itself
            with pytest.raises(TargetError, match="no pVM runs"):  # asked until there is none any more
                until = time.monotonic() + 60
                while time.monotonic() < until:
                    control.request("kill", request)
            assert running.end().status in (0, 9), guests.log()
            said = guests.run("end")
            assert said.status == 0, (said.brief(), guests.log())


@VMS
def test_the_vcpu_itself(image: Path, program: Path, vm_per_pvm: bool) -> None:
    """Not what the LibOS makes of it: a LibOS of our own looks at its first instruction. Its exit status is
    the number of the place in probe.S where something was left by the pVM before."""
    ours = replace(building.NOW, libos=program.with_name("probe.elf"))
    with family(image, program, "probe", memory_mib=64, pvms=4, vm_per_pvm=vm_per_pvm, build=ours) as guests:
        for _ in range(20):
            said = guests.run()
            assert said.status == 0, f"found at place {(said.status or 0) >> 8}"
