"""The probes at the monitor of pVMs: 23 in, 23 out, and the same as the monitor counts itself."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from probes.base import BpfProbe
from probes.fork import ForkProbe
from probes.ipc import IpcProbe
from probes.library import LibraryProbe
from probes.memory import MemoryProbe
from probes.monitor import HYPERCALLS, MONITOR
from probes.pvm import PvmProbe
from targets.kylinx import abi, building, host
from targets.kylinx.image import Request, cached_image
from targets.kylinx.toolstack.control import Control, MonitorGoneError, Program
from targets.kylinx.toolstack.monitor import FamilyOptions
from targets.kylinx.toolstack.programs import run_program
from targets.lab import Lab
from tests.probes.conftest import COUNT, Made, counts, name
from vocabulary import Place, ProbeReading, ProbeScope, Samples, Source, UnsupportedError
from vocabulary.histogram import Histogram
from workloads.micro import building as micro
from workloads.protocol import parse

pytestmark = [pytest.mark.root, pytest.mark.bcc]

UP_WITHIN_S = 60
FORKS = {"first_parent": 1, "first_child": 1, "parent": COUNT - 1, "child": COUNT - 1}


@dataclass(frozen=True, slots=True)
class Family:
    """A monitor in a place, kept for programs to be run in it one after the other."""

    control: Control
    guest: Path

    def run(self, what: str, count: int = COUNT) -> None:
        """To the end of it and its children: one that was waited for may still be on its way out."""
        arguments = (str(self.guest), what, str(count))
        assert run_program(self.control, Program(str(self.guest), arguments)).status == 0
        self.idle()

    def stats(self) -> dict[str, Any]:
        return self.control.request("stats")

    def idle(self) -> dict[str, Any]:
        """Its statistics when no pVM is left: what a program's end takes is over."""
        deadline = time.monotonic() + UP_WITHIN_S
        while (stats := self.stats())["vcpus"]["live"]:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return stats


@pytest.fixture(scope="module", autouse=True)
def _able() -> None:
    if why := host.missing():
        pytest.skip(why)
    building.build()


@pytest.fixture
def watched(scope: ProbeScope) -> ProbeScope:
    return replace(scope, binaries={MONITOR: building.MONITOR})


@contextmanager
def family_in(place: Place, built: Path, tmp_path: Path, *, pvms: int | None = None) -> Iterator[Family]:
    guest = (built / "guest").absolute()
    image = cached_image(Request((str(guest),), (), name="probes-guest")).path
    path = tmp_path / "control"
    options = ["--keep", "--quiet", "--control", str(path)]
    process = place.popen([*FamilyOptions(image, memory_bytes=1 << 30, pvms=pvms).command(), *options])
    try:
        deadline = time.monotonic() + UP_WITHIN_S
        while True:
            try:
                control = Control.connect(path)
                break
            except MonitorGoneError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.01)
        with control:
            yield Family(control, guest)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def family(scope: ProbeScope, built: Path, tmp_path: Path) -> Iterator[Family]:
    with family_in(scope.place, built, tmp_path) as family:
        yield family


def by_name(reading: ProbeReading) -> dict[str, Samples]:
    return {name(samples): samples for samples in reading.samples}


def test_hypercalls_are_called_as_in_the_abi() -> None:
    named = [f"KX_HC_{call.upper()}" for call in HYPERCALLS]
    assert [abi.NUMBERS[call] for call in named] == list(range(abi.NUMBERS["KX_HC_COUNT"]))


def test_fork_counts_the_forks_of_the_micro_program(
    made: Made, lab: Lab, watched: ProbeScope, tmp_path: Path
) -> None:
    """From the monitor's start to its end: the first pVM is no fork, and the program makes none besides."""
    micro.build()
    program = micro.BUILD / "fork"
    image = cached_image(Request((str(program),), (), name="micro-fork")).path
    words = [*FamilyOptions(image).command(), "--", str(program)]
    with made(ForkProbe).attach(watched) as reading, (tmp_path / "out").open("wb") as out:
        words += [f"--iterations={COUNT}", "--budget-ms=0", "--dirty-mib=1"]
        assert watched.place.popen(words, stdout=out).wait(120) == 0
    assert counts(reading) == FORKS
    assert reading.lost_events == 0
    assert reading.events == 2 * COUNT
    own = {s.metric.name: s for s in parse((tmp_path / "out").read_text(), "fork")}
    for metric, samples in by_name(reading).items():
        assert samples.histogram == Histogram.of(samples.values)
        assert (samples.source, samples.probe, samples.metric.unit) == (Source.PROBE, "fork/monitor", "ns")
        assert samples.metric.better is own[metric].metric.better
        assert (samples.values < own[metric].values).all()  # it is a part of what the program sees


