"""The toolstack: the control protocol, faults made readable, control groups, families and the command."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from targets.kylinx import building, host
from targets.kylinx.image import Request, build_image
from targets.kylinx.toolstack import families, limits
from targets.kylinx.toolstack.control import Control, MonitorGoneError, Program
from targets.kylinx.toolstack.faults import Fault
from targets.kylinx.toolstack.monitor import FamilyOptions, Share, start_monitor
from targets.kylinx.toolstack.programs import ENVIRONMENT, Ending, find_in_image, run_program
from targets.kylinx.toolstack.symbols import Mapping, Symbols
from tests.targets.kylinx.guests import opened
from vocabulary.errors import TargetError, UsageError

ROOT = Path(__file__).resolve().parents[3]
TIMEOUT_S = 120


@pytest.fixture
def pair() -> Iterator[tuple[Control, socket.socket]]:
    """A connection, and the end that stands for a monitor."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with Control(ours, "test") as control, theirs:
        theirs.settimeout(10)
        yield control, theirs


def answering(theirs: socket.socket, *packets: object) -> tuple[threading.Thread, list[bytes]]:
    """Answers one request with these packets; what it got."""
    got: list[bytes] = []

    def serve() -> None:
        data, descriptors, _, _ = socket.recv_fds(theirs, 65536, 3)
        got.append(data)
        for descriptor in descriptors:
            got.append(os.fstat(descriptor).st_mode.to_bytes(4, "little"))
            os.close(descriptor)
        for packet in packets:
            theirs.send(packet if isinstance(packet, bytes) else json.dumps(packet).encode())

    thread = threading.Thread(target=serve)
    thread.start()
    return thread, got


def test_request_and_answer(pair: tuple[Control, socket.socket]) -> None:
    control, theirs = pair
    thread, got = answering(theirs, {"id": 1, "ok": True, "slot": 4})
    assert control.request("kill", [("slot", 4)])["slot"] == 4
    thread.join()
    assert got == [b"kill\0id=1\0slot=4\0"]


def test_spawn_passes_descriptors(pair: tuple[Control, socket.socket]) -> None:
    control, theirs = pair
    thread, got = answering(theirs, {"id": 1, "ok": True, "slot": 0, "console": 0})
    program = Program("/bin/x", ("x", "a b", ""), {"K": "v=w"}, "/tmp", tty=True)  # noqa: S108
    with Path("/dev/null").open() as null:
        control.spawn(program, [null.fileno()] * 3)
    thread.join()
    words = got[0].decode().split("\0")
    assert words[0] == "spawn" and {
        "program=/bin/x",
        "arg=x",
        "arg=a b",
        "arg=",
        "env=K=v=w",
        "tty=1",
    } <= set(words)
    assert len(got) == 4


def test_events_between_are_kept(pair: tuple[Control, socket.socket]) -> None:
    control, theirs = pair
    event = {"id": 7, "event": "exit", "slot": 0, "status": 256}
    thread, _ = answering(theirs, event, {"id": 1, "ok": True})
    control.request("hello")
    thread.join()
    assert control.event(1) == event
    assert control.event(0.01) is None


def test_refusal_is_told(pair: tuple[Control, socket.socket]) -> None:
    control, theirs = pair
    thread, _ = answering(theirs, {"id": 1, "ok": False, "errno": 11, "error": "no room for a pVM"})
    with pytest.raises(TargetError, match="no room for a pVM"):
        control.request("spawn")
    thread.join()


@pytest.mark.parametrize("noise", [b"\xff\xfe", b"[1]", b'"x"', b"{", b"3"])
def test_nonsense_is_an_error(pair: tuple[Control, socket.socket], noise: bytes) -> None:
    control, theirs = pair
    thread, _ = answering(theirs, noise)
    with pytest.raises(TargetError, match="the monitor sent"):
        control.request("hello")
    thread.join()


def test_silence_and_end(pair: tuple[Control, socket.socket]) -> None:
    control, theirs = pair
    with pytest.raises(TargetError, match="no answer"):
        control.request("hello", timeout_s=0.05)
    theirs.close()
    with pytest.raises(MonitorGoneError):
        control.request("hello")
    control.destroy()  # of one that has ended already


