"""Real programs, unmodified: each is run as a process and in a pVM, and must say and do the same.

What differs by nature (process ids, times, addresses) is kept out of the commands, not out of the comparison.
The first program's end is its family's end, so what a process would leave running is waited for."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from targets.kylinx import building, host
from targets.kylinx.image import Request, cached_image
from targets.kylinx.toolstack.monitor import FamilyOptions
from targets.kylinx.toolstack.programs import ENVIRONMENT
from tests.targets.kylinx.programs import BASH, COREUTILS, FILES, FORKED, PERL, PYTHON, REDIS, REDIS_TCP
from workloads.micro import building as micro

TIMEOUT_S = 120


@dataclass(frozen=True)
class Ended:
    code: int
    out: bytes
    err: bytes


def as_process(program: str, arguments: list[str], given: bytes, cwd: str) -> Ended:
    command = [program, *arguments]
    done = subprocess.run(
        command, input=given, capture_output=True, check=False, env=ENVIRONMENT, cwd=cwd, timeout=TIMEOUT_S
    )
    code = 128 - done.returncode if done.returncode < 0 else done.returncode
    return Ended(code, done.stdout, _without_pids(done.stderr))


def as_pvm(program: str, arguments: list[str], given: bytes, cwd: str, others: tuple[str, ...] = ()) -> Ended:
    image = cached_image(Request((program, *others), name="test-" + Path(program).name)).path
    words = [*FamilyOptions(image).command(), "--quiet", "--cwd", cwd]
    for name, value in ENVIRONMENT.items():
        words += ["--env", f"{name}={value}"]
    done = subprocess.run(
        [*words, "--", program, *arguments], input=given, capture_output=True, check=False, timeout=TIMEOUT_S
    )
    return Ended(done.returncode, done.stdout, _without_pids(done.stderr))


def _without_pids(said: bytes) -> bytes:
    """A shell's word on a job that was killed has its process id."""
    return re.sub(rb"(line \d+:) +\d+ ", rb"\1 PID ", said)


def same(
    program: str, *arguments: str, given: str = "", cwd: str = "/", others: tuple[str, ...] = ()
) -> Ended:
    """What it said as a process, once the pVM has said the same."""
    path = shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin") or program
    if not Path(path).exists():
        pytest.skip(f"{program} is not installed")
    process = as_process(path, list(arguments), given.encode(), cwd)
    assert as_pvm(path, list(arguments), given.encode(), cwd, others) == process
    return process


@pytest.fixture(scope="module", autouse=True)
def built() -> Iterator[None]:
    if why := host.missing():
        pytest.skip(why)
    building.build()
    yield


# ---- coreutils and friends


@pytest.mark.parametrize("words", COREUTILS, ids=lambda words: " ".join(words)[:40])
def test_coreutils(words: tuple[str, ...]) -> None:
    same(*words, given="b\nb\na\n", others=("sh", "env"))


def test_files() -> None:
    same("bash", "-c", FILES)


# ---- shells


@pytest.mark.parametrize("name", BASH)
def test_bash(name: str) -> None:
    same("bash", "-c", BASH[name])


def test_bash_from_standard_input() -> None:
    assert same("bash", given="echo one\nx=2\necho $x\nexit 4\n").code == 4


def test_dash() -> None:
    same(
        "dash",
        "-c",
        "for i in 1 2 3; do echo $i; done | while read n; do echo got $n; done; trap 'echo t' TERM; kill $$",
    )


@pytest.mark.parametrize(
    "words",
    [
        ("sh", "-c", "for i in 1 2; do echo $i; done | sort -r; exit 3"),
        ("sh", "-c", "echo hello | sed s/l/L/g | tr a-z A-Z | md5sum"),
        ("awk", "BEGIN { for (i = 0; i < 5; i++) s += i; print s }"),
        ("cat", "/etc/passwd"),
        ("ls", "-n", "/etc/passwd", "/usr/bin/env"),
        ("expr", "3", "+", "4"),
        ("sha1sum", "/etc/services"),
        ("vi", "--help"),
    ],
    ids=" ".join,
)
def test_busybox(words: tuple[str, ...]) -> None:
    same("busybox", *words)


# ---- python3


@pytest.mark.parametrize("name", PYTHON)
def test_python(name: str) -> None:
    same("python3", "-c", PYTHON[name])


def test_python_script_from_a_pipe() -> None:
    same("python3", given="print(sum(range(100)))\n")


# ---- perl, sqlite3, compressors, openssl


@pytest.mark.parametrize("name", PERL)
def test_perl(name: str) -> None:
    same("perl", "-e", PERL[name])


