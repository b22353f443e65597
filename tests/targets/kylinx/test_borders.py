"""What a family cannot do to others, nor one pVM to its siblings: names, storms, bombs, faults."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from targets.kylinx.toolstack.symbols import Symbols
from tests.targets.kylinx.guests import LONG, Guests, build, family, image_of

pytestmark = pytest.mark.root

STORMS = ("calls", "kicks", "reports", "faults", "touches", "forks")
PROGRESS_MS = 300
# against the same number of pVMs that only compute; storms take the monitor's locks and the host's CPU, too
LEAST_SHARE = 0.4


@pytest.fixture(scope="module")
def program() -> Path:
    return build("hostile")


@pytest.fixture(scope="module")
def image(program: Path) -> Path:
    return image_of(program)


@pytest.fixture
def two(image: Path, program: Path) -> Iterator[tuple[Guests, Guests]]:
    with family(image, program, "one") as one, family(image, program, "other") as other:
        yield one, other


def test_another_family_is_refused(two: tuple[Guests, Guests]) -> None:
    """No name, number or process of one means anything in the other."""
    ours, theirs = two
    host = theirs.start("names")
    pid, queue = host.line().split()
    ours.passes("stranger", pid, queue)
    said = host.end()
    assert said.status == 9, said.brief()  # by its own hand, after all its children were seen alive
    theirs.is_well()


def _beside(guests: Guests, other: Guests, storm: str) -> int:
    running = other.start("storm", storm, "2")
    assert running.line() == "ready"
    said = guests.run("progress", str(PROGRESS_MS))
    assert said.status == 0
    ended = running.end()
    assert ended.status == 0, (ended.brief(), other.log())
    other.end_all()  # those that make hypercalls by themselves are never where a signal would reach them
    return int(said.out)


@pytest.mark.parametrize("storm", STORMS)
@pytest.mark.parametrize("where", ["in another family", "in the same family"])
def test_a_storm_leaves_others_their_share(two: tuple[Guests, Guests], storm: str, where: str) -> None:
    guests, other = two
    if where == "in the same family":
        other = guests
    calm, stormy = [], []
    for _ in range(15):  # interleaved and summed: the machine's neighbours take from the one and the other
        calm.append(_beside(guests, other, "spin"))
        stormy.append(_beside(guests, other, storm))
        if sum(stormy) >= LEAST_SHARE * sum(calm):
            break
    assert sum(stormy) >= LEAST_SHARE * sum(calm), (stormy, calm)
    guests.is_well()
    other.is_well()


def test_signals_among_faults(image: Path, program: Path) -> None:
    with family(image, program, "told") as guests:
        guests.passes("signals-among-faults", "20000" if LONG else "2000")


def test_fork_bomb(image: Path, program: Path) -> None:
    with family(image, program, "bomb", pvms=40) as guests:
        said = guests.passes("fork-bomb")
        assert int(said.out) == 39
        guests.passes("fork-bomb-of-all")
        guests.expect_none_live()
        assert guests.stats()["vcpus"]["made"] <= 48


def test_fork_bomb_beside_another_family(image: Path, program: Path) -> None:
    with family(image, program, "bomb", pvms=40) as bomb, family(image, program, "calm") as calm:
        running = bomb.start("fork-bomb-of-all")
        calm.is_well()
        assert running.end().status == 0
        calm.is_well()


def test_memory_bombs(image: Path, program: Path) -> None:
    """Whichever way the family's memory is used up, the program that does it is told or killed, and alone."""
    with family(image, program, "memory", memory_mib=64) as guests:
        said = guests.passes("memory-bomb")
        assert said.out.count("\n") == 6
        memory = guests.stats()["memory"]
        assert memory["peak_bytes"] <= memory["limit_bytes"] == 64 << 20
        if LONG:
            for _ in range(5):
                guests.passes("memory-bomb")


def test_a_fault_is_told_and_kills_alone(image: Path, program: Path) -> None:
    """Registers, and a backtrace with names, of the one that died; its siblings go on."""
    with family(image, program, "fault") as guests:
        (fault,) = guests.passes("dies-alone").faults
    assert (fault.signal, fault.address, fault.command) == (11, 0x1230, "hostile")
    assert fault.registers["rip"] and fault.registers["rsp"] and fault.registers["cr2"] == 0x1230
    text = fault.text(Symbols(image))
    assert "died of signal 11 (SIGSEGV)" in text
    places = [text.find(f" {name}+") for name in ("crash_here", "on_purpose", "run_dies_alone", "main")]
    assert -1 not in places and places == sorted(places), text
    assert "(/" in text and str(program) in text