def test_bad_requests_do_not_leave(pair: tuple[Control, socket.socket]) -> None:
    control, _ = pair
    with pytest.raises(TargetError, match="bytes"):
        control.request("spawn", [("arg", "x" * 40_000)])
    with pytest.raises(TargetError, match="NUL"):
        control.request("spawn", [("arg", "a\0b=c")])


def test_status_as_a_shell_tells_it() -> None:
    assert [Ending(status).exit_code for status in (0, 3 << 8, signal.SIGSEGV, signal.SIGKILL | 0x80)] == [
        0,
        3,
        139,
        137,
    ]


# ---- faults


@pytest.fixture(scope="module")
def bash(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_image(Request(("/bin/sh",)), tmp_path_factory.mktemp("image") / "sh.kximage").path


def test_fault_is_symbolised(bash: Path) -> None:
    libc = str(Path("/lib/x86_64-linux-gnu/libc.so.6").resolve())
    listing = subprocess.run(["nm", "-D", libc], capture_output=True, text=True, check=True).stdout
    at = next(int(line.split()[0], 16) for line in listing.splitlines() if " getenv@@" in line)
    base = 0x7F0012340000
    event = {
        "event": "fault",
        "pid": 2,
        "signal": 11,
        "code": 1,
        "address": "0x10",
        "comm": "sh",
        "registers": {"rip": hex(base + at + 4), "rsp": "0x7f7fffffe000", "rax": "0x0"},
        "backtrace": [hex(base + at + 4), hex(base + at), "0x1234"],
        "maps": [[hex(base), hex(base + (4 << 20)), "0x0", libc], ["bad"], None],
    }
    lines = Fault.of(event).text(Symbols(bash)).splitlines()
    assert "sh (pid 2) died of signal 11 (SIGSEGV)" in lines[0] and "0x10" in lines[0]
    assert any("rip 00007f00" in line for line in lines)
    frames = [line for line in lines if line.strip().startswith("#")]
    assert "getenv+0x4 " in frames[0] and libc in frames[0]
    assert "getenv" not in frames[1]  # a return address at a function's start belongs to the one before
    assert "not mapped" in frames[2]
    assert len(frames) == 3


@settings(max_examples=100)
@given(
    st.dictionaries(
        st.sampled_from(["pid", "signal", "maps", "backtrace", "registers", "address", "comm"]),
        st.one_of(
            st.none(), st.text(), st.lists(st.one_of(st.text(), st.lists(st.text())), max_size=3), st.just({})
        ),
    )
)
def test_malformed_faults_are_shown_as_far_as_they_go(event: dict[str, object]) -> None:
    event = {
        key: value for key, value in event.items() if not (key == "registers" and not isinstance(value, dict))
    }
    assert Fault.of(event).text(Symbols(None)).startswith("fault:")


def test_mapping_without_image() -> None:
    told = Symbols(None).describe(0x1010, [Mapping(0x1000, 0x2000, 0, "/bin/x")])
    assert told == "(/bin/x+0x10)"


def test_programs_are_found_in_the_image(bash: Path) -> None:
    assert find_in_image(bash, "dash") == "/usr/bin/dash"
    assert find_in_image(bash, "/no/matter") == "/no/matter"
    with pytest.raises(UsageError, match="no program 'python3'"):
        find_in_image(bash, "python3")


# ---- families, without a monitor


@pytest.mark.root
def test_control_group_limits_and_goes() -> None:
    group = limits.make("test-limits", limits.Limits(256 << 20, 0.5, 20))
    try:
        assert group.unlimited == [], "this machine cannot limit everything"
        child = subprocess.Popen(["sleep", "60"])
        group.join(child.pid)
        assert group.pids() == [child.pid] == limits.existing("test-limits").pids()
        assert (group.memory_bytes() or 0) >= 0
    finally:
        group.remove()
    assert child.wait(60) == -signal.SIGKILL
    assert not limits.existing("test-limits").directories


@pytest.mark.root
def test_memory_limit_bites() -> None:
    group = limits.make("test-memory", limits.Limits(64 << 20, None, None))
    if "memory" in group.unlimited:
        pytest.skip("no control group for memory here")
    hog = "import sys; sys.stdin.read(1); b = bytearray(200 << 20); print(len(b))"
    try:
        with subprocess.Popen(
            [sys.executable, "-c", hog], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as child:
            group.join(child.pid)
            out, _ = child.communicate(b"x", timeout=120)
        assert (child.returncode, out) == (-signal.SIGKILL, b"")
    finally:
        group.remove()


def test_wanted_survives_its_journey() -> None:
    share = Share(Path("/a"), "/b", True)
    options = FamilyOptions(Path("/i"), 1 << 30, 10, 2, "h", (share,), vm_per_pvm=True)
    wanted = families.Wanted("n", options, "/bin/x", ("x", "y"), {"A": "b"}, "/c", True)
    assert families.Wanted.from_json(wanted.to_json()) == wanted


def test_command_line_of_a_monitor() -> None:
    shares = (Share(Path("/a"), "/b"), Share(Path("/c"), "/d", True))
    words = FamilyOptions(Path("/i"), 1 << 30, 10, 2, "h", shares).command()
    assert words[0].endswith("monitor.elf")
    pairs = list(pairwise(words))
    for pair in (("--image", "/i"), ("--memory", str(1 << 30)), ("--pvms", "10"), ("--cpus", "2"),
        ("--hostname", "h"), ("--share", "/a:/b"), ("--share", "/c:/d:rw")):  # fmt: skip
        assert pair in pairs
    assert "--vm-per-pvm" not in words
    assert "--vm-per-pvm" in FamilyOptions(Path("/i"), vm_per_pvm=True).command()


def test_a_vm_each_is_allowed_its_threads_and_memory() -> None:
    one, each = (FamilyOptions(Path("/i"), 1 << 30, 10, vm_per_pvm=vms).limits() for vms in (False, True))
    assert each.threads == 2 * (one.threads or 0)
    assert (each.memory_bytes or 0) > (one.memory_bytes or 0)


@pytest.mark.parametrize("name", ["", "../x", "a/b", "-x", "a b", "x" * 49, ".hidden"])
def test_names_of_families(name: str) -> None:
    with pytest.raises(UsageError, match="name"):
        families.family(name)


def kxbench(*words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """The command, as a person calls it; ``given`` is its standard input."""
    command = [sys.executable, "-P", "-m", "bench", *words]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, input=given, capture_output=True, text=True, check=False, env=env, timeout=TIMEOUT_S
    )


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["pvm", "exec", "no-such", "true"], 125, "there is no family 'no-such'"),
        (["pvm", "stats", "no-such"], 2, "there is no family"),
        (["pvm", "destroy", "no-such"], 2, "there is no family"),
        (["pvm", "create"], 2, "nothing to make the family of"),
        (["image", "show", "/etc/passwd"], 5, "not an image"),
        (["image", "build", "no-such-program"], 2, "no program"),
        (["image", "build", "true", "--add", "/no/such"], 2, "no such file"),
    ],
)
def test_wrong_words(words: list[str], code: int, said: str) -> None:
    done = kxbench(*words)
    assert done.returncode == code
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


