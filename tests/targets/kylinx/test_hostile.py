"""Isolation: guests that do what they must not, against the monitor, their neighbours, other families."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from targets.kylinx.toolstack.control import MonitorGoneError
from targets.kylinx.toolstack.monitor import Share
from tests.targets.kylinx.guests import LONG, Guests, build, family, image_of

pytestmark = pytest.mark.root

SECRET = "not shared\n"


@pytest.fixture(scope="module")
def program() -> Path:
    return build("hostile")


@pytest.fixture(scope="module")
def image(program: Path) -> Path:
    return image_of(program)


@pytest.fixture(scope="module")
def directories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is shared with the family, and beside it what is not: each share has a link out of it."""
    top = tmp_path_factory.mktemp("directories")
    (top / "secret").write_text(SECRET)
    for name in ("share", "work"):
        folder = top / name
        (folder / "a").mkdir(parents=True)
        (folder / "file").write_text("open to all\n")
        (folder / "link").symlink_to("/etc/passwd")
        (folder / "linkdir").symlink_to("..")
        os.mkfifo(folder / "fifo")
    return top


@pytest.fixture
def guests(image: Path, program: Path, directories: Path) -> Iterator[Guests]:
    shares = (
        Share(directories / "share", "/kx-share"),
        Share(directories / "work", "/kx-work", writable=True),
    )
    with family(image, program, "hostile", shares=shares) as guests:
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
    pid = guests.libos()["process"][0]["pid"]
    guests.passes("region-tables-that-lie", str(pid))
    assert holder.end().status == 0


@pytest.mark.parametrize(
    "trial",
    [
        "hypercall-numbers",
        "hypercall-slots",
        "hypercall-wait-timer",
        "hypercall-fork",
        "hypercall-memory",
        "hypercall-commons",
        "hypercall-console",
        "hypercall-report",
        "hypercall-hostfs",
    ],
)
def test_hypercall_arguments(guests: Guests, directories: Path, trial: str) -> None:
    guests.passes(trial)
    assert (directories / "secret").read_text() == SECRET
    assert sorted(path.name for path in directories.iterdir()) == ["secret", "share", "work"]
    assert (directories / "share" / "file").read_text() == "open to all\n"
    kept = {"a", "file", "fifo", "link", "linkdir"}
    assert {path.name for path in (directories / "share").iterdir()} == kept


def test_hypercalls_at_random(guests: Guests, directories: Path) -> None:
    guests.passes("hypercalls-at-random", "100" if LONG else "8", timeout_s=120)
    assert (directories / "secret").read_text() == SECRET
    assert (directories / "share" / "file").read_text() == "open to all\n"


@pytest.mark.parametrize("trial", ["instructions-forbidden", "instructions-int-n", "flags", "odd-entries"])
def test_instructions(guests: Guests, trial: str) -> None:
    """They end the pVM that executes them at most."""
    guests.passes(trial)


def test_segment_bases(guests: Guests) -> None:
    """A LibOS led astray by its own pVM may never come back: the monitor ends that one, the others go on."""
    said = guests.run("segment-bases", timeout_s=200)
    assert said.status == 0, (said.brief(), guests.log())
    guests.end_all()
    guests.is_well()
    guests.expect_none_live()


@pytest.mark.parametrize(
    "trial",
    [
        "arguments-change",
        "region-table-changes",
        "object-changes",
        "file-requests-change",
        "fault-report-changes",
    ],
)
def test_changed_during_the_call(guests: Guests, directories: Path, trial: str) -> None:
    guests.passes(trial)
    assert (directories / "secret").read_text() == SECRET
    assert (directories / "share" / "file").read_text() == "open to all\n"


def test_rings(guests: Guests) -> None:
    guests.passes("ring-indices-that-lie")


def test_jumps_into_the_libos(image: Path, program: Path) -> None:
    """They may end the family, by its LibOS's own word, or leave it with a lock that nobody gives back, where
    each of its pVMs can still be ended; never the monitor by a crash."""
    with family(image, program, "jumps") as guests:
        running = guests.start("jumps-into-the-libos")
        if not guests.is_over(running, within_s=60):
            with suppress(MonitorGoneError):  # what one leaves may be too much for the next
                guests.end_all()
        said = running.end()
        if said.status is None:
            assert guests.monitor.process.wait(60) == 125
            assert said.events[-1]["event"] == "panic"
        else:
            assert guests.monitor.process.poll() is None
