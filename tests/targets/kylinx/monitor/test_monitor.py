"""The monitor under hostile guests, its confinement, its control socket: each against a monitor that runs."""

import array
import json
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from targets.kylinx import building, host
from targets.kylinx.image import Request, cached_image
from tests.targets.kylinx.guests import LONG, POOL, opened

HERE = Path(__file__).parent
GUEST = [
    *("-O1", "-ffreestanding", "-fno-stack-protector", "-mgeneral-regs-only", "-mno-red-zone", "-fpie"),
    *("-mfsgsbase", "-mcmodel=large", "-fno-asynchronous-unwind-tables", "-fcf-protection=none"),
    *("-Wall", "-Werror", "-nostdlib", "-static", "-no-pie", f"-Wl,-T,{HERE / 'guest.lds'}"),
    *("-Wl,--build-id=none", "-Wl,--no-relax"),
]
PAGE = 4096


@pytest.fixture(scope="module", autouse=True)
def built() -> Iterator[None]:
    if why := host.missing():
        pytest.skip(why)
    building.build()
    yield


def guest(name: str, folder: Path, *options: str) -> list[str]:
    """A monitor's command for a little LibOS of these tests in place of the real one."""
    made, image = folder / f"{name}.elf", folder / "empty.img"
    subprocess.run(["gcc", *GUEST, *options, "-o", made, HERE / "guest.S", HERE / f"{name}.c"], check=True)
    header = b"KXIMAGE1" + (1).to_bytes(4, "little") + bytes(4) + (2 * PAGE).to_bytes(8, "little")
    image.write_bytes(header.ljust(2 * PAGE, b"\0"))
    return [str(building.MONITOR), "--libos", str(made), "--image", str(image)]


def real(*programs: str) -> list[str]:
    image = cached_image(Request(programs, name="test-monitor")).path
    return [str(building.MONITOR), "--libos", str(building.LIBOS), "--image", str(image)]


# ---- hostile guests


@pytest.mark.parametrize("seed", [random.getrandbits(64) for _ in range(100)] if LONG else [1, 23, 4711])
def test_hypercalls_with_arguments_at_random(tmp_path: Path, seed: int) -> None:
    share = tmp_path / "share"
    (share / "sub").mkdir(parents=True)
    (share / "f").write_text("inside")
    (share / "l").symlink_to("/etc/passwd")
    before = sorted(p.name for p in tmp_path.iterdir())
    words = guest("hypercalls", tmp_path, f"-DSEED={seed}ull")
    done = subprocess.run(
        [*words, "--memory", "64M", "--pvms", "40", "--share", f"{share}:/h:rw", "--quiet", "--", "x"],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, b"done\n"), done.stderr
    after = sorted(p.name for p in tmp_path.iterdir() if p.suffix not in {".elf", ".img"})
    assert after == before  # nothing was made or moved outside the share


def test_a_vcpu_that_is_used_again_carries_nothing_over(tmp_path: Path) -> None:
    done = subprocess.run(
        [*guest("recycled", tmp_path), "--", "x"], capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, b"clean\n"), done.stderr


def test_a_hostile_program_dies_alone(tmp_path: Path) -> None:
    made = tmp_path / "hostile"
    subprocess.run(["gcc", "-O1", "-Wall", "-Werror", "-o", made, HERE / "hostile.c"], check=True)
    done = subprocess.run([*real(str(made)), "--", str(made)], capture_output=True, timeout=60, check=False)
    said = done.stdout.decode().splitlines()
    assert (done.returncode, said[-1]) == (0, "alive"), done.stderr
    ends = dict(line.split(": ") for line in said[:-1])
    assert (
        ends.pop("16") == f"signal {signal.SIGKILL.value}"
    )  # the monitor's word: its LibOS could not be told
    assert ends.pop("18") == f"signal {signal.SIGSEGV.value}"  # no stack for its handler either
    assert set(ends.values()) == {f"exit {signal.SIGSEGV.value}"}
    assert b"ended: exception 14" in done.stderr


# ---- confinement


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([*real("/bin/sleep"), "--", "/bin/sleep", "300"]) as process:
        deadline = time.monotonic() + 30
        while "Seccomp:\t2" not in _status(process.pid) or len(_threads(process)) <= POOL:
            assert time.monotonic() < deadline, _status(process.pid)
            time.sleep(0.01)
        yield process
        process.kill()


def _status(pid: int) -> str:
    return Path(f"/proc/{pid}/status").read_text()


def _threads(process: subprocess.Popen[bytes]) -> list[Path]:
    return list(Path(f"/proc/{process.pid}/task").iterdir())