# ---- with a monitor


@pytest.fixture(scope="module")
def image() -> Path:
    if why := host.missing():
        pytest.skip(why)
    building.build()
    from targets.kylinx.image import cached_image

    return cached_image(Request(("bash",))).path


@pytest.fixture
def name() -> Iterator[str]:
    called = f"test-{os.getpid()}-{time.monotonic_ns()}"
    yield called
    one = families.Family(called)
    if one.folder.exists():
        families.destroy(one)


@pytest.mark.root
def test_run_passes_output_and_status_on(image: Path) -> None:
    done = kxbench(
        "pvm", "run", "--image", str(image), "bash", "-c", "echo out; echo err >&2; cat; exit 7", given="in"
    )
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\nin", "err\n")


@pytest.mark.root
def test_run_tells_a_fault(image: Path) -> None:
    done = kxbench("pvm", "run", "--image", str(image), "bash", "-c", "kill -SEGV $$")
    assert done.returncode == 128 + signal.SIGSEGV
    assert "died of signal 11 (SIGSEGV)" in done.stderr
    assert "#0 " in done.stderr and "kill" in done.stderr


@pytest.mark.root
def test_environment_and_directory(image: Path) -> None:
    done = kxbench(
        "pvm",
        "run",
        "--image",
        str(image),
        "--cwd",
        "/etc",
        "--env",
        "A=b c",
        "bash",
        "-c",
        "pwd; echo $A $HOME",
    )
    assert done.stdout.splitlines() == ["/etc", "b c /root"], done.stderr