def test_fork_agrees_with_the_monitors_own_count(made: Made, watched: ProbeScope, family: Family) -> None:
    family.run("forks", 5)  # slots are used again
    before = family.idle()["vcpus"]["forks"]
    with made(ForkProbe).attach(watched) as reading:
        family.run("forks")
    assert counts(reading) == FORKS
    assert family.idle()["vcpus"]["forks"] == before + COUNT


def test_forks_that_fail_are_counted(made: Made, watched: ProbeScope, built: Path, tmp_path: Path) -> None:
    pvms = 4
    with (
        family_in(watched.place, built, tmp_path, pvms=pvms) as family,
        made(ForkProbe).attach(watched) as reading,
    ):
        family.run("crowd")
    found = counts(reading)
    children = found["first_parent"] + found["parent"]
    assert found["first_child"] + found["child"] == children == pvms - 1
    assert found["failed_forks"] == COUNT - children


def test_a_program_without_forks_has_none(made: Made, watched: ProbeScope, family: Family) -> None:
    with made(ForkProbe).attach(watched) as reading:
        family.run("nothing")
    assert counts(reading) == {}


def test_ipc_times_the_wakes_of_blocked_receivers(made: Made, watched: ProbeScope, family: Family) -> None:
    family.run("nothing")
    before = family.idle()["hypercalls"]
    with made(IpcProbe).attach(watched) as reading:
        family.run("messages")
    after = family.idle()["hypercalls"]
    found = counts(reading)
    # the messages, and the end of the child that its parent waits for; a receiver that the machine keeps from
    # waiting finds two messages at once
    assert COUNT // 2 < found["event_wake"] <= COUNT + 1
    notified = found["event_wake"] + found.get("late_notifications", 0)
    assert found["hypercalls{call=notify}"] == notified == after["notify"] - before["notify"]
    waits = found["event_wake"] + found.get("unnotified_wakes", 0)
    assert found["hypercalls{call=wait}"] == waits == after["wait"] - before["wait"]
    assert reading.lost_events == 0
    latency = by_name(reading)["event_wake"].histogram
    assert latency is not None
    assert latency.percentile(50)[0] < 10e6  # and not the time between two messages


def test_pvm_counts_what_the_monitor_counts(made: Made, watched: ProbeScope, family: Family) -> None:
    family.run("forks")
    before = family.idle()["hypercalls"]
    with made(PvmProbe).attach(watched) as reading:
        family.run("forks")
    after = family.idle()["hypercalls"]
    found = counts(reading)
    after.pop("park", None)  # an idle vCPU's, of no pVM: the probe leaves it out
    for call, number in after.items():
        assert found.get(f"hypercalls{{call={call}}}", 0) == number - before.get(call, 0), call
    assert found["forks"] == found["hypercalls{call=fork}"] == COUNT
    assert found["hypercalls{call=exit}"] == COUNT + 1
    rates = by_name(reading)
    assert rates["hypercall_rate"].values > 0
    assert rates["cow_faults_per_fork"].values == found["cow_faults"] / COUNT
    hypercalls = sum(number for series, number in found.items() if series.startswith("hypercalls{"))
    assert reading.events == hypercalls + found["cow_faults"]
    assert reading.lost_events == 0


def test_pvm_counts_copy_on_write_faults(made: Made, watched: ProbeScope, family: Family) -> None:
    probe = made(PvmProbe)
    family.run("touches", 0)
    faults = []
    for pages in (0, COUNT):
        with probe.attach(watched) as reading:
            family.run("touches", pages)
        faults.append(counts(reading)["cow_faults"])
    assert faults[1] - faults[0] == COUNT


@pytest.mark.parametrize(
    ("probe", "what"), [(ForkProbe, "forks"), (IpcProbe, "messages"), (PvmProbe, "forks")]
)
def test_another_cgroup_is_not_counted(
    made: Made, lab: Lab, watched: ProbeScope, built: Path, tmp_path: Path, probe: type[BpfProbe], what: str
) -> None:
    with (
        lab.site(lab.unused_name("stranger")) as elsewhere,
        family_in(elsewhere.place, built, tmp_path) as stranger,
        made(probe).attach(watched) as reading,
    ):
        stranger.run(what)
    assert reading.events == 0
    assert not any(counts(reading).values())


def test_a_monitor_has_nothing_for_library(made: Made, watched: ProbeScope) -> None:
    with pytest.raises(UnsupportedError, match="nothing to attach to"), made(LibraryProbe).attach(watched):
        pass


def test_pvm_has_nothing_without_a_monitor(made: Made, scope: ProbeScope) -> None:
    with (
        pytest.raises(UnsupportedError, match="nothing to attach to") as caught,
        made(PvmProbe).attach(scope),
    ):
        pass
    assert "kylinx" in caught.value.remedy


def test_what_watches_the_host_goes_on_as_before(made: Made, watched: ProbeScope, family: Family) -> None:
    with made(MemoryProbe).attach(watched) as reading:
        family.run("forks")
    assert by_name(reading)["rss_peak"].values > 0
