"""The generator on real redis-server, nginx and nsd: counts add up, a stall is seen from intended times, and
it is as fast as the native generators."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.local import HOST, LocalPlace, free_port
from tests.workloads.openloop.conftest import NAMES, Generate, finished, start
from vocabulary import Endpoint, ServiceKind, Source, TargetError, UsageError
from workloads.openloop import doubts, encode_requests, one, rates, run, sweep
from workloads.openloop.sweep import Point, sustained

Cores = tuple[list[str], frozenset[int]]
ROUNDS = 5
PATIENT = ("--timeout-ms", "20000")  # all answers come, however long a busy machine may stall


@pytest.fixture
def endpoint(request: pytest.FixtureRequest) -> Endpoint:
    found: Endpoint = request.getfixturevalue(request.param)
    return found


SERVERS = pytest.mark.parametrize("endpoint", ["redis", "nginx", "nsd"], indirect=True)


@SERVERS
def test_counts_add_up_at_a_fixed_rate(
    generate: Generate, requests: dict[ServiceKind, Path], endpoint: Endpoint
) -> None:
    words = ("--rate", "2000", "--arrivals", "uniform", "--duration", "1", "--warmup", "0.2", *PATIENT)
    result = generate(endpoint.port, requests[endpoint.kind], *words, program="openloop-sanitized")
    assert result.code == 0, result.err
    assert result["sent"] == result.answered_for == result["received"] == 2000
    assert result["unsent"] == result["unsolicited"] == 0
    for name in ("latency", "service", "lateness", "own_lateness"):
        histogram = result.samples[name].histogram
        assert histogram is not None and histogram.count == 2000
    # a latency is its lateness and its service time, so its distribution lies above both
    for percent in (10, 50, 90):
        latency, service, lateness = (
            result.samples[name].histogram.percentile(percent)[0]  # type: ignore[union-attr]
            for name in ("latency", "service", "lateness")
        )
        assert latency * 1.07 >= max(service, lateness)


@SERVERS
def test_counts_add_up_in_a_pipelined_closed_loop(
    generate: Generate, requests: dict[ServiceKind, Path], endpoint: Endpoint
) -> None:
    words = ["--closed", "--duration", "4", "--warmup", "0.1", *PATIENT]
    words += ["--connections", "7", "--pipeline", "9"]
    result = generate(endpoint.port, requests[endpoint.kind], *words, program="openloop-sanitized")
    assert result.code == 0, result.err
    assert result["sent"] == result.answered_for > 500
    if endpoint.kind is ServiceKind.HTTP:  # this nginx closes after 1000 requests, those behind it are lost
        assert result["received"] + result["errors_reset"] == result["sent"]
        assert result["errors_reset"] <= 8 * result["reconnects"]
    else:
        assert result["received"] == result["sent"]


def redis_stat(redis: Endpoint, name: str) -> int:
    argv = ["redis-cli", "-p", str(redis.port), "info", "stats"]
    out = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout
    found = re.search(rf"{name}:(\d+)", out)
    assert found
    return int(found[1])


def test_a_thousand_connections_are_all_used(
    generate: Generate, requests: dict[ServiceKind, Path], redis: Endpoint
) -> None:
    before = redis_stat(redis, "total_connections_received")
    words = ("--rate", "5000", "--duration", "0.5", "--warmup", "0", "--connections", "1000", *PATIENT)
    result = generate(redis.port, requests[ServiceKind.REDIS], *words)
    assert result["received"] == result["sent"] > 2000
    after = redis_stat(redis, "total_connections_received")
    assert after - before == 1001  # and redis-cli's own


def test_the_schedule_that_ran_is_the_one_announced(
    generate: Generate, requests: dict[ServiceKind, Path], redis: Endpoint
) -> None:
    words = ("--rate", "3000", "--duration", "0.3", "--warmup", "0.1", "--choice", "random", "--seed", "5")
    ran = [generate(redis.port, requests[ServiceKind.REDIS], *words).params["schedule_hash"] for _ in "ab"]
    argv = ["--requests", str(requests[ServiceKind.REDIS]), "--dry-run", *words]
    dry = subprocess.run(
        ["workloads/openloop/build/openloop", *argv], capture_output=True, text=True, timeout=10, check=True
    )
    assert ran[0] == ran[1] and ran[0] in dry.stdout


def stall(pid: int, seconds: float) -> float:
    """Stop a process for about ``seconds`` and return for how long it was."""
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    try:
        time.sleep(seconds)
    finally:
        os.kill(pid, signal.SIGCONT)
    return time.monotonic() - began


def test_a_stall_is_seen_by_every_request_that_was_meant_for_it(
    requests: dict[ServiceKind, Path], redis: Endpoint
) -> None:
    """No coordinated omission: a stall of 400 ms delays rate * 0.4 s requests, though at most one a
    connection is in flight; a closed loop sees it once a connection. The machine may stall as well: more are
    delayed then, but not most of all."""
    assert redis.pid
    rate, connections, duration_s, limit_s = 4000, 20, 6, 0.04
    words = ["--duration", str(duration_s), "--warmup", "0.1", "--timeline-ms", "10"]
    words += ["--connections", str(connections)]
    results = []
    for mode in (("--rate", str(rate), "--arrivals", "uniform"), ("--closed",)):
        for _ in range(4):  # the machine may stand still for longer than it goes on
            before = redis_stat(redis, "total_commands_processed")
            started = time.monotonic()
            process = start(redis.port, requests[ServiceKind.REDIS], *mode, *words, *PATIENT)
            begun = before + 1000  # far more than these looks
            while process.poll() is None and redis_stat(redis, "total_commands_processed") < begun:
                pass
            time.sleep(0.6)  # past the warm-up, with 5 s to go
            stalled_s = stall(redis.pid, 0.4)
            in_time = time.monotonic() - started < duration_s  # all of it was in the window
            result = finished(process)
            if in_time:
                break
        assert in_time
        results.append((result, stalled_s))
    (opened, stalled_s), (closed, _) = results
    expected = rate * (stalled_s - limit_s)
    assert opened["sent"] == opened["received"]
    assert 0.8 * expected < opened.slower_than("latency", limit_s * 1e9) < 0.8 * opened["sent"]
    assert opened["held"] > 0.8 * expected - connections
    # what a client that waits for its turn would have reported
    assert opened.slower_than("service", limit_s * 1e9) < 0.5 * expected
    assert connections <= closed.slower_than("latency", limit_s * 1e9) < 0.5 * expected
    # the same in time: the slices of 10 ms that were meant for the stall are the slow ones
    offset, worst = opened.samples["timeline_offset"].values, opened.samples["timeline_worst"].values
    slow = offset[worst > limit_s * 1e9]
    assert 0.7 * (stalled_s - limit_s) < len(slow) * 0.01 < 0.8 * duration_s
    assert np.sum(opened.samples["timeline_answered"].values) == opened["received"]


def pinned(cpus: frozenset[int], *argv: str) -> str:
    words = ["taskset", "-c", ",".join(map(str, cpus)), *argv]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.replace("\r", "\n")


def native_rate(pattern: str, text: str) -> float:
    found = re.findall(pattern, text)
    assert found, text
    return float(found[-1])


def need(program: str) -> None:
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")


def best_ratio(endpoint: Endpoint, file: Path, cpus: frozenset[int], native: Callable[[], float]) -> float:
    """Our closed-loop rate over the native generator's, the best of each: a lost CPU only lowers a rate."""

    def ours() -> float:
        samples = run(LocalPlace(), endpoint, file, rate_per_s=None, duration_s=0.7, warmup_s=0.1, cpus=cpus)
        return one(samples, "rate")

    pairs = [(ours(), native()) for _ in range(ROUNDS)]
    print(
        f"{endpoint.kind}, ours / native: " + ", ".join(f"{a:.0f} / {b:.0f} = {a / b:.2f}" for a, b in pairs)
    )
    return max(a for a, _ in pairs) / max(b for _, b in pairs)