def test_every_thread_is_confined(sleeper: subprocess.Popen[bytes]) -> None:
    threads = _threads(sleeper)
    assert len(threads) > POOL
    for thread in threads:
        facts = dict(
            line.split(":\t", 1) for line in (thread / "status").read_text().splitlines() if ":\t" in line
        )
        assert facts["Seccomp"] == "2"
        assert facts["NoNewPrivs"] == "1"
        assert int(facts["CapEff"], 16) == int(facts["CapPrm"], 16) == 0


def test_namespaces_and_root_are_its_own(sleeper: subprocess.Popen[bytes]) -> None:
    own = Path(f"/proc/{sleeper.pid}/ns")
    for name in ("net", "ipc", "uts", "mnt", "cgroup"):
        assert (own / name).readlink() != Path(f"/proc/self/ns/{name}").readlink()
    assert str(Path(f"/proc/{sleeper.pid}/root").readlink()).endswith(" (deleted)")


def test_descriptors_are_kvm_and_the_users_three(sleeper: subprocess.Popen[bytes]) -> None:
    folder = Path(f"/proc/{sleeper.pid}/fd")
    beyond = {str(p.readlink()) for p in folder.iterdir() if int(p.name) > 2}
    assert all("kvm" in name or name == "anon_inode:[eventfd]" for name in beyond), beyond


def test_kill_nine_leaves_nothing(sleeper: subprocess.Popen[bytes]) -> None:
    pid = sleeper.pid
    sleeper.kill()
    assert sleeper.wait(timeout=60) == -signal.SIGKILL
    assert not Path(f"/proc/{pid}").exists()


def test_a_kvm_less_host_is_told(tmp_path: Path) -> None:
    hidden = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /dev && exec "$@"', "sh"]
    words = [*hidden, *real("/bin/true"), "--", "/bin/true"]
    done = subprocess.run(words, capture_output=True, timeout=60, check=False)
    if b"unshare" in done.stderr or b"mount" in done.stderr:
        pytest.skip("no mount namespace here")
    assert done.returncode == 125
    assert b"/dev/kvm" in done.stderr and b"load kvm" in done.stderr


# ---- options and ends


def test_exit_codes() -> None:
    words = real("/bin/sh", "/bin/true")

    def code(*rest: str) -> int:
        return subprocess.run([*words, *rest], capture_output=True, timeout=60, check=False).returncode

    assert code("--", "/bin/true") == 0
    assert code("--", "/bin/sh", "-c", "exit 23") == 23
    assert code("--", "/bin/sh", "-c", "kill -9 $$") == 128 + 9
    assert code("--", "/no/such") == 127
    assert code() == 125
    assert code("--memory", "x", "--", "/bin/true") == 125
    assert code("--share", "relative:/x", "--", "/bin/true") == 125
    assert code("--share", "/no/such/folder:/x", "--", "/bin/true") == 125
    assert code("--nonsense") == 125


def test_an_image_that_is_none_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(bytes(3 * PAGE))
    for image in (str(other), "/no/such"):
        words = [str(building.MONITOR), "--libos", str(building.LIBOS), "--image", image, "--", "/bin/true"]
        done = subprocess.run(words, capture_output=True, timeout=60, check=False)
        assert done.returncode == 125
        assert done.stderr.startswith(b"monitor: ") and image.encode() in done.stderr


# ---- the control socket


