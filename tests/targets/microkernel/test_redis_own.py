"""Redis's own tests of its commands (bench/sources.py) on the guest's server, which they did not start.

Left out: what needs Redis's debug commands or replication, and what `redis_own.skip` names, with reasons."""

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from bench.sources import REDIS
from targets.lab import Lab
from targets.microkernel import MicrokernelDeployment, building
from vocabulary import Endpoint, Service, ServiceKind

pytestmark = pytest.mark.root
ROOT = Path(__file__).resolve().parents[3]
TESTS = ROOT / REDIS.directory
SKIP = Path(__file__).with_name("redis_own.skip")
# How many tests of each unit apply: one that is skipped by mistake is missed.
UNITS = {
    "unit/type/string": 56,
    "unit/type/incr": 22,
    "unit/type/list": 117,
    "unit/type/list-3": 9,
    "unit/type/hash": 48,
    "unit/type/set": 94,
    "unit/type/zset": 113,
    "unit/keyspace": 29,
    "unit/expire": 51,
    "unit/scan": 16,
    "unit/protocol": 19,
    "unit/multi": 23,
    "unit/quit": 3,
}
OPTIONS = ["--singledb", "--durable", "--ignore-encoding", "--ignore-digest", "--clients", "1"]
TAGS = "-needs:debug -needs:repl -slow"
WITHIN_S = 180
ANSWERS_WITHIN_S = 60
ALIKE = 100  # looks at the clock


@pytest.fixture(scope="module")
def served(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    if not shutil.which("tclsh"):
        pytest.skip("tclsh is not installed")
    if not TESTS.is_dir():
        pytest.skip(f"the source of {REDIS.name} {REDIS.version} is not there; ./kxbench setup says why")
    building.build()
    with lab.site(lab.unused_name("guest"), tap=True) as site:
        scratch = tmp_path_factory.mktemp("own")
        deployment = MicrokernelDeployment("microkernel", lab, site, scratch)
        with deployment.serve(Service(ServiceKind.REDIS)) as endpoint:
            await_clock(lab, endpoint)
            yield endpoint


@contextmanager
def asked(lab: Lab, endpoint: Endpoint) -> Iterator[redis.Redis]:
    with (
        lab.place.entered(),
        redis.Redis(endpoint.host, endpoint.port, socket_timeout=ANSWERS_WITHIN_S) as client,
    ):
        yield client


def await_clock(lab: Lab, endpoint: Endpoint) -> None:
    """Until the guest has found out where the board's seconds begin: tests name times by the host's clock,
    and what they name is not to be farther away than it was when they asked."""
    deadline = time.monotonic() + ANSWERS_WITHIN_S
    right = 0
    with asked(lab, endpoint) as client:
        while right < ALIKE:
            assert time.monotonic() < deadline, "the guest's clock is behind the host's"
            asked_ms = time.time_ns() // 1_000_000
            client.ping()
            seconds, microseconds = client.time()
            right = right + 1 if seconds * 1000 + microseconds // 1000 >= asked_ms else 0


def run(lab: Lab, endpoint: Endpoint, unit: str, directory: Path) -> str:
    """What the tests say."""
    command = ["tclsh", "tests/test_helper.tcl", "--host", endpoint.host, "--port", str(endpoint.port)]
    command += [*OPTIONS, "--tags", TAGS, "--skipfile", str(SKIP), "--single", unit]
    said = directory / "said"
    with said.open("wb") as file:
        tests = lab.place.popen(command, cwd=TESTS, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        try:
            code = tests.wait(WITHIN_S)
        finally:
            tests.kill()
            tests.wait()
    text = re.sub(r"\x1b\[[\d;]*m", "", said.read_text(errors="replace"))
    assert code == 0, text[-4000:]
    return text


@pytest.mark.parametrize("unit", UNITS)
def test_unit(served: Endpoint, lab: Lab, tmp_path: Path, unit: str) -> None:
    said = run(lab, served, unit, tmp_path)
    assert not re.search(r"^\[(err|exception)\]", said, re.MULTILINE), said[-4000:]
    passed = re.findall(r"^\[ok\]: (.*) \(\d+ ms\)$", said, re.MULTILINE)
    assert len(passed) == UNITS[unit], passed


def test_times_to_live(served: Endpoint, lab: Lab) -> None:
    with asked(lab, served) as client:

        def left(ms: int, began: float) -> None:
            """Of the time to live that x was given since ``began``."""
            pttl, ttl = client.pttl("x"), client.ttl("x")
            past_ms = (time.monotonic() - began) * 1000
            assert ms - past_ms - 1 <= pttl <= ms  # both ends are whole milliseconds of the server's clock
            assert ms - past_ms - 500 <= ttl * 1000 <= ms  # rounded to seconds

        client.set("x", "foobar")
        for seconds in (50, 100):
            began = time.monotonic()
            assert client.expire("x", seconds)
            left(seconds * 1000, began)
        assert client.get("x") == b"foobar"
        assert client.persist("x")
        assert (client.ttl("x"), client.get("x")) == (-1, b"foobar")
        began = time.monotonic()
        client.execute_command("SETEX", "x", 100, "somevalue")  # type: ignore[no-untyped-call]
        left(100_000, began)


def test_keys_go_that_nobody_asks_for(served: Endpoint, lab: Lab) -> None:
    keys = ("key1", "key2", "key3")
    with asked(lab, served) as client:
        client.flushdb()
        for key in keys:
            client.execute_command("PSETEX", key, 1000 * WITHIN_S, "a")  # type: ignore[no-untyped-call]
        assert client.dbsize() == len(keys)
        for key in keys:
            assert client.pexpire(key, 500)
        deadline = time.monotonic() + ANSWERS_WITHIN_S
        while client.dbsize():
            assert time.monotonic() < deadline, "keys did not actively expire"
            time.sleep(0.01)
