"""A monitor from outside: what it may still do once its family runs, and what it leaves when it is killed."""

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from targets.kylinx.toolstack import families, limits
from targets.kylinx.toolstack.families import Wanted
from targets.kylinx.toolstack.monitor import FamilyOptions
from tests.targets.kylinx.guests import Guests, build, family, image_of, opened

pytestmark = pytest.mark.root

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
SKIPPED = 77

# number on x86-64, arguments: what somebody who has taken over a monitor would want
FORBIDDEN = {
    "socket": (41, 2, 1, 0),
    "execve": (59, 0, 0, 0),
    "fork": (57,),
    "clone, not a thread": (56, 17, 0, 0, 0, 0),
    "ptrace": (101, 16, 1),
    "kill": (62, 1, 0),
    "tgkill of another process": (234, 1, 1, 0),
    "open": (2, 0, 0),
    "openat2 from the working directory": (437, 0xFFFFFF9C, 0, 0, 24),
    "mmap, executable": (9, 0, 4096, 5, 0x22, 0xFFFFFFFFFFFFFFFF, 0),
    "mprotect, executable": (10, 0, 4096, 4),
    "unshare": (272, 0x10000000),
    "setns": (308, 0, 0),
    "chroot": (161, 0),
    "bpf": (321, 0, 0, 0),
    "io_uring_setup": (425, 1, 0),
    "process_vm_writev": (311, 1, 0, 0, 0, 0, 0),
    "ioctl, KVM_CREATE_VM": (16, 3, 0xAE01, 0),
    "ioctl, TIOCSTI": (16, 0, 0x5412, 0),
    "seccomp": (317, 1, 0, 0),
    "of the 32-bit table": (0x40000000 + 1, 1, 0, 0),
}


@pytest.fixture(scope="module")
def program() -> Path:
    return build("hostile")


@pytest.fixture(scope="module")
def image(program: Path) -> Path:
    return image_of(program)


@pytest.fixture
def guests(image: Path, program: Path) -> Iterator[Guests]:
    with family(image, program, "confined") as guests:
        guests.is_well()
        yield guests


@pytest.fixture(scope="module")
def inject(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("inject") / "inject"
    flags = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["gcc", *flags, "-o", str(made), str(HERE / "inject.c")], check=True)
    return made


