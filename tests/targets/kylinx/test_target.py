"""The KylinX target in the suite: micro programs in families, their errors, and what is not there."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from targets import make_target
from targets.kylinx import host
from targets.lab import Lab, missing
from vocabulary import Capability, Deployment, Service, ServiceKind, Target, TargetError, UnsupportedError
from workloads import CASES, case_kind
from workloads.micro import building as micro
from workloads.micro.libraries import make_libraries, make_versions
from workloads.protocol import parse

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    if why := missing() or host.missing():
        pytest.skip(why)
    micro.build()
    with Lab() as lab:
        yield lab


@pytest.fixture(scope="module")
def target(lab: Lab) -> Target:
    target = make_target("kylinx", lab)
    target.build()
    return target


@pytest.fixture
def deployment(target: Target, tmp_path: Path) -> Iterator[Deployment]:
    with target.deploy(tmp_path / "scratch") as deployment:
        yield deployment


def program(tmp_path: Path, text: str) -> Path:
    """A program of its own folder, compiled."""
    folder = tmp_path / "programs" / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "program.c").write_text(text)
    subprocess.run(["gcc", "-O1", "-o", folder / "program", folder / "program.c"], check=True)
    return folder / "program"


def test_micro_program(deployment: Deployment) -> None:
    out = deployment.run_micro(micro.BUILD / "fork", ["--iterations=20", "--dirty-mib=1"], timeout_s=60)
    samples = {item.metric.name: item for item in parse(out, "fork")}
    assert len(samples["parent"].values) >= 4
    assert (samples["parent"].values > 0).all()


def test_micro_program_with_a_vm_each(lab: Lab, tmp_path: Path) -> None:
    target = make_target("kylinx-vm", lab)
    assert (target.name, target.missing()) == ("kylinx-vm", "")
    target.build()
    with target.deploy(tmp_path / "scratch") as deployment:
        assert deployment.target == "kylinx-vm"
        assert "--vm-per-pvm" in deployment.command(micro.BUILD / "fork", [])
        out = deployment.run_micro(micro.BUILD / "fork", ["--iterations=20", "--dirty-mib=1"], timeout_s=60)
    samples = {item.metric.name: item for item in parse(out, "fork")}
    assert len(samples["parent"].values) >= 4


def test_programs_see_their_siblings_and_files(deployment: Deployment) -> None:
    arguments = ["--iterations=5", "--method=spawn", "--image=static"]
    assert parse(deployment.run_micro(micro.BUILD / "exec", arguments, timeout_s=60), "exec")
    directory = make_libraries(3, 64)
    arguments = ["--iterations=4", "--libraries=3", f"--directory={directory}"]
    assert parse(deployment.run_micro(micro.BUILD / "dlopen", arguments, timeout_s=60), "dlopen")
    first, second = make_versions(64)
    arguments = ["--iterations=4", "--budget-ms=300", f"--library-v1={first}", f"--library-v2={second}"]
    assert parse(deployment.run_micro(micro.BUILD / "update", arguments, timeout_s=60), "update")


def test_exit_codes(deployment: Deployment, tmp_path: Path) -> None:
    code = program(
        tmp_path,
        "#include <stdio.h>\n#include <stdlib.h>\n"
        'int main(int c, char **v) { (void)c; fputs("last word\\n", stderr); return atoi(v[1]); }\n',
    )
    assert deployment.run_micro(code, ["0"], timeout_s=30) == ""
    with pytest.raises(TargetError, match="ended with code 3") as failed:
        deployment.run_micro(code, ["3"], timeout_s=30)
    assert "last word" in failed.value.console
    with pytest.raises(UnsupportedError, match="last word"):
        deployment.run_micro(code, ["77"], timeout_s=30)


def test_fault_is_in_the_console(deployment: Deployment, tmp_path: Path) -> None:
    crash = program(tmp_path, "int main(void) { return *(volatile int *)16; }\n")
    with pytest.raises(TargetError, match="ended with code 139") as failed:
        deployment.run_micro(crash, [], timeout_s=30)
    assert "signal 11" in failed.value.console and "0x10" in failed.value.console
    assert "main+0x" in failed.value.console, "the backtrace has names"
    assert "signal 11" in deployment.console()


def test_time_out_leaves_nothing(deployment: Deployment, tmp_path: Path) -> None:
    endless = program(tmp_path, "#include <unistd.h>\nint main(void) { fork(); fork(); for (;;) ; }\n")
    with pytest.raises(TargetError, match="did not end within"):
        deployment.run_micro(endless, [], timeout_s=2)
    deadline = time.monotonic() + 60
    while deployment.place.pids() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert deployment.place.pids() == []


def test_killed_monitor(deployment: Deployment, tmp_path: Path) -> None:
    endless = program(tmp_path, "#include <unistd.h>\nint main(void) { pause(); return 0; }\n")

    def strike() -> None:
        while not (pids := deployment.place.pids()):
            time.sleep(0.01)
        time.sleep(0.3)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)

    thread = threading.Thread(target=strike)
    thread.start()
    with pytest.raises(TargetError, match="SIGKILL"):
        deployment.run_micro(endless, [], timeout_s=30)
    thread.join()
    assert deployment.place.pids() == []


def test_missing_program(deployment: Deployment, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="no such micro program"):
        deployment.run_micro(tmp_path / "nothing", [], timeout_s=5)


def test_what_starts_a_family(deployment: Deployment) -> None:
    """`command` may be executed again and again on the host."""
    words = deployment.command(micro.BUILD / "tiny-dynamic", ["1"])
    assert "--vm-per-pvm" not in words
    for _ in range(2):
        done = subprocess.run(words, capture_output=True, timeout=30, check=True)
        assert len(done.stdout) == 8  # the instant at which its main began
    assert deployment.run_beside(Path("/usr/bin/uname"), ["-s"], timeout_s=60) == "Linux\n"


def test_capabilities_and_probe_points(target: Target, deployment: Deployment) -> None:
    assert target.capabilities() == {Capability.MICRO, Capability.LIBRARIES, Capability.KERNEL}
    assert deployment.probe_points["kxmonitor"].is_file()
    with pytest.raises(UnsupportedError, match="no network"):
        deployment.serve(Service(ServiceKind.REDIS))


def test_every_micro_case_is_offered(target: Target) -> None:
    offered = [name for name in CASES if case_kind(name).needs <= target.capabilities()]
    assert set(micro.NAMES) <= set(offered)


def test_without_kvm_it_says_so(lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(host, "KVM", tmp_path / "kvm")
    why = make_target("kylinx", lab).missing()
    assert "there is no" in why and "modprobe" in why
    (tmp_path / "kvm").touch()
    assert "KVM makes no VM" in make_target("kylinx", lab).missing()
    assert make_target("process", lab).missing() == ""