def test_sqlite3() -> None:
    script = "create table t(a, b); insert into t values (1, 'x'), (2, 'y'); select *, a * 3 from t;"
    same("sqlite3", ":memory:", given=script)
    same("sqlite3", "-version")


@pytest.mark.parametrize(
    "words", [("gzip", "-9n"), ("xz", "-2"), ("xz", "-T2", "--block-size=65536")], ids=" ".join
)
def test_compressors(words: tuple[str, ...]) -> None:
    text = "".join(f"line {i * i}\n" for i in range(20000))
    packed = same(*words, given=text)
    assert len(packed.out) > 1000
    assert as_pvm(shutil.which(words[0]) or "", ["-d"], packed.out, "/").out == text.encode()


def test_openssl() -> None:
    same("openssl", "dgst", "-sha256", "/etc/services")
    same("openssl", "enc", "-aes-256-cbc", "-K", "00" * 32, "-iv", "00" * 16, given="x" * 10000)
    same("openssl", "version")


def test_openssl_speed() -> None:
    """Its figures differ; that it measures, by alarm and CPU time, and with two processes, does not."""
    path = shutil.which("openssl") or ""
    for more in ([], ["-multi", "2"]):
        done = as_pvm(path, ["speed", "-seconds", "3", "-bytes", "1024", *more, "sha256"], b"", "/")
        assert done.code == 0, done.err
        figure = re.search(rb"sha256\s+([\d.]+)k", done.out)
        assert figure and float(figure[1]) > 1000


# ---- redis


@pytest.mark.parametrize("script", [REDIS, REDIS_TCP], ids=["socket, BGSAVE, AOF", "loopback"])
def test_redis(script: str) -> None:
    same("bash", "-c", script, others=("redis-server", "redis-cli", "redis-check-rdb"))


# ---- stress-ng

STRESSORS = ["cpu", "malloc", "pipe", "fork", "futex", "sem", "msg", "shm"]


@pytest.mark.parametrize("stressor", STRESSORS)
def test_stress_ng(stressor: str) -> None:
    path = shutil.which("stress-ng")
    if path is None:
        pytest.skip("stress-ng is not installed")
    bounded = [f"--{stressor}", "2", "--timeout", "1s", "--verify", "--metrics-brief", "--no-rand-seed"]
    if stressor == "malloc":
        bounded += ["--malloc-bytes", "32M", "--malloc-max", "1000"]
    for run in (as_process, as_pvm):
        done = run(path, bounded, b"", "/tmp")  # noqa: S108
        assert done.code == 0, (run.__name__, done.err[-2000:])
        told = done.out + done.err
        assert b"successful run completed" in told, (run.__name__, told)
        assert re.search(rf"\] {stressor}\s+[1-9]\d*\s".encode(), told), (run.__name__, told)


# ---- the micro programs

MICRO = [name for name in micro.NAMES if name not in ("dlopen", "update", "create")]


@pytest.mark.parametrize("name", MICRO)
def test_micro(name: str) -> None:
    """Same metrics, units and parameters; the samples differ."""
    micro.build()
    program = str(micro.BUILD / name)
    arguments = ["--iterations=20", "--budget-ms=300", "--timeout-s=100"]
    shape = []
    for run in (as_process, as_pvm):
        done = run(program, arguments, b"", "/", *([siblings()] if run is as_pvm else []))
        assert done.code == 0, (run.__name__, done.err[-2000:])
        shape.append(re.sub(rb'"samples": \[[^]]*\]|"summary": "[^"]*"|[\d.]+', b"", done.out))
    assert shape[0] == shape[1]


def siblings() -> tuple[str, ...]:
    return tuple(str(micro.BUILD / name) for name in ("tiny-dynamic", "tiny-static", "bare_fork"))


# ---- fork


def test_nested_forks() -> None:
    same("python3", "-c", FORKED)


def test_many_children() -> None:
    script = """
import os
children = [os.fork() or os._exit(i % 7) for i in range(150)]
print(sum(os.waitpid(child, 0)[1] >> 8 for child in children))
"""
    same("python3", "-c", script)


def test_orphans_are_reaped() -> None:
    """The orphan speaks once its parent is gone, and the first program goes on until it has."""
    queues = "d=$(mktemp -d); mkfifo $d/a $d/b; exec 3<>$d/a 4<>$d/b; rm -r $d"
    orphan = "( (read -u 3; echo orphan; echo >&4) & )"
    script = f"{queues}; {orphan}; echo parent gone; echo >&3; read -u 4; sleep 0.1; wait; echo $?"
    same("bash", "-c", script)
