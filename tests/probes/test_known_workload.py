"""Each probe against a program that does a known thing 23 times: 23 in, 23 out."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from probes.base import BpfProbe
from probes.fork import ForkProbe
from probes.ipc import IpcProbe
from probes.library import LibraryProbe
from probes.memory import MemoryProbe
from probes.sched import SchedProbe
from targets.lab import Lab
from tests.probes.conftest import COUNT, Known, Made, counts, name
from vocabulary import ProbeReading, ProbeScope, Samples, Source
from vocabulary.histogram import Histogram

pytestmark = [pytest.mark.root, pytest.mark.bcc]

Start = Callable[..., Known]


def watch(probe: BpfProbe, scope: ProbeScope, known: Known) -> tuple[ProbeReading, tuple[int, int, int]]:
    with probe.attach(scope) as reading:
        own = known.perform()
    return reading, own


def by_name(reading: ProbeReading) -> dict[str, Samples]:
    return {name(samples): samples for samples in reading.samples}


def with_usdt(scope: ProbeScope, known: Known) -> ProbeScope:
    return replace(scope, binaries={"known": known.binary})


@pytest.mark.parametrize("by_switch", [False, True])
def test_fork_counts_every_fork_without_the_programs_help(
    made: Made, scope: ProbeScope, known: Start, by_switch: bool
) -> None:
    reading, _ = watch(made(ForkProbe, child_by_switch=by_switch), scope, known("forks"))
    assert counts(reading) == {
        "first_parent": 1,
        "first_child": 1,
        "first_total": 1,
        "parent": COUNT - 1,
        "child": COUNT - 1,
        "total": COUNT - 1,
        "exit_to_wait": COUNT,
    }
    assert reading.lost_events == 0
    assert reading.events == 4 * COUNT


def test_fork_keeps_exact_values_in_the_bins_it_counted(made: Made, scope: ProbeScope, known: Start) -> None:
    reading, _ = watch(made(ForkProbe), scope, known("forks"))
    for samples in reading.samples:
        assert samples.histogram == Histogram.of(samples.values)
        assert (samples.source, samples.probe, samples.metric.unit) == (Source.PROBE, "fork", "ns")
    parts = by_name(reading)
    assert (parts["total"].values > parts["parent"].values).all()
    assert (parts["total"].values > parts["child"].values).all()


def test_fork_by_usdt_contains_the_system_call(made: Made, scope: ProbeScope, known: Start) -> None:
    program = known("forks")
    reading, _ = watch(made(ForkProbe), with_usdt(scope, program), program)
    found = by_name(reading)
    for part in ("parent", "child", "total"):
        assert found[f"usdt_{part}"].values.shape == (COUNT - 1,)
        assert found[f"usdt_first_{part}"].values.shape == (1,)
        assert (found[f"usdt_{part}"].values > found[part].values).all()
    assert "usdt_unmatched" not in found


def test_ipc_matches_every_message_and_counts_its_calls(made: Made, scope: ProbeScope, known: Start) -> None:
    program = known("messages")
    reading, _ = watch(made(IpcProbe), with_usdt(scope, program), program)
    found = counts(reading)
    assert found["one_way"] == COUNT
    assert "unmatched" not in found
    for call in ("read", "write"):
        assert found[f"syscall_time{{call={call}}}"] == COUNT
        assert found[f"syscall_bytes{{call={call}}}"] == COUNT
    assert "syscall_time{call=kill}" not in found
    assert reading.lost_events == 0


def test_library_counts_loads_updates_and_only_the_calls_inside_loads(
    made: Made, scope: ProbeScope, known: Start
) -> None:
    program = known("loads")
    probe = made(LibraryProbe)
    inside, _ = watch(probe, with_usdt(scope, program), program)
    found = counts(inside)
    for series in ("any_open", "any_first_call", "any_total", "total"):
        assert found[series] == COUNT
    assert found["syscall_time{call=openat}"] == COUNT
    assert found["syscall_time{call=mmap}"] % COUNT == 0
    assert "syscall_time{call=munmap}" not in found  # dlclose does it, outside the load
    assert inside.lost_events == 0


def test_library_without_usdt_counts_all_calls(made: Made, scope: ProbeScope, known: Start) -> None:
    found = counts(watch(made(LibraryProbe), scope, known("loads"))[0])
    assert found["syscall_time{call=openat}"] == COUNT
    assert found["syscall_time{call=munmap}"] == COUNT
    assert "any_open" not in found


def switches(known: Known) -> tuple[int, int]:
    """Voluntary and involuntary, as the kernel counts them."""
    status = Path(f"/proc/{known.process.pid}/status").read_text()
    voluntary, involuntary = re.findall(r"voluntary_ctxt_switches:\s*(\d+)", status)
    return int(voluntary), int(involuntary)


def test_sched_counts_what_the_kernel_counts(made: Made, scope: ProbeScope, known: Start) -> None:
    program = known("naps")
    before = switches(program)  # it is asleep, here and afterwards
    reading, _ = watch(made(SchedProbe), scope, program)
    after = switches(program)
    found = counts(reading)
    assert found["voluntary_switches"] == after[0] - before[0]
    assert found["involuntary_switches"] == after[1] - before[1]
    # besides the naps it waits to be told to end, and may wait for a lock of its socket
    assert COUNT + 1 <= found["voluntary_switches"] <= COUNT + 3
    # exact, but where the kernel hides from eBPF what happens while a thread of the machine's is on the CPU
    hidden = found.get("unseen", 0)
    assert hidden < COUNT // 2
    wakeups = found["voluntary_switches"]  # told to go, not told to end
    assert wakeups - hidden <= found["wakeups"] <= wakeups
    assert wakeups - 1 - hidden <= found["off_cpu"] <= wakeups - 1
    queued = found["wakeups"] + found["involuntary_switches"]
    assert queued - hidden <= found["run_queue"] <= queued
    assert reading.lost_events == 0
    naps = by_name(reading)["off_cpu"].histogram
    assert naps is not None
    assert naps.percentile(100 * 5 / naps.count)[0] > 40_000_000  # each is of 50 ms


def test_sched_follows_threads_made_meanwhile(made: Made, scope: ProbeScope, known: Start) -> None:
    reading, _ = watch(made(SchedProbe), scope, known("forks"))
    assert counts(reading)["run_queue"] >= COUNT


@pytest.mark.parametrize("by_perf", [False, True])
def test_memory_counts_the_faults_that_the_kernel_counts(
    made: Made, scope: ProbeScope, known: Start, by_perf: bool
) -> None:
    reading, (faults, _, _) = watch(made(MemoryProbe, by_perf=by_perf), scope, known("touches"))
    assert faults == COUNT
    assert counts(reading)["page_faults"] == COUNT
    if not by_perf:
        assert counts(reading)["protection_faults"] == 0


def test_memory_tells_copy_on_write_from_first_touch(made: Made, scope: ProbeScope, known: Start) -> None:
    found = counts(watch(made(MemoryProbe), scope, known("forks"))[0])
    assert found["page_faults"] > found["protection_faults"] >= COUNT


def test_memory_sees_what_is_touched(made: Made, scope: ProbeScope, known: Start) -> None:
    few = by_name(watch(made(MemoryProbe), scope, known("touches"))[0])
    many = by_name(watch(made(MemoryProbe), scope, known("touches", 25 * 256))[0])
    for size in ("rss", "pss"):
        assert few[size].values.size >= 2
        assert few[f"{size}_peak"].values == few[size].values.max()
        grown = many[f"{size}_peak"].values - few[f"{size}_peak"].values
        assert 24 << 20 <= grown <= 60 << 20  # 25 MiB in each of rehearsal and performance


@pytest.mark.parametrize(
    ("probe", "what"),
    [
        (ForkProbe, "forks"),
        (IpcProbe, "messages"),
        (LibraryProbe, "loads"),
        (SchedProbe, "naps"),
        (MemoryProbe, "touches"),
    ],
)
def test_another_cgroup_is_not_counted(
    made: Made, lab: Lab, scope: ProbeScope, known: Start, probe: type[BpfProbe], what: str
) -> None:
    with lab.site(lab.unused_name("stranger")) as elsewhere:
        stranger = known(what, place=elsewhere.place)
        reading, _ = watch(made(probe), with_usdt(scope, stranger), stranger)
        assert reading.events == 0
        assert not any(counts(reading).values())


def test_a_second_scope_starts_from_nothing(made: Made, scope: ProbeScope, known: Start) -> None:
    probe = made(ForkProbe)
    first, _ = watch(probe, scope, known("forks"))
    second, _ = watch(probe, scope, known("forks", 5))
    assert counts(first)["exit_to_wait"] == COUNT
    assert counts(second)["exit_to_wait"] == 5
    assert np.isin(by_name(second)["parent"].values, by_name(first)["parent"].values).sum() <= 1