class Family:
    """A monitor that keeps, and our end of its control socket."""

    def __init__(self, *extra: str, listening: socket.socket | None = None) -> None:
        self.socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(60)
        if listening is not None:
            other.close()
            other = listening
        words = [
            *real("/bin/sh", "/bin/sleep", "/bin/cat"),
            *extra,
            "--keep",
            "--control-fd",
            str(other.fileno()),
        ]
        self.process = subprocess.Popen(words, pass_fds=[other.fileno()])
        other.close()

    def send(self, *strings: str, descriptors: tuple[int, ...] = ()) -> None:
        rights = (
            [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        )
        self.socket.sendmsg([b"".join(s.encode() + b"\0" for s in strings)], rights)

    def next(self) -> dict[str, object]:
        answer: dict[str, object] = json.loads(self.socket.recv(70000))
        return answer

    def ask(self, *strings: str, descriptors: tuple[int, ...] = ()) -> dict[str, object]:
        self.send(*strings, descriptors=descriptors)
        return self.next()


@pytest.fixture
def family() -> Iterator[Family]:
    one = Family("--pvms", "8")
    try:
        yield one
    finally:
        one.socket.close()
        assert one.process.wait(timeout=60) == 0  # its last connection is closed: it goes by itself


def test_spawn_list_kill(family: Family) -> None:
    """Told that a pVM has ended, one finds it in no list, though its vCPU is still being cleared."""
    for turn in range(0, 300, 10):
        started = family.ask("spawn", f"id={turn}", "program=/bin/sleep", "arg=sleep", "arg=30")
        assert started["ok"] is True
        pvms = family.ask("list", f"id={turn + 1}")["pvms"]
        assert isinstance(pvms, list) and [p["slot"] for p in pvms] == [started["slot"]]
        assert family.ask("kill", f"id={turn + 2}", f"slot={started['slot']}") == {"id": turn + 2, "ok": True}
        assert family.next() == {
            "id": turn, "event": "exit", "slot": started["slot"], "status": 9, "killed_by_monitor": False,
        }  # fmt: skip
        assert family.ask("list", f"id={turn + 3}")["pvms"] == []


def test_output_and_status_come_back(family: Family) -> None:
    for status in range(0, 60, 7):
        ours, theirs = os.pipe()
        null = os.open("/dev/null", os.O_RDONLY)
        script = f"echo said; exit {status}"
        answer = family.ask(
            "spawn", f"id={status}", "program=/bin/sh", "arg=sh", "arg=-c", f"arg={script}", "env=A=b",
            descriptors=(null, theirs, theirs),
        )  # fmt: skip
        os.close(theirs)
        os.close(null)
        assert answer["ok"] is True
        assert family.next()["status"] == status << 8
        assert os.read(ours, 100) == b"said\n"
        assert os.read(ours, 100) == b""  # the monitor has closed its end
        os.close(ours)


def test_more_than_the_limit_is_refused(family: Family) -> None:
    answers = [family.ask("spawn", f"id={n}", "program=/bin/sleep", "arg=sleep", "arg=30") for n in range(10)]
    assert [a["ok"] for a in answers] == [True] * 8 + [False] * 2
    assert answers[-1]["errno"] == 11


def test_packets_that_are_none(family: Family) -> None:
    for packet in (b"x", b"\0", b"spawn\0", b"spawn\0id=1\0program=/bin/sh\0what=1\0", b"list\0from=-1\0",
                   b"kill\0slot=99999\0", b"kill\0", b"spawn\0" + b"x" * 40000, b"spawn\0" + b"a=b\0" * 6000,
                   b"spawn\0program=" + b"x" * 300 + b"\0arg=x\0", b"window\0console=x\0"):  # fmt: skip
        family.socket.send(packet)
        assert family.next()["ok"] is False
    assert family.ask("hello", "id=5")["version"] == 1


def test_empty_packets_leave_no_descriptors(tmp_path: Path) -> None:
    """One of no bytes looks like a hang-up, though descriptors came with it."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listening.bind(str(tmp_path / "control"))
    listening.listen(4)
    family = Family(listening=listening)

    @contextmanager
    def connected() -> Iterator[socket.socket]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as one:
            one.settimeout(60)
            one.connect(str(tmp_path / "control"))
            yield one

    sent = tmp_path / "sent"
    try:
        with sent.open("w") as file:
            for _ in range(20):
                with connected() as one:
                    rights = array.array("i", [file.fileno()] * 3)
                    one.sendmsg([b""], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
                    assert one.recv(1) == b""
        with connected() as one:
            one.send(b"hello\0id=1\0")
            assert json.loads(one.recv(70000))["ok"] is True
        assert str(sent) not in opened(family.process.pid)
        with connected() as one:
            one.send(b"destroy\0id=2\0")
            assert family.process.wait(timeout=60) == 0
    finally:
        family.process.kill()
        family.process.wait()
        family.socket.close()


def test_statistics_have_the_libos_word(family: Family) -> None:
    family.ask("spawn", "id=1", "program=/bin/sleep", "arg=sleep", "arg=30")
    deadline = time.monotonic() + 60
    while True:
        answer = family.ask("stats", "id=2")
        assert answer["id"] == 2
        if answer["libos"] is not None:
            break
        assert time.monotonic() < deadline  # each time it has a second to answer
    assert isinstance(answer["libos"], dict)
    vcpus = answer["vcpus"]
    assert isinstance(vcpus, dict) and vcpus["live"] == 1


def test_destroy() -> None:
    family = Family()
    family.ask("spawn", "id=1", "program=/bin/sleep", "arg=sleep", "arg=30")
    assert family.ask("destroy", "id=2") == {"id": 2, "ok": True}
    assert family.process.wait(timeout=60) == 0
    family.socket.close()


# ---- probes


def test_the_probes_are_there() -> None:
    said = subprocess.run(
        ["readelf", "-n", building.MONITOR], capture_output=True, text=True, check=True
    ).stdout
    names = {line.split()[1] for line in said.splitlines() if line.strip().startswith("Name: ")}
    assert {
        "fork_begin",
        "fork_parent",
        "fork_child",
        "ipc_notify",
        "ipc_wake",
        "fault_cow",
        "hypercall",
    } <= names
