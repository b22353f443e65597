"""Machines from start to end: what they print is seen, what becomes of them is told, nothing is left."""

import os
import signal
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from targets.lab import Lab, Site
from targets.microkernel import qemu, qmp, target
from targets.microkernel.building import Parts
from targets.microkernel.qemu import Machine, MachineOptions, running
from targets.process.console import Console
from tests.targets.microkernel.conftest import Deploy, Guest
from vocabulary import Service, ServiceKind, TargetError, UnsupportedError

pytestmark = pytest.mark.root
BANNER = "mk: a stand-in\n"
KERNEL = Path("kernel")  # the program of the host's in whose place the guest's runs


def test_what_a_guest_prints(site: Site, guest: Guest, deploy: Deploy) -> None:
    parts = guest(BANNER + "a line\n@@MK EXIT bench 0@@\n")
    assert deploy(parts).run_micro(KERNEL, ["--group=ipc"], timeout_s=20) == (
        BANNER + "a line\n@@MK EXIT bench 0@@\n"
    )
    assert site.place.pids() == []


def test_a_long_console_is_complete(guest: Guest, deploy: Deploy) -> None:
    text = "mk: " + "0123456789" * 20 + "\n"
    assert deploy(guest(text, repeat=4096)).run_micro(KERNEL, [], timeout_s=60) == text * 4096


@pytest.mark.parametrize(
    ("text", "ends", "timeout_s", "told"),
    [
        (BANNER + "mk: panic: no memory\nmore\n", "WAIT", 20, "the kernel panicked: no memory"),
        (BANNER + "mk: panic:\n", "OFF", 20, "the kernel panicked: it does not say why"),
        (BANNER + "mk: fault: bench read 0x4\r\n", "SPIN", 20, "a task was ended: bench read 0x4"),
        (BANNER + "@@MK EXIT bench 3@@\n", "OFF", 20, "bench ended with status 3"),
        (BANNER, "WAIT", 8, "did not end within 8 s"),
        ("\x1b[31m garbage", "SPIN", 4, "has not said a word"),
    ],
)
def test_ends_that_are_errors(
    site: Site, guest: Guest, deploy: Deploy, text: str, ends: str, timeout_s: float, told: str
) -> None:
    deployment = deploy(guest(text, ends))
    with pytest.raises(TargetError, match=told) as caught:
        deployment.run_micro(KERNEL, [], timeout_s=timeout_s)
    assert text.split("\n")[0].replace("\x1b", "\N{REPLACEMENT CHARACTER}") in caught.value.console
    assert deployment.console() == caught.value.console or "more" in deployment.console()
    assert site.place.pids() == []


def test_a_guest_that_prints_without_end(
    guest: Guest, deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qemu, "OUTPUT_BYTES", 100_000)
    with pytest.raises(TargetError, match="printed more than"):
        deploy(guest(BANNER, "SPIN", repeat=65280)).run_micro(KERNEL, [], timeout_s=60)


def test_what_the_guest_does_not_have(guest: Guest, deploy: Deploy) -> None:
    deployment = deploy(guest(BANNER + "@@MK EXIT bench 77@@\n"))
    with pytest.raises(UnsupportedError, match="cannot do that: group=ipc"):
        deployment.run_micro(KERNEL, ["--group=ipc"], timeout_s=20)
    with pytest.raises(UnsupportedError, match="does not run Linux programs"):
        deployment.run_micro(Path("fork"), [], timeout_s=20)
    with pytest.raises(UnsupportedError, match="does not run Linux programs"):
        deployment.command(Path("tiny"), [])
    with pytest.raises(TargetError, match="not a word"):
        deployment.run_micro(KERNEL, ["--group=ipc;x"], timeout_s=20)


def test_parts_that_are_not_built(deploy: Deploy, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"kernel\.img: there is no such file"):
        deploy(Parts(tmp_path / "kernel.img", tmp_path)).run_micro(KERNEL, [], timeout_s=1)


def test_a_kernel_that_qemu_refuses(deploy: Deploy, guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qmp, "_END_SEEN_WITHIN_S", 20.0)
    parts = guest(BANNER)
    with parts.kernel.open("r+b") as image:
        image.truncate(100 << 20)  # it does not fit into the machine's memory
    with pytest.raises(TargetError, match="QEMU ends at once") as caught:
        deploy(parts).run_micro(KERNEL, [], timeout_s=1)
    assert "too large to fit in RAM" in caught.value.console


def started(site: Site, parts: Parts, directory: Path) -> AbstractContextManager[Machine]:
    (directory / "initrd").touch()
    made = MachineOptions(parts.kernel, directory / "initrd", "run=x")
    return running(made, site.place, directory, Console(directory / "console"))


