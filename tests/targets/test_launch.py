"""The launcher on its own, also as built with ASan and UBSan."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from targets.lab.build import HERE, launcher


@pytest.fixture(scope="module", params=["launch", "launch-sanitized"])
def launch(request: pytest.FixtureRequest) -> Path:
    if request.param == "launch":
        return launcher()
    built = subprocess.run(["make", "-C", HERE, "sanitize"], capture_output=True, text=True, check=False)
    if built.returncode and "asan" in built.stderr:
        pytest.skip("no address sanitizer for this compiler")
    assert built.returncode == 0, built.stderr
    return HERE / "build" / "launch-sanitized"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "no program named after --"),
        (["--"], "no program named after --"),
        (["--cgroup"], "--cgroup wants a value"),
        (["--colour", "red", "--", "true"], "unknown option --colour"),
        (["--parent", "12x", "--", "true"], "--parent wants a number from 0 to 2147483647, not '12x'"),
        (["--cpus", "0,,99999999999999999999", "--", "true"], "--cpus wants a number from 0 to 1023"),
        (["--cpus", "1023", "--", "true"], "cannot run on processors 1023: Invalid argument"),
        (["--cpus", "0," * 3000, "--", "true"], "the list is too long"),
        (["--cgroup", "/nowhere", "--", "true"], "/nowhere/cgroup.procs: No such file"),
        (["--cgroup", "x" * 5000, "--", "true"], "path too long"),
        (["--netns", "/nowhere", "--", "true"], "network namespace /nowhere: No such file"),
        (["--netns", "/dev/null", "--", "true"], "network namespace /dev/null: Invalid argument"),
        (["--ipcns", "77", "--", "true"], "descriptor 77: Bad file descriptor"),
        (["--", "/nowhere/program"], "cannot run /nowhere/program: No such file"),
        (["--guard"], "usage: launch --guard FD DIR"),
    ],
)
def test_says_what_is_wrong(launch: Path, arguments: list[str], complaint: str) -> None:
    done = subprocess.run([launch, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 127
    assert complaint in done.stderr
    assert "Sanitizer" not in done.stderr


def test_becomes_the_program(launch: Path) -> None:
    script = "import os; print(os.getsid(0) == os.getpid(), os.sched_getaffinity(0))"
    done = subprocess.run(
        [launch, "--cpus", "0", "--", sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "True {0}\n"


def test_does_not_start_for_a_parent_that_is_gone(launch: Path) -> None:
    done = subprocess.run(
        [launch, "--parent", "1", "--", "echo", "hello"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (127, "")


def test_dies_with_its_parent(launch: Path) -> None:
    """A parent that starts a sleep and is killed: the sleep is gone too."""
    script = (
        "import os, subprocess, sys, time\n"
        "p = subprocess.Popen([sys.argv[1], '--parent', str(os.getpid()), '--', 'sleep', '60'])\n"
        "print(p.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, launch], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        comm = Path(f"/proc/{child}/comm")
        while comm.read_text() != "sleep\n":
            time.sleep(0.002)
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while _runs(child) and time.monotonic() < deadline:
        time.sleep(0.005)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
