"""The parsers of native generators, on what the generators really print and on what they must not believe;
and the runner that bounds them."""

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from targets.lab import Lab
from vocabulary import Deployment, Endpoint, Service, ServiceKind, Source, TargetError
from workloads.dns_load.zone import ORIGIN, zone
from workloads.http_load.pages import name_of, pages
from workloads.native import dnsperf, program, redis_benchmark, wrk

REDIS = (
    '"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms",'
    '"max_latency_ms"\n"SET","96153.84","0.289","0.088","0.263","0.495","0.743","1.959"\n'
    '"GET","81967.21","0.323","0.096","0.287","0.439","0.559","4.615"\n'
)
WRK = (
    "Running 62s test @ http://10.0.0.2:80/page-612.html\n  1 threads and 16 connections\n"
    '@@WRK@@ {"requests": 45033, "duration_us": 500130, "bytes": 38325000, "errors": {"connect": 0, '
    '"read": 0, "write": 1, "status": 2, "timeout": 3}, "latency_us": {"mean": 93.040, "min": 12, '
    '"p50": 79, "p95": 150, "p99": 193, "max": 2820}}\n'
)
DNS = """DNS Performance Testing Tool
Version 2.10.0

[Status] Command line: dnsperf -s 10.0.0.2 -p 53 -d queries.txt
[Status] Testing complete (interruption)

Statistics:

  Queries sent:         40100
  Queries completed:    40000 (99.75%)
  Queries lost:         60 (0.15%)
  Queries interrupted:  40 (0.10%)

  Response codes:       NOERROR 39000 (97.50%), NXDOMAIN 900 (2.25%), SERVFAIL 100 (0.25%)
  Average packet size:  request 37, response 60
  Run time (s):         0.400000
  Queries per second:   100000.000000

  Average Latency (s):  0.000315 (min 0.000013, max 0.002097)
  Latency StdDev (s):   0.000100

"""


def test_redis_benchmark_text() -> None:
    put, get = redis_benchmark.parse(REDIS, ["set", "get"])
    assert (put.rate_per_s, get.rate_per_s) == (96153.84, 81967.21)
    assert get.latency_ns["p99"] == pytest.approx(559_000) and get.latency_ns["mean"] == pytest.approx(
        323_000
    )
    assert get.labels == {"op": "get"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Could not connect to Redis at 127.0.0.1:17009: Connection refused\n",
        REDIS.replace("rps", "requests"),
        REDIS.replace('"GET"', '"PUT"'),
        REDIS + '"GET","1","1","1","1","1","1","1"\n',
        REDIS + "Error from server: ERR unknown command\n",
        REDIS.replace("81967.21", "nan"),
        REDIS.replace("81967.21", "inf"),
        REDIS.replace("81967.21", "-1"),
        REDIS.replace("81967.21", "0.00"),
        REDIS.replace("81967.21", "٣"),
        REDIS.replace(',"4.615"', ""),
        REDIS[: len(REDIS) // 2],
    ],
)
def test_redis_benchmark_hostile_text(text: str) -> None:
    with pytest.raises(TargetError, match="redis-benchmark printed what is not understood"):
        redis_benchmark.parse(text, ["set", "get"])


def test_wrk_text() -> None:
    told = wrk.parse(WRK)
    assert told.rate_per_s == pytest.approx(45033 / 0.50013)
    assert told.errors == 6
    assert told.latency_ns["p99"] == 193_000 and told.latency_ns["mean"] == pytest.approx(93_040)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "unable to connect to 127.0.0.1:17088 Connection refused\n",
        WRK + WRK,
        WRK.replace("45033", "0"),
        WRK.replace("45033", "-1"),
        WRK.replace("45033", '"45033"'),
        WRK.replace("45033", "1e400"),
        WRK.replace("93.040", "nan"),
        WRK.replace("93.040", "-nan"),
        WRK.replace('"bytes": 38325000, ', ""),
        WRK.replace('"bytes": 38325000', '"bytes": 38325000, "more": 1'),
        WRK.replace("}}\n", "}"),
        WRK.replace("500130", "0"),
    ],
)
def test_wrk_hostile_text(text: str) -> None:
    with pytest.raises(TargetError, match="wrk printed what is not understood"):
        wrk.parse(text)


def test_dnsperf_text() -> None:
    told = dnsperf.parse(DNS)
    assert told.rate_per_s == 100_000
    assert told.errors == 160  # lost and SERVFAIL; not those in flight when it was interrupted
    assert told.latency_ns == pytest.approx({"mean": 315_000, "min": 13_000, "max": 2_097_000})


@pytest.mark.parametrize(
    "text",
    [
        "",
        DNS.replace("Statistics:", ""),
        DNS.replace("40000 (99.75%)", "0 (0.00%)"),
        DNS.replace("40000 (99.75%)", "50000 (99.75%)"),
        DNS.replace("40000 (99.75%)", "x (99.75%)"),
        DNS.replace("Queries per second:   100000", "Queries per second:   200000"),
        DNS.replace("Queries per second:", "Queries per fortnight:"),
        DNS.replace("NOERROR 39000", "NOERROR 38000"),
        DNS.replace("  Response codes:", "  Codes:"),
        DNS.replace("Run time (s):         0.4", "Run time (s):         inf"),
        DNS.replace("(min 0.000013,", "(min nan,"),
        DNS.replace("  Queries sent", "  Queries sent: 1\n  Queries sent"),
        DNS[:-200],
    ],
)
def test_dnsperf_hostile_text(text: str) -> None:
    with pytest.raises(TargetError, match="dnsperf printed what is not understood"):
        dnsperf.parse(text)