def test_as_fast_as_redis_benchmark(redis: Endpoint, requests: dict[ServiceKind, Path], cores: Cores) -> None:
    need("redis-benchmark")
    file = requests[ServiceKind.REDIS]
    words = ("-h", HOST, "-p", str(redis.port), "-t", "get", "-n", "30000", "-c", "50", "-q")

    def native() -> float:
        return native_rate(r"([\d.]+) requests per second", pinned(cores[1], "redis-benchmark", *words))

    assert best_ratio(redis, file, cores[1], native) >= 0.6


def test_as_fast_as_wrk(nginx: Endpoint, requests: dict[ServiceKind, Path], cores: Cores) -> None:
    need("wrk")
    url = f"http://{HOST}:{nginx.port}/page"

    def native() -> float:
        return native_rate(r"Requests/sec:\s+([\d.]+)", pinned(cores[1], "wrk", "-t1", "-c50", "-d1s", url))

    file = requests[ServiceKind.HTTP]
    assert best_ratio(nginx, file, cores[1], native) >= 0.6


def test_as_fast_as_dnsperf(
    nsd: Endpoint, requests: dict[ServiceKind, Path], cores: Cores, tmp_path: Path
) -> None:
    need("dnsperf")
    names = tmp_path / "names"
    names.write_text("".join(f"h{i}.kxbench.test A\n" for i in range(NAMES)))
    words = ("-s", HOST, "-p", str(nsd.port), "-d", str(names), "-c", "50", "-T", "1", "-q", "50", "-l", "1")

    def native() -> float:
        return native_rate(r"Queries per second:\s+([\d.]+)", pinned(cores[1], "dnsperf", *words))

    file = requests[ServiceKind.DNS]
    assert best_ratio(nsd, file, cores[1], native) >= 0.6