def test_ready_then_killed(site: Site, guest: Guest, tmp_path: Path) -> None:
    with started(site, guest(BANNER + "@@MK READY http@@\n", "WAIT"), tmp_path) as machine:
        machine.await_ready("http", 20)
        machine.check()
        assert machine.control.execute("query-status")["status"] == "running"
        with pytest.raises(TargetError, match=r"not say within 0\.1 s that dns is ready"):
            machine.await_ready("dns", 0.1)
        os.kill(machine.process.pid, signal.SIGKILL)
        with pytest.raises(TargetError, match=r"is gone: qemu-system-arm was killed by signal 9"):
            machine.check(20.0)
    assert site.place.pids() == []


def test_a_machine_switched_off_too_early(site: Site, guest: Guest, tmp_path: Path) -> None:
    with (
        started(site, guest(BANNER), tmp_path) as machine,
        pytest.raises(TargetError, match="the machine was switched off by the guest"),
    ):
        machine.await_ready("http", 20)


def test_a_server_that_ends(site: Site, guest: Guest, tmp_path: Path) -> None:
    text = BANNER + "@@MK READY dns@@\ninit: dns (space 5) ended with 80000001, is started again\n"
    with (
        started(site, guest(text, "WAIT"), tmp_path) as machine,
        pytest.raises(TargetError, match="the guest's dns ended with status 0x80000001"),
    ):
        machine.await_ready("dns", 20)
        machine.check(2.0)


def test_stopped_machines_are_not_blamed(site: Site, guest: Guest, tmp_path: Path) -> None:
    with started(site, guest(BANNER, "SPIN"), tmp_path) as machine:
        machine.stop()
        machine.check()
        assert machine.process.returncode == 0
        assert site.place.pids() == []


def test_two_runs_in_virtual_time_print_the_same(lab: Lab, guest: Guest, deploy: Deploy) -> None:
    del lab
    deployment = deploy(guest(BANNER, repeat=500))
    assert deployment.run_micro(KERNEL, [], timeout_s=20) == deployment.run_micro(KERNEL, [], timeout_s=20)


def test_machines_side_by_side(lab: Lab, guest: Guest, tmp_path: Path) -> None:
    parts = guest(BANNER + "@@MK READY redis@@\n", "WAIT")
    with lab.site("one", tap=True) as one, lab.site("other", tap=True) as other:
        (tmp_path / "a").mkdir()
        (tmp_path / "b").mkdir()
        with started(one, parts, tmp_path / "a") as first, started(other, parts, tmp_path / "b") as second:
            first.await_ready("redis", 20)
            second.await_ready("redis", 20)
            assert one.place.pids() == [first.process.pid]
            assert other.place.pids() == [second.process.pid]


def test_a_service_that_never_gets_ready(
    site: Site, guest: Guest, deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target, "READY_WITHIN_S", 8.0)
    deployment = deploy(guest(BANNER, "WAIT"))
    with (
        pytest.raises(TargetError, match="that redis is ready"),
        deployment.serve(Service(ServiceKind.REDIS)),
    ):
        pass
    assert site.place.pids() == []


def test_services_that_cannot_be(deploy: Deploy, guest: Guest, tmp_path: Path) -> None:
    deployment = deploy(guest(BANNER))
    with pytest.raises(UnsupportedError, match="one task, not 2"):
        deployment.serve(Service(ServiceKind.REDIS, workers=2)).__enter__()
    with pytest.raises(TargetError, match="data to serve are not there"):
        deployment.serve(Service(ServiceKind.DNS, tmp_path)).__enter__()


INTERRUPTED = """
import pathlib, sys
from targets.lab import Lab
from targets.microkernel import MicrokernelDeployment
from targets.microkernel.building import Parts
kernel, tasks, scratch = map(pathlib.Path, sys.argv[1:4])
with Lab(sys.argv[4]) as lab, lab.site("guest", tap=True) as site:
    deployment = MicrokernelDeployment("microkernel", lab, site, scratch, Parts(kernel, tasks))
    print(site.place.cgroup, flush=True)
    deployment.run_micro(pathlib.Path("kernel"), [], timeout_s=60)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left(guest: Guest, tmp_path: Path, how: signal.Signals) -> None:
    parts = guest(BANNER, "WAIT")
    paths = (parts.kernel, parts.tasks, tmp_path / "scratch")
    run = f"interrupted-{os.getpid()}"
    command = [sys.executable, "-c", INTERRUPTED, *map(str, paths), run]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as suite:
        assert suite.stdout is not None
        members = Path(suite.stdout.readline().decode().strip()) / "cgroup.procs"
        deadline = time.monotonic() + 60
        pids: list[str] = []
        while not pids and time.monotonic() < deadline:
            pids = members.read_text().split()
        assert pids
        suite.send_signal(how)
        suite.wait()
    while any(Path("/proc", pid).exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not [pid for pid in pids if Path("/proc", pid).exists()]
    if (
        how is signal.SIGKILL
    ):  # names of what is dead: the next lab of that run, or `kxbench clean`, removes them
        with Lab(run) as again:
            assert again.place.pids() == []
    assert not members.exists()
    assert not list(Path("/run/netns").glob(f"*{run}*"))
