"""Clients that know nothing of this server: the suite's checks and generators, redis-py, Redis's tools."""

import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.local import HOST, LocalPlace
from tests.targets.microkernel.apps.conftest import Start
from tests.targets.microkernel.apps.loads import all_received
from tests.targets.microkernel.apps.serving import TIMEOUT_S, Served
from vocabulary import Endpoint, ServiceKind
from workloads import openloop
from workloads.native import redis_benchmark
from workloads.redis_load.cases import Redis, RedisLoad
from workloads.redis_load.checks import CHECKS, verify
from workloads.redis_load.dataset import key_set, load

PLACE = LocalPlace()
SIZES = [("16384", "16384"), ("1", "1"), ("7", "100"), ("16384", "1")]


def endpoint(served: Served) -> Endpoint:
    return Endpoint(ServiceKind.REDIS, HOST, served.port, served.process.pid)


@pytest.fixture(scope="module")
def served(start: Start) -> Served:
    return start("redis")


@pytest.fixture
def client(served: Served) -> Iterator[redis.Redis]:
    with redis.Redis(HOST, served.port, socket_timeout=TIMEOUT_S) as client:
        client.flushall()
        yield client


@pytest.mark.parametrize(("taken", "given"), SIZES[:3])
def test_the_correctness_pass(start: Start, tmp_path: Path, taken: str, given: str) -> None:
    """Of all features, on a data set of its own; also when little is offered to the core at a time."""
    served = start("redis", "--in", taken, "--out", given)
    data = key_set(tmp_path, seed=1, keys=300, value_bytes=64)
    load(data, PLACE, endpoint(served))
    features = [f for f in CHECKS.features if f != "big" or taken != "1"]  # a mebibyte byte by byte is slow
    assert verify(data, PLACE, endpoint(served), features) == len(CHECKS.chosen(features))


def test_the_open_loop_generator(served: Served, client: redis.Redis, tmp_path: Path) -> None:
    params = RedisLoad.model_validate({"keys": 100, "pipeline": 16})
    data = key_set(tmp_path, params.data_seed, params.keys, params.value_bytes)
    load(data, PLACE, endpoint(served))
    requests = tmp_path / "requests"
    openloop.encode_requests(requests, ServiceKind.REDIS, Redis().requests(params, data, 1))
    assert all_received(PLACE, endpoint(served), requests, rate_per_s=2000, pipeline=16) > 1000
    assert client.dbsize() == params.keys


def test_redis_benchmark_as_the_suite_runs_it(served: Served) -> None:
    told = redis_benchmark.run(
        PLACE,
        endpoint(served),
        ["get", "set"],
        duration_s=0.3,
        connections=20,
        pipeline=16,
        keys=1000,
        value_bytes=64,
        cpus=[],
    )
    assert [t.errors for t in told] == [0, 0]


def tool(*words: str) -> str:
    if not shutil.which(words[0]):
        pytest.skip(f"{words[0]} is not installed")
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout


def test_all_of_redis_benchmark(served: Served) -> None:
    """Its whole default suite; an error reply ends it with an error."""
    port = str(served.port)
    text = tool("redis-benchmark", "-h", HOST, "-p", port, "-n", "1000", "-r", "100", "--csv")
    names = [line.split(",")[0].strip('"') for line in text.splitlines()[1:]]
    assert "LRANGE_600 (first 600 elements)" in names and "MSET (10 keys)" in names
    assert "ZPOPMIN" in names and "SPOP" in names
    assert "Error" not in text


def test_redis_cli(served: Served, client: redis.Redis) -> None:
    def cli(*words: str) -> str:
        return tool("redis-cli", "-h", HOST, "-p", str(served.port), *words)

    assert cli("set", "a key", "a value") == "OK\n"
    assert cli("get", "a key") == "a value\n"
    assert cli("-3", "hset", "h", "x", "1", "y", "2") == "2\n"
    assert cli("--no-raw", "-3", "hgetall", "h") in (
        '1# "x" => "1"\n2# "y" => "2"\n',
        '1# "y" => "2"\n2# "x" => "1"\n',
    )
    assert "redis_version:7" in cli("info")
    assert cli("--scan").split("\n") in (["a key", "h", ""], ["h", "a key", ""])


@pytest.mark.parametrize("protocol", [2, 3])
def test_redis_py(served: Served, protocol: int) -> None:
    with redis.Redis(
        HOST, served.port, protocol=protocol, client_name="me", socket_timeout=TIMEOUT_S
    ) as client:
        client.flushall()
        assert client.client_getname() in (b"me", "me")
        assert client.client_id() > 0
        assert client.info()["redis_mode"] == "standalone"
        assert client.config_get("save") == {"save": ""}
        assert len(client.command()) == client.command_count() > 80
        client.hset("h", mapping={"a": 1})
        assert client.hgetall("h") == {b"a": b"1"}
        client.sadd("s", 1, 2)
        assert client.smembers("s") == {b"1", b"2"}
        client.zadd("z", {"a": 1.5, "b": 2})
        assert client.zscore("z", "a") == 1.5
        with client.pipeline() as pipe:
            pipe.set("x", 1).incr("x").get("nothing").get("x")
            assert pipe.execute() == [True, 2, None, b"2"]


def test_large_values_through_small_windows(start: Start) -> None:
    served = start("redis", "--out", "512")
    with redis.Redis(HOST, served.port, socket_timeout=TIMEOUT_S) as client:
        values = [random.Random(n).randbytes(1 << n) for n in range(21)]
        client.mset({f"k{n}": value for n, value in enumerate(values)})
        assert client.mget([f"k{n}" for n in range(21)]) == values
        client.rpush("l", *values)
        assert client.lrange("l", 0, -1) == values
        with client.pipeline(transaction=False) as pipe:
            for n in range(21):
                pipe.getset(f"k{n}", b"").getrange(f"k{n}", 0, -1)
            assert pipe.execute()[::2] == values


def test_scan_returns_what_stays_while_the_table_grows_and_shrinks(client: redis.Redis) -> None:
    stays = {b"stays:%d" % n for n in range(300)}
    client.mset(dict.fromkeys(stays, b""))
    client.mset({f"goes:{n}": b"" for n in range(300)})
    found: list[bytes | str] = []
    cursor, step = 0, 0
    while True:
        cursor, names = client.scan(cursor, count=5)
        found += names
        if step < 60:
            client.mset({f"comes:{step}:{n}": b"" for n in range(100)})
        elif step == 60:
            for prefix in ("comes", "goes"):
                client.delete(*client.keys(f"{prefix}:*"))
        step += 1
        if not cursor:
            break
    assert stays <= set(found)
    assert client.dbsize() == len(stays)


def test_keys_expire_without_being_asked_for(client: redis.Redis, served: Served) -> None:
    with client.pipeline(transaction=False) as pipe:
        for n in range(500):
            pipe.set(f"short:{n}", b"", px=20)
        pipe.set("long", b"", px=100_000)
        pipe.execute()
    until = time.monotonic() + TIMEOUT_S
    while client.dbsize() > 1:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert client.info("stats")["expired_keys"] >= 500
