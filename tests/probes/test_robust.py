"""Losses, leaks, errors and what is missing."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from probes import PROBES, make_probe
from probes.doctor import Check, check_probes
from probes.fork import ForkProbe
from probes.ipc import IpcProbe
from probes.memory import MemoryProbe
from probes.overhead import measure
from probes.part import Layout, Part, duration, tally
from probes.program import Program, tracepoint_exists
from probes.sched import SchedProbe
from tests.probes.conftest import COUNT, Known, Made, counts, descriptors
from vocabulary import ProbeReading, ProbeScope, UnsupportedError, UsageError

pytestmark = [pytest.mark.root, pytest.mark.bcc]

Start = Callable[..., Known]
LONG_S = 60.0
PERF = {"KXB_FAULT_BY_PERF": 1}


def programs() -> int:
    """BPF programs that this process holds."""
    links = Path("/proc/self/fd").iterdir()
    return sum(1 for link in links if link.is_symlink() and "bpf-prog" in str(link.readlink()))


def test_a_full_ring_buffer_is_counted(
    made: Made, scope: ProbeScope, known: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("probes.part._LOOK_EVERY_S", LONG_S)  # nobody reads meanwhile
    program = known("forks", 2 * COUNT)
    with made(ForkProbe, ring_pages=1).attach(scope) as reading:
        program.perform()
    events = sum(s.values.size for s in reading.samples)
    assert counts(reading)["parent"] == 2 * COUNT - 1  # the histograms have them all
    assert reading.lost_events > 0
    assert events + reading.lost_events == reading.events == 4 * 2 * COUNT


def test_a_perf_buffer_gives_the_same(scope: ProbeScope, known: Start) -> None:
    layout = Layout((duration("seen", "a call"),))
    source = Path(__file__).parent / "perf_buffer.bpf.c"
    part = Part(
        (str(source),),
        layout,
        tracepoints={"syscalls:sys_enter_exit_group": "on_exit"},
        defines={"KXB_PERF_BUFFER": 1},
        ring_pages=1,
    )
    assert not part.program.has_ring_buffer
    program = known("forks")
    part.start(scope.place.cgroup_id)
    program.perform()
    part.stop()
    reading = ProbeReading()
    part.read("fork", reading)
    part.close()
    (samples,) = reading.samples
    assert samples.values.tolist() == [7.0] * COUNT
    assert reading.lost_events == 0


def test_twenty_attachments_leave_nothing(made: Made, scope: ProbeScope, known: Start) -> None:
    """Few with USDT: a uprobe takes 100 ms to detach."""
    watched = replace(scope, binaries={"known": known("messages").binary})
    probes = [made(MemoryProbe)] * 18 + [made(IpcProbe)] * 2
    for probe in set(probes):
        with probe.attach(watched):
            pass
    before = descriptors(), programs()
    for probe in probes:
        with probe.attach(watched):
            pass
    assert (descriptors(), programs()) == before


def test_close_unloads_every_program(scope: ProbeScope, known: Start) -> None:
    watched = replace(scope, binaries={"known": known("messages").binary})
    before = descriptors(), programs()
    for _ in range(2):
        probe = IpcProbe()
        with probe.attach(watched):
            assert programs() > before[1]
        probe.close()
        probe.close()
    assert (descriptors(), programs()) == before


def test_an_error_inside_detaches(made: Made, scope: ProbeScope, known: Start) -> None:
    probe, program = made(MemoryProbe), known("touches")
    with probe.attach(scope):
        pass
    before = descriptors()
    with pytest.raises(ZeroDivisionError), probe.attach(scope):
        raise ZeroDivisionError
    assert descriptors() == before
    with probe.attach(scope) as reading:
        program.perform()
    assert counts(reading)["page_faults"] == COUNT


@pytest.mark.parametrize("name", PROBES)
def test_nothing_is_missing_here(name: str) -> None:
    probe = make_probe(name)
    assert probe.name == name
    assert probe.summary
    assert probe.missing() == ""
    probe.close()


def test_an_unknown_probe_is_a_usage_error() -> None:
    with pytest.raises(UsageError) as caught:
        make_probe("sonar")
    assert "fork" in caught.value.remedy


def test_importing_the_probes_imports_no_bcc() -> None:
    code = (
        "import sys, probes\n"
        "made = [probes.make_probe(name) for name in probes.PROBES]\n"
        "assert len(made) == 7\n"
        "assert 'bcc' not in sys.modules and 'pyroute2' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_bcc_is_told_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "bcc.py").write_text("raise ImportError('no such thing')\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import probes\n"
        "why = probes.make_probe('fork').missing()\n"
        "assert 'python3-bpfcc' in why, why\n"
        "from probes.doctor import check_probes\n"
        "assert not any(check.ok for check in check_probes()[:6])\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_program_that_does_not_compile_says_why(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.bpf.c"
    wrong.write_text("int f(void *ctx) { return surely_not_declared; }\n")
    with pytest.raises(UnsupportedError, match="surely_not_declared"):
        Program((wrong,), defines=Layout().defines())


def test_a_tracepoint_that_is_not_there_says_so(tmp_path: Path) -> None:
    fine = tmp_path / "fine.bpf.c"
    fine.write_text("int f(void *ctx) { return 0; }\n")
    program = Program((fine,), defines=Layout().defines())
    assert tracepoint_exists("sched:sched_switch")
    assert not tracepoint_exists("sched:sched_nothing")
    with pytest.raises(UnsupportedError, match="sched_nothing"):
        program.attach_tracepoint("sched:sched_nothing", "f")
    program.close()


def test_the_doctor_attaches_and_leaves_nothing(built: Path) -> None:
    check_probes()  # what libraries keep open
    before = descriptors(), programs()
    found = {check.name: check for check in check_probes(built / "known")}
    assert (descriptors(), programs()) == before
    for name in ("bcc", "tracepoints", "ring buffer", "uprobes", "usdt"):
        assert found[name].ok, found[name]
    assert all(check.ok or check.remedy for check in found.values())
    assert isinstance(found["perf counters"], Check)


def test_compiling_keeps_directory_and_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BCC_KERNEL_SOURCE", raising=False)
    here = Path.cwd()
    Program(("memory.bpf.c",), defines=Layout((), (tally("page_faults", ""),)).defines() | PERF).close()
    assert Path.cwd() == here
    assert "BCC_KERNEL_SOURCE" not in os.environ


def test_a_second_attachment_does_not_compile(
    made: Made, scope: ProbeScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = made(SchedProbe)
    with probe.attach(scope):
        pass
    monkeypatch.setattr(Program, "_compile", None)
    with probe.attach(scope):
        pass


def test_the_cost_of_a_hit_is_measured() -> None:
    costs = {cost.name: cost.cost_ns for cost in measure(rounds=1)}
    assert len(costs) == 7
    assert costs["uprobe on a USDT nop, empty"] > 0
    assert costs["the same, as at the monitor of pVMs"] > 0