@given(st.sampled_from([REDIS, WRK, DNS]), st.data())
def test_altered_text_is_either_understood_or_refused(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    until = data.draw(st.integers(at, min(at + 8, len(text))))
    text = text[:at] + data.draw(st.text(max_size=4)) + text[until:]
    for parse in (lambda: redis_benchmark.parse(text, ["set", "get"]), lambda: [wrk.parse(text)]):
        _understood_or_refused(parse)
    _understood_or_refused(lambda: [dnsperf.parse(text)])


def _understood_or_refused(parse) -> None:  # type: ignore[no-untyped-def]
    try:
        told = parse()
    except TargetError:
        return
    for one in told:
        assert one.rate_per_s > 0 and np.isfinite(one.rate_per_s) and one.errors >= 0
        assert all(np.isfinite(v) and v >= 0 for v in one.latency_ns.values())


def test_told_as_samples() -> None:
    samples = redis_benchmark.parse(REDIS, ["set", "get"])[1].samples()
    series = {s.series: float(s.values[0]) for s in samples}
    assert series["throughput{op=get,tool=redis-benchmark}@native"] == 81967.21
    assert series["errors{op=get,tool=redis-benchmark}@native"] == 0
    assert series["closed_latency{op=get,statistic=p99,tool=redis-benchmark}@native"] == pytest.approx(
        559_000
    )
    assert {s.source for s in samples} == {Source.NATIVE}


@pytest.mark.root
class TestReal:
    def test_redis_benchmark(self, deployment: Deployment, lab: Lab) -> None:
        with deployment.serve(Service(ServiceKind.REDIS)) as endpoint:
            told = redis_benchmark.run(
                lab.place,
                endpoint,
                ["get", "set"],
                duration_s=0.1,
                connections=4,
                pipeline=4,
                keys=100,
                value_bytes=32,
                cpus=(),
            )
        assert [one.labels["op"] for one in told] == ["get", "set"]
        assert all(one.rate_per_s > 0 for one in told)

    def test_wrk_and_its_count_of_errors(self, deployment: Deployment, lab: Lab, cache: Path) -> None:
        site = pages(cache, 1)
        with deployment.serve(Service(ServiceKind.HTTP, site.root)) as endpoint:
            right = wrk.run(lab.place, endpoint, name_of(612), duration_s=1.5, connections=4, cpus=())
            wrong = wrk.run(lab.place, endpoint, "absent.html", duration_s=1.5, connections=4, cpus=())
        assert right.errors == 0 and right.rate_per_s > 0
        assert wrong.errors > 0

    def test_dnsperf_and_its_count_of_errors(
        self, deployment: Deployment, lab: Lab, cache: Path, tmp_path: Path
    ) -> None:
        made = zone(cache, 1, 1000)
        right, wrong = tmp_path / "right", tmp_path / "wrong"
        right.write_text("".join(f"{owner} {kind}\n" for owner, kind in made.names) + f"no.{ORIGIN} A\n")
        wrong.write_text("kxbench.example. A\n")  # REFUSED
        with deployment.serve(Service(ServiceKind.DNS, made.directory)) as endpoint:

            def run(queries: Path) -> program.Told:
                return dnsperf.run(
                    lab.place, endpoint, queries, duration_s=1.5, connections=2, outstanding=20, cpus=()
                )

            assert run(right).errors == 0
            assert run(wrong).errors > 0

    @pytest.mark.parametrize("tool", ["redis-benchmark", "wrk"])
    def test_nobody_there_is_an_error_in_bounded_time(self, lab: Lab, tool: str) -> None:
        nobody = Endpoint(ServiceKind.REDIS, "127.0.0.1", 7999)
        start = time.monotonic()
        argv = {
            "redis-benchmark": redis_benchmark.arguments(
                nobody, "get", requests=10, connections=1, pipeline=1, keys=1, value_bytes=1
            ),
            "wrk": ["wrk", "-d", "60s", "http://127.0.0.1:7999/"],
        }[tool]
        with pytest.raises(TargetError, match=f"{tool} (did not end|ended with)"):
            program.run(lab.place, argv, cpus=(), limit_s=1)
        assert time.monotonic() - start < 30

    def test_program_that_ignores_the_interrupt_is_killed(self, lab: Lab) -> None:
        deaf = ["sh", "-c", "trap '' INT; echo begun; exec sleep 60"]  # deaf well before the 3 s are over
        before = set(lab.place.pids())
        with pytest.raises(TargetError, match=r"did not end within 0\.2 s") as seen:
            program.run(lab.place, deaf, cpus=(), limit_s=0.2, interrupt_after_s=3)
        assert "begun" in seen.value.console
        assert set(lab.place.pids()) <= before

    def test_program_that_fails_tells_its_last_words(self, lab: Lab) -> None:
        with pytest.raises(TargetError, match="sh ended with 3") as seen:
            program.run(lab.place, ["sh", "-c", "echo last words >&2; exit 3"], cpus=(), limit_s=5)
        assert "last words" in seen.value.console

    def test_output_is_bounded(self, lab: Lab) -> None:
        text = program.run(lab.place, ["sh", "-c", "yes | head -c 9000000"], cpus=(), limit_s=20)
        assert len(text) == 4 << 20


def test_missing_program_names_its_package() -> None:
    assert "apt-get install nosuch" in program.missing("kxbench-no-such-program", "nosuch")