def test_a_sweep_finds_a_knee(redis: Endpoint, requests: dict[ServiceKind, Path], cores: Cores) -> None:
    told: list[str] = []

    def tell(what: str) -> None:
        told.append(what)

    samples = sweep(
        LocalPlace(),
        redis,
        requests[ServiceKind.REDIS],
        duration_s=0.4,
        warmup_s=0.1,
        per_decade=5,
        patience=1,
        cpus=cores[1],
        labels={"keys": 0},
        progress=tell,
    )
    tried = {int(s.labels["rate_per_s"]) for s in samples if "rate_per_s" in s.labels}
    capacity, knee = one(samples, "capacity"), one(samples, "knee_rate")
    assert knee == 0 or knee in tried
    assert len(told) == len(tried) + 1
    assert 0.1 * capacity <= min(tried) and max(tried) <= 2 * capacity
    assert {s.labels["keys"] for s in samples} == {0}
    assert len({s.series for s in samples}) == len(samples)
    assert all(s.source is Source.GENERATOR for s in samples)


def point(rate: int, p99: float, achieved: bool = True, saturated: bool = False) -> Point:
    return Point(rate, p99, achieved, saturated, ())


def test_what_is_sustained() -> None:
    points = [
        point(10, 500),
        point(20, 100),
        point(30, 999),
        point(40, 1001),
        point(50, 200, achieved=False),
        point(60, 1, saturated=True),
        point(70, 200),
        point(80, float("inf")),
    ]
    assert sustained(points, 10) == [True, True, True, False, False, False, True, False]


def test_rates_are_preferred_numbers() -> None:
    assert rates(900, 10000, 5) == [1000, 1600, 2500, 4000, 6300, 10000]
    assert len(rates(1000, 99999, 10)) == 20 and len(rates(1000, 99999, 20)) == 40
    with pytest.raises(UsageError):
        rates(1000, 10000, 7)
    with pytest.raises(UsageError):
        rates(0.1, 0.2, 10)


def test_run_labels_its_samples(redis: Endpoint, requests: dict[ServiceKind, Path], cores: Cores) -> None:
    samples = run(
        LocalPlace(),
        redis,
        requests[ServiceKind.REDIS],
        rate_per_s=500,
        duration_s=0.3,
        warmup_s=0.1,
        timeline_ms=50,
        cpus=cores[1],
        labels={"rate_per_s": 500},
    )
    assert {s.series for s in samples} >= {
        f"{name}{{rate_per_s=500}}@generator" for name in ("latency", "service", "lateness", "timeline_worst")
    }
    assert bool(doubts(samples)) == bool(one(samples, "saturated"))


def test_run_says_what_is_wrong(redis: Endpoint, requests: dict[ServiceKind, Path], tmp_path: Path) -> None:
    place, good = LocalPlace(), requests[ServiceKind.REDIS]
    nobody = Endpoint(ServiceKind.REDIS, HOST, free_port())
    with pytest.raises(TargetError, match="refused"):
        run(place, nobody, good, rate_per_s=100, duration_s=0.2)
    with pytest.raises(UsageError, match="connections"):
        run(place, redis, good, rate_per_s=100, connections=0)
    bad = tmp_path / "bad.req"
    bad.write_bytes(b"rubbish")
    with pytest.raises(UsageError, match="magic"):
        run(place, redis, bad, rate_per_s=100)
    encode_requests(bad, ServiceKind.REDIS, [b"*1\r\n$6\r\nNOSUCH\r\n"])
    with pytest.raises(TargetError, match=r"no good answer.*errors_reply"):
        run(place, redis, bad, rate_per_s=100, duration_s=0.2, warmup_s=0)


class Interrupted(LocalPlace):
    """Starts the generator and lets an exception be raised while it runs."""

    def __init__(self) -> None:
        self.started: list[subprocess.Popen[bytes]] = []

    def popen(self, *args: Any, **options: Any) -> "subprocess.Popen[bytes]":
        process = super().popen(*args, **options)
        self.started.append(process)
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        return process


def test_no_generator_is_left_after_an_interrupt(redis: Endpoint, requests: dict[ServiceKind, Path]) -> None:
    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    place = Interrupted()
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            run(place, redis, requests[ServiceKind.REDIS], rate_per_s=100, duration_s=30)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert [process.poll() is not None for process in place.started] == [True]


class Killing(LocalPlace):
    """Kills the generator as soon as it is started."""

    def popen(self, *args: Any, **options: Any) -> "subprocess.Popen[bytes]":
        process = super().popen(*args, **options)
        process.kill()
        return process


def test_a_killed_generator_fails_the_load(redis: Endpoint, requests: dict[ServiceKind, Path]) -> None:
    with pytest.raises(TargetError, match="signal 9"):
        run(Killing(), redis, requests[ServiceKind.REDIS], rate_per_s=100, duration_s=0.2)
