"""Real servers on loopback ports of their own, a place that is just this machine, and a way to run the
generator with any arguments."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dns.message
import pytest

from tests.local import HOST, NSD_CONFIG, free_port
from vocabulary import Endpoint, Samples, ServiceKind, Source
from workloads.openloop import build, encode_requests
from workloads.protocol import parse_with_params

NAMES = 100
PAGE_BYTES = 612


@dataclass(frozen=True)
class Result:
    """What one run of the generator left: its exit code, words, parameters and metrics."""

    code: int
    err: str
    params: Mapping[str, Any]
    samples: Mapping[str, Samples]

    def __getitem__(self, name: str) -> float:
        return float(self.samples[name].values[0])

    @property
    def answered_for(self) -> float:
        """All fates of a sent request."""
        fates = ("received", "errors_reply", "errors_malformed", "errors_reset", "timeouts", "unanswered")
        return sum(self[name] for name in fates)

    def slower_than(self, name: str, limit_ns: float) -> int:
        """How many of a histogram's values are in bins above ``limit_ns``."""
        histogram = self.samples[name].histogram
        assert histogram is not None
        return int(histogram.counts[histogram.midpoints() > limit_ns].sum())


Generate = Callable[..., Result]


def finished(process: "subprocess.Popen[str]") -> Result:
    try:
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    if "@@KXBENCH BEGIN@@" not in out:
        return Result(process.returncode, err, {}, {})
    samples, params = parse_with_params(out, "openloop", source=Source.GENERATOR)
    return Result(process.returncode, err, params, {item.metric.name: item for item in samples})


def start(port: int, requests: Path, *words: str, program: str = "openloop") -> "subprocess.Popen[str]":
    argv = [str(build(program)), "--host", HOST, "--port", str(port), "--requests", str(requests), *words]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="session")
def generate() -> Generate:
    """Run the generator on a port with more arguments and return what it said."""

    def call(port: int, requests: Path, *words: str, program: str = "openloop") -> Result:
        return finished(start(port, requests, *words, program=program))

    return call


@pytest.fixture(scope="session")
def open_root() -> Iterator[Path]:
    """A directory that another user may enter, as nginx's workers must; pytest's own are closed to them."""
    with tempfile.TemporaryDirectory(prefix="kxb-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def answers_dns(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.2)
        probe.connect((HOST, port))
        try:
            probe.send(dns.message.make_query("h1.kxbench.test", "A").to_wire())
            return len(probe.recv(512)) > 12
        except OSError:
            return False


@contextmanager
def serving(argv: Sequence[str], ready: Callable[[], bool]) -> Iterator["subprocess.Popen[bytes]"]:
    if not shutil.which(argv[0]):
        pytest.skip(f"{argv[0]} is not installed")
    process = subprocess.Popen(list(argv), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while not ready():
            assert process.poll() is None, f"{argv[0]} ended with {process.returncode}"
            assert time.monotonic() < until, f"{argv[0]} did not answer in 60 s"
            time.sleep(0.02)
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def cores() -> tuple[list[str], frozenset[int]]:
    """Words that keep a server on the first CPU, and the CPUs that leaves for the generator."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        return [], frozenset(cpus)
    return ["taskset", "-c", str(cpus[0])], frozenset(cpus[1:2])


@pytest.fixture(scope="session")
def redis(cores: tuple[list[str], frozenset[int]]) -> Iterator[Endpoint]:
    if not shutil.which("redis-server"):
        pytest.skip("redis-server is not installed")
    port = free_port()
    argv = [*cores[0], "redis-server", "--bind", HOST, "--port", str(port), "--save", "", "--daemonize", "no"]
    with serving(argv, lambda: accepts(port)) as process:
        yield Endpoint(ServiceKind.REDIS, HOST, port, process.pid)


NGINX = """daemon off; worker_processes 1; pid {root}/pid; error_log {root}/error.log;
events {{ worker_connections 2048; }}
http {{
    access_log off; keepalive_requests 1000; root {root};
    client_body_temp_path {root}/1; proxy_temp_path {root}/2; fastcgi_temp_path {root}/3;
    uwsgi_temp_path {root}/4; scgi_temp_path {root}/5;
    server {{ listen 127.0.0.1:{port}; }}
}}
"""


@pytest.fixture(scope="session")
def nginx(open_root: Path, cores: tuple[list[str], frozenset[int]]) -> Iterator[Endpoint]:
    if not shutil.which("nginx"):
        pytest.skip("nginx is not installed")
    root, port = open_root, free_port()
    (root / "page").write_text("x" * PAGE_BYTES)
    (root / "nginx.conf").write_text(NGINX.format(root=root, port=port))
    argv = [
        *cores[0],
        "nginx",
        "-p",
        str(root),
        "-c",
        str(root / "nginx.conf"),
        "-e",
        str(root / "error.log"),
    ]
    with serving(argv, lambda: accepts(port)) as process:
        yield Endpoint(ServiceKind.HTTP, HOST, port, process.pid)


@pytest.fixture(scope="session")
def nsd(
    tmp_path_factory: pytest.TempPathFactory, cores: tuple[list[str], frozenset[int]]
) -> Iterator[Endpoint]:
    if not shutil.which("nsd"):
        pytest.skip("nsd is not installed")
    root, port = tmp_path_factory.mktemp("nsd"), free_port()
    head = "$ORIGIN kxbench.test.\n$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n"
    (root / "kxbench.test.zone").write_text(head + "".join(f"h{i} A 198.51.100.{i}\n" for i in range(NAMES)))
    (root / "nsd.conf").write_text(NSD_CONFIG.format(root=root, port=port))
    argv = [*cores[0], "nsd", "-d", "-c", str(root / "nsd.conf")]
    with serving(argv, lambda: answers_dns(port)) as process:
        yield Endpoint(ServiceKind.DNS, HOST, port, process.pid)


def query(name: str) -> bytes:
    return dns.message.make_query(name, "A").to_wire()


@pytest.fixture(scope="session")
def requests(tmp_path_factory: pytest.TempPathFactory) -> dict[ServiceKind, Path]:
    """Requests that get good answers, for each protocol."""
    root = tmp_path_factory.mktemp("requests")
    made = {kind: root / f"{kind}.req" for kind in ServiceKind}
    key = b"*2\r\n$3\r\nGET\r\n$5\r\nkey%02d\r\n"
    encode_requests(made[ServiceKind.REDIS], ServiceKind.REDIS, (key % i for i in range(100)))
    page = b"GET /page HTTP/1.1\r\nHost: test\r\n\r\n"
    encode_requests(made[ServiceKind.HTTP], ServiceKind.HTTP, [page])
    names = (query(f"h{i}.kxbench.test") for i in range(NAMES))
    encode_requests(made[ServiceKind.DNS], ServiceKind.DNS, names)
    return made