@contextmanager
def running(image: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`kxbench pvm run` of a program that is up and stays."""
    words = ["pvm", "run", "--image", str(image), "bash", "-c", "echo up; sleep 600"]
    command = [sys.executable, "-P", "-m", "bench", *words]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env) as child:
        assert child.stdout is not None and child.stdout.readline() == b"up\n"
        yield child


@pytest.mark.root
def test_interrupted_run_leaves_nothing(image: Path) -> None:
    with running(image) as child:
        group = limits.existing(f"run-{child.pid}")
        monitors = group.pids()
        assert monitors
        child.send_signal(signal.SIGINT)
        assert child.wait(60) == 130
    assert not any(Path(f"/proc/{pid}").exists() for pid in monitors)
    assert not limits.existing(f"run-{child.pid}").directories


@pytest.mark.root
def test_killed_run_takes_its_monitor_along(image: Path) -> None:
    with running(image) as child:
        group = limits.existing(f"run-{child.pid}")
        monitors = group.pids()
        child.kill()
        child.wait(60)
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in monitors) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not group.pids()
    assert f"run-{child.pid}" in families.stray_groups()
    group.remove()
    assert f"run-{child.pid}" not in limits.names()


@pytest.mark.root
def test_life_of_a_family(image: Path, name: str) -> None:
    script = "echo ready; read line; echo got $line; exit 5"
    made = kxbench(
        "pvm", "create", "--name", name, "--image", str(image), "--memory", "256M", "bash", "-c", script
    )
    assert (made.returncode, made.stdout) == (0, f"{name}\n"), made.stderr
    again = kxbench("pvm", "create", "--name", name, "--image", str(image))
    assert again.returncode == 2 and "already" in again.stderr
    listed = {row["name"]: row for row in json.loads(kxbench("pvm", "list", "--json").stdout)}
    assert listed[name]["state"] == "running" and listed[name]["pvms"] == 1
    (pvm,) = json.loads(kxbench("pvm", "list", name, "--json").stdout)
    assert pvm["private_bytes"] > 0
    stats = json.loads(kxbench("pvm", "stats", name, "--json").stdout)
    assert stats["memory"]["limit_bytes"] == 256 << 20 and stats["vcpus"]["spawns"] == 1
    done = kxbench("pvm", "exec", name, "bash", "-c", "echo $$; exit 3")
    assert done.returncode == 3 and int(done.stdout) > 2
    console = kxbench("pvm", "console", name, given="hello\n")
    assert console.stdout == "ready\ngot hello\n"
    assert f"{name} ended with code 5" in console.stderr
    state = families.family(name).state()
    assert (state["state"], state["status"]) == ("ended", 5 << 8)
    assert kxbench("pvm", "exec", name, "true").returncode == 125
    assert kxbench("pvm", "destroy", name).returncode == 0
    assert not families.Family(name).folder.exists() and not limits.existing(name).directories


@pytest.mark.root
def test_kill_and_destroy(image: Path, name: str) -> None:
    kxbench("pvm", "create", "--name", name, "--image", str(image))
    one = families.family(name)
    with one.connect() as control:
        started = control.spawn(Program("/usr/bin/sleep", ("sleep", "600"), ENVIRONMENT))
        assert kxbench("pvm", "kill", name, str(started["slot"])).returncode == 0
        event = control.event(60)
        assert event is not None and (event["event"], event["status"]) == ("exit", signal.SIGKILL)
    pid = one.state()["monitor"]
    assert kxbench("pvm", "destroy", name).returncode == 0
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.root
def test_killed_keeper_is_seen_and_cleaned(image: Path, name: str) -> None:
    kxbench("pvm", "create", "--name", name, "--image", str(image))
    one = families.family(name)
    state = one.state()
    os.kill(state["keeper"], signal.SIGKILL)
    deadline = time.monotonic() + 60
    while Path(f"/proc/{state['monitor']}").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not Path(f"/proc/{state['monitor']}").exists()
    assert one.state()["state"] == "lost" and name in [lost.name for lost in families.lost()]
    done = kxbench("clean")
    assert f"removed family {name}" in done.stdout
    assert not one.folder.exists() and name not in limits.names()


@pytest.mark.root
def test_programs_follow_one_another(image: Path) -> None:
    """One family, many programs, one after the other and at once; each gets its own status."""
    with start_monitor(f"test-{os.getpid()}", FamilyOptions(image)) as monitor:
        for code in (0, 3, 0, 255):
            program = Program("/bin/sh", ("sh", "-c", f"exit {code}"), ENVIRONMENT)
            assert run_program(monitor.control, program).exit_code == code


@pytest.mark.root
def test_monitor_that_cannot_start_says_why(tmp_path: Path, image: Path) -> None:
    broken = tmp_path / "broken.kximage"
    broken.write_bytes(b"KXIMAGE1" + bytes(100))
    with pytest.raises(TargetError, match="image"):
        start_monitor(f"test-{os.getpid()}", FamilyOptions(broken))
    assert not limits.existing(f"test-{os.getpid()}").directories
    del image


@pytest.mark.root
def test_limit_of_pvms(image: Path) -> None:
    """The shell and 9 children fit; the tenth is refused inside, and the family goes on."""
    script = "sh -c 'for i in $(seq 30); do sleep 600 & done; echo never'; echo still here"
    done = kxbench("pvm", "run", "--image", str(image), "--pvms", "10", "bash", "-c", script)
    assert "Cannot fork" in done.stderr
    assert done.stdout == "still here\n"


@pytest.mark.root
def test_a_vm_for_each_pvm(image: Path, name: str) -> None:
    words = ("--vm-per-pvm", "--memory", "256M", "--image", str(image))
    done = kxbench("pvm", "run", *words, "bash", "-c", "(exit 3); echo $?; cat /etc/passwd | wc -l | cat")
    assert (done.returncode, done.stdout.split()[0], done.stderr) == (0, "3", "")
    script = "for i in 1 2 3; do sleep 600 & done; wait"
    made = kxbench("pvm", "create", "--name", name, *words, "bash", "-c", script)
    assert made.returncode == 0, made.stderr
    monitor = families.family(name).state()["monitor"]
    deadline = time.monotonic() + 60
    while opened(monitor).count("anon_inode:kvm-vm") < 4:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert kxbench("pvm", "destroy", name).returncode == 0


@pytest.mark.root
def test_limit_of_memory(image: Path) -> None:
    script = "x=$(head -c 200000000 /dev/zero | tr '\\0' x); echo ${#x}"
    done = kxbench("pvm", "run", "--image", str(image), "--memory", "64M", "bash", "-c", script)
    assert "200000000" not in done.stdout and done.returncode != 0
    assert "monitor is gone" not in done.stderr


@pytest.mark.root
def test_shared_directories(image: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "file").write_text("from outside")
    (tmp_path / "out").mkdir()
    script = "cat /in/file; echo x > /in/file || echo refused; echo from inside > /out/file"
    shares = ["--share", f"{tmp_path / 'in'}:/in", "--share", f"{tmp_path / 'out'}:/out:rw"]
    done = kxbench("pvm", "run", "--image", str(image), *shares, "bash", "-c", script)
    assert done.stdout == "from outsiderefused\n"
    assert (tmp_path / "in" / "file").read_text() == "from outside"
    assert (tmp_path / "out" / "file").read_text() == "from inside\n"
