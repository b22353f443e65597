"""Isolation: a guest that does what it must not, in pVMs of its own, against monitor, neighbours and other families."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.targets.kylinx.guests import Guests, build, family, image_of

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def program() -> Path:
    return build("hostile")


@pytest.fixture(scope="module")
def image(program: Path) -> Path:
    return image_of(program)


@pytest.fixture(scope="module")
def guests(image: Path, program: Path) -> Iterator[Guests]:
    with family(image, program, "hostile") as guests:
        yield guests


@pytest.mark.parametrize(
    "trial",
    [
        "write-text",
        "supervisor-memory",
        "supervisor-memory-by-system-calls",
        "execute-data",
        "write-and-execute-by-calls",
        "write-and-execute-by-region-table",
        "two-views-of-code",
        "private-pages-shared-since-a-fork",
        "pages-of-the-image",
    ],
)
def test_memory(guests: Guests, trial: str) -> None:
    guests.passes(trial)


def test_region_tables(guests: Guests) -> None:
    """Region tables at random never show what another pVM holds, nor harm it."""
    holder = guests.start("secret")
    assert holder.line() == "ready"
    pid = guests.stats()["libos"]["process"][0]["pid"]
    guests.passes("region-tables-that-lie", str(pid))
    assert holder.end().status == 0
