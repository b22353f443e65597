"""What killed runs leave: found, removed; living runs spared."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from targets.lab import Lab, Leftover, LeftoverKind, cgroups, leftovers, lock, remove
from targets.lab.namespaces import NETNS_DIRECTORY

pytestmark = [pytest.mark.root, pytest.mark.usefixtures("lab")]
ROUNDS = int(os.environ.get("KXBENCH_KILLS", "14"))
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An `ip` that outlives its killed suite may take long on a machine that stands still."""
    monkeypatch.setattr(lock, "LAST_BREATH_S", 60.0)


def left_by(run: str) -> list[Leftover]:
    return [item for item in leftovers() if item.run == run]


def processes_of(run: str) -> list[int]:
    """By their cgroup, whatever has become of the cgroup's directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"/kxb-{run}" in (process / "cgroup").read_text():
                state = (process / "stat").read_text().rpartition(")")[2].split()[0]
                if state not in "ZX":
                    found.append(int(process.name))
    return found


@contextlib.contextmanager
def victim(run: str, directory: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.targets.victim", run, directory],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "up\n"
            yield process
        finally:
            process.kill()


def test_killed_at_any_moment_nothing_stays(tmp_path: Path) -> None:
    """At random moments of set-up, serving and tear-down; one deployment takes about 0.1 s."""
    interfaces = socket.if_nameindex()
    moments = random.Random(23)
    for number in range(ROUNDS):
        run = f"victim-{os.getpid()}-{number}"
        directory = tmp_path / str(number)
        directory.mkdir()
        delay_s = moments.uniform(0, (0.05, 0.4)[number % 2])  # set-up of the lab takes 0.02 s
        with victim(run, directory) as process:
            time.sleep(delay_s)
            process.kill()
            process.wait()
        remove(left_by(run))
        assert left_by(run) == [], f"killed after {delay_s} s"
        assert processes_of(run) == []
        assert not list(NETNS_DIRECTORY.glob(f"kxb-{run}*"))
        assert not (cgroups.tree() / f"kxb-{run}").exists()
        assert not Path(f"/run/kxbench/{run}.lock").exists()
    assert socket.if_nameindex() == interfaces


def test_programs_die_with_a_killed_suite_even_grandchildren(tmp_path: Path) -> None:
    """Before anybody cleans up: only names are left then."""
    run = f"victim-{os.getpid()}-guarded"
    with victim(run, tmp_path) as process:
        assert process.stdout
        assert process.stdout.readline() == "serving\n"
        process.kill()
        process.wait()
    deadline = time.monotonic() + 60
    while processes_of(run) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert processes_of(run) == []
    found = left_by(run)
    assert {item.kind for item in found} == {LeftoverKind.NAMESPACE, LeftoverKind.CGROUP, LeftoverKind.LOCK}
    remove(found)
    assert left_by(run) == []


def test_processes_of_a_dead_run_are_found_and_killed() -> None:
    """As they stay when the guard was killed too: one in the cgroup, one only in the namespace."""
    run = f"victim-{os.getpid()}-unguarded"
    group = cgroups.tree() / f"kxb-{run}"
    group.mkdir()
    (group / "site").mkdir()
    subprocess.run(["ip", "netns", "add", f"kxb-{run}-site"], check=True)
    with (
        subprocess.Popen(["sleep", "60"]) as grouped,
        subprocess.Popen(["ip", "netns", "exec", f"kxb-{run}-site", "sleep", "60"]) as housed,
    ):
        try:
            (group / "site" / "cgroup.procs").write_text(str(grouped.pid))
            while Path(f"/proc/{housed.pid}/comm").read_text() != "sleep\n":
                assert housed.poll() is None, "ip netns exec failed; its reason is on standard error"
                time.sleep(0.005)
            found = left_by(run)
            assert [item.kind for item in found] == [
                LeftoverKind.PROCESS,
                LeftoverKind.PROCESS,
                LeftoverKind.NAMESPACE,
                LeftoverKind.CGROUP,
            ]
            assert {item.name for item in found[:2]} == {f"{p.pid} sleep 60" for p in (grouped, housed)}
            remove(found)
            assert left_by(run) == []
            assert grouped.wait(60) == housed.wait(60) == -signal.SIGKILL
        finally:
            grouped.kill()
            housed.kill()
            remove(left_by(run))


def test_a_living_run_is_spared(lab: Lab) -> None:
    assert left_by(lab.run) == []
    sleep = lab.place.popen(["sleep", "60"])
    remove([Leftover(LeftoverKind.NAMESPACE, lab.run, lab.place.netns)])
    assert sleep.poll() is None
    assert lab.place.pids() == [sleep.pid]
    sleep.kill()
    sleep.wait()


def test_a_run_that_is_resumed_clears_up_after_itself(tmp_path: Path) -> None:
    run = f"victim-{os.getpid()}-resumed"
    with victim(run, tmp_path) as process:
        assert process.stdout
        assert process.stdout.readline() == "serving\n"
        process.kill()
        process.wait()
    with Lab(run) as lab, lab.site("process1"):
        assert left_by(run) == []
    assert left_by(run) == []
    assert processes_of(run) == []