def _call(inject: Path, pid: int, *words: int) -> str:
    done = subprocess.run(
        [inject, *map(str, (pid, *words))], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode == SKIPPED:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _status(path: Path) -> dict[str, str]:
    return {
        name: value.strip()
        for name, _, value in (line.partition(":") for line in (path / "status").read_text().splitlines())
    }


def test_status_of_every_thread(guests: Guests) -> None:
    tasks = list(Path(f"/proc/{guests.monitor.process.pid}/task").iterdir())
    assert len(tasks) > 3
    for task in tasks:
        status = _status(task)
        if status.get("Kthread") == "1" or status["Name"].startswith("kvm-nx"):
            continue  # KVM's own
        assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", "1"), status
        for kind in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"):
            assert int(status[kind], 16) == 0, (kind, status)


def test_namespaces_and_root(guests: Guests) -> None:
    proc = Path(f"/proc/{guests.monitor.process.pid}")
    for kind in ("net", "ipc", "uts", "mnt", "cgroup"):
        assert (proc / "ns" / kind).readlink() != Path(f"/proc/self/ns/{kind}").readlink(), kind
    assert list((proc / "root").iterdir()) == []
    assert str((proc / "cwd").readlink()).endswith(("(deleted)", "/"))


def test_descriptors_are_few(guests: Guests) -> None:
    """Standard ones, KVM's, the control socket, the eventfd: nothing that leads to the host's files."""
    strange = {
        name
        for name in opened(guests.monitor.process.pid)
        if not name.startswith(("socket:", "pipe:", "anon_inode:", "/dev/null", "/dev/kvm"))
        and "deleted" not in name
    }
    assert strange == set()


def test_no_code_can_be_changed(guests: Guests) -> None:
    rights = [
        line.split()[1] for line in Path(f"/proc/{guests.monitor.process.pid}/maps").read_text().splitlines()
    ]
    assert rights and not [one for one in rights if "w" in one and "x" in one]


@pytest.mark.parametrize("name", FORBIDDEN)
def test_forbidden_call_kills(guests: Guests, inject: Path, name: str) -> None:
    """A call that it has no need of ends the monitor, all of it, by SIGSYS."""
    told = _call(inject, guests.monitor.process.pid, *FORBIDDEN[name])
    assert told == f"signal {int(signal.SIGSYS)}"
    assert guests.monitor.process.wait(60) == -signal.SIGSYS


def test_what_is_answered_instead(guests: Guests, inject: Path) -> None:
    """libc asks for some things by itself: it gets an error, and the monitor lives."""
    pid = guests.monitor.process.pid
    assert _call(inject, pid, 39) == f"result {pid}"  # getpid
    assert _call(inject, pid, 257, 0xFFFFFF9C, 0, 0, 0) == f"result {-errno.ENOENT}"  # openat
    assert _call(inject, pid, 435, 0, 0) == f"result {-errno.ENOSYS}"  # clone3
    guests.is_well()


# ---- kill -9


def _in_namespace(kind: str, inode: str) -> list[str]:
    found = []
    for proc in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str((proc / "ns" / kind).readlink()) == inode:
                found.append(proc.name)
    return found


def _children_of_kvm() -> set[str]:
    """Processes that have a VM."""
    found = set()
    for proc in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            if any("kvm-vm" in name for name in opened(int(proc.name))):
                found.add(proc.name)
    return found


def _wait_until(what: str, true: object, within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    assert callable(true)
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def test_killed_monitor_leaves_nothing(guests: Guests) -> None:
    pid = guests.monitor.process.pid
    spaces = {kind: str(Path(f"/proc/{pid}/ns/{kind}").readlink()) for kind in ("net", "ipc", "uts", "mnt")}
    guests.start("storm", "forks", "3").line()
    assert str(pid) in _children_of_kvm()
    before = set(Path("/tmp").glob("kylinx-*"))  # noqa: S108
    os.kill(pid, signal.SIGKILL)
    assert guests.monitor.process.wait(60) == -signal.SIGKILL
    assert guests.monitor.group.pids() == []
    assert str(pid) not in _children_of_kvm()
    for kind, inode in spaces.items():
        assert _in_namespace(kind, inode) == []
    assert set(Path("/tmp").glob("kylinx-*")) <= before  # noqa: S108
    guests.monitor.end()
    assert not any(directory.exists() for directory in guests.monitor.group.directories)


def test_killed_monitor_of_a_kept_family(image: Path, program: Path) -> None:
    """Its keeper notes the end; `pvm destroy`, or with the keeper killed too `clean`, leaves nothing."""
    for killed in ("monitor", "keeper and monitor"):
        name = f"test-killed-{os.getpid()}"
        arguments = (str(program), "storm", "spin", "2")
        made = families.create(
            Wanted(name, FamilyOptions(image, memory_bytes=128 << 20), str(program), arguments)
        )
        state = made.state()
        if killed != "monitor":
            os.kill(state["keeper"], signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(state["monitor"], signal.SIGKILL)
        monitor = Path(f"/proc/{state['monitor']}")
        _wait_until("the monitor is there", lambda monitor=monitor: not monitor.exists())
        _wait_until("the keeper is there", lambda made=made: not made.is_kept())
        if killed == "monitor":
            assert made.state()["state"] == "ended"
            families.destroy(made)
        else:
            assert made.state()["state"] == "lost"
            done = subprocess.run(
                [sys.executable, "-P", "-m", "bench", "clean"],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert f"removed family {name}" in done.stdout, done.stderr
        assert not made.folder.exists()
        assert name not in limits.names()
