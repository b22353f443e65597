"""Every kind of case end to end on the real servers, with tiny durations."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.workloads.services.conftest import Observed, Run, value
from vocabulary import CaseContext, Deployment, Endpoint, Samples, Source, TargetError
from workloads import CASES, case_kind
from workloads.http_load.pages import name_of, pages
from workloads.redis_load import bgsave
from workloads.redis_load.cases import encode
from workloads.redis_load.dataset import connection

LOADS = [
    ("redis", {"keys": 100}, "redis-benchmark", {"op": "get"}),
    ("http", {"page_bytes": 65536, "rate_per_s": 500}, "wrk", {}),
    ("dns", {"names": 200}, "dnsperf", {}),
]
SHORT = {"duration_s": 0.1, "warmup_s": 0.02, "connections": 4}
NATIVE_S = 1.5  # it has begun to care for its interrupt, and has answers, on a busy machine too


@pytest.mark.root
@pytest.mark.parametrize(("name", "params", "tool", "labels"), LOADS)
def test_load(
    run: Run, observed: Observed, name: str, params: dict[str, Any], tool: str, labels: dict[str, str]
) -> None:
    samples = run(name, **{"rate_per_s": 1000, **SHORT, **params}, native_s=NATIVE_S)
    rate = params.get("rate_per_s", 1000)
    assert value(samples, "received", rate_per_s=rate) > 0
    for loss in ("errors_reply", "errors_malformed", "errors_reset", "timeouts", "unanswered"):
        assert value(samples, loss, rate_per_s=rate) == 0
    assert value(samples, "saturated", rate_per_s=rate) in (0, 1)
    assert value(samples, "throughput", tool=tool, **labels) > 0
    assert value(samples, "errors", tool=tool, **labels) == 0
    assert [e.kind.value for e in observed.endpoints if e] == [name]
    assert observed.open_now == 0
    _unique(samples)


@pytest.mark.root
def test_several_rates_are_told_apart_and_native_can_be_left_out(run: Run, observed: Observed) -> None:
    samples = run(
        "redis", keys=10, rate_per_s=[500, 1000], native_s=0, get_ratio=0, features=["ping"], **SHORT
    )
    assert value(samples, "offered_rate", rate_per_s=1000) > value(samples, "offered_rate", rate_per_s=500)
    assert {s.source for s in samples} == {Source.GENERATOR}
    assert len(observed.endpoints) == 1


@pytest.mark.root
def test_a_mixture_is_checked_by_both_operations(run: Run) -> None:
    samples = run("redis", keys=0, get_ratio=0.5, pipeline=4, rate_per_s=1000, native_s=NATIVE_S, **SHORT)
    assert {s.labels["op"] for s in samples if s.metric.name == "throughput"} == {"get", "set"}


@pytest.mark.root
def test_rate_above_what_can_be_done_ends(run: Run) -> None:
    start = time.monotonic()
    for rate_per_s in (500_000, 5_000_000):  # of the latter the warm-up's backlog may fill the whole window
        samples = run("redis", keys=10, rate_per_s=rate_per_s, native_s=0, **SHORT)
        assert value(samples, "rate") < rate_per_s
        assert value(samples, "behind") == 1
    assert time.monotonic() - start < 100


@pytest.mark.root
@pytest.mark.parametrize(
    ("name", "params"), [("redis_sweep", {"keys": 10}), ("http_sweep", {}), ("dns_sweep", {"names": 10})]
)
def test_sweep(run: Run, observed: Observed, name: str, params: dict[str, Any]) -> None:
    samples = run(name, **SHORT, **params, per_decade=5, lowest_share=0.02, highest_share=0.5)
    assert value(samples, "capacity") > 0
    assert value(samples, "knee_limited") in (0, 1)
    rates = {s.labels["rate_per_s"] for s in samples if s.metric.name == "latency"}
    assert len(rates) > 1
    assert len(observed.endpoints) == 1
    _unique(samples)


@pytest.mark.root
@pytest.mark.parametrize("keys", [0, 1000])
def test_bgsave(run: Run, observed: Observed, keys: int) -> None:
    samples = run("redis_bgsave", keys=keys, duration_s=0.2, rate_per_s=500)
    by_name = {s.metric.name: s for s in samples if not s.labels}
    saves = by_name["save"].values
    assert saves.size >= 1
    assert {by_name[name].values.size for name in ("fork", "copied", "save_reply")} == {saves.size}
    assert (by_name["fork"].values > 0).all() and by_name["fork"].source is Source.PROGRAM
    assert (by_name["fork"].values < saves).all()
    assert (by_name["save_reply"].values < saves).all()
    assert 0 < value(samples, "save_share") <= 1
    for phase in ("before", "during"):
        assert value(samples, "received", phase=phase) > 0
    assert len(observed.endpoints) == 1
    _unique(samples)


@pytest.mark.root
def test_bgsave_that_fails_is_told(deployment: Deployment, context: CaseContext, tmp_path: Path) -> None:
    @contextmanager
    def sabotaged(_: Endpoint | None) -> Iterator[None]:
        """A directory stands where the snapshot is to be."""
        for config in tmp_path.rglob("redis.conf"):
            (config.parent / "dump.rdb" / "full").mkdir(parents=True)
        yield

    kind = case_kind("redis_bgsave")
    params = kind.params.model_validate({"duration_s": 0.2})
    with pytest.raises(TargetError, match="BGSAVE ended with an error"):
        kind.run(params, deployment, replace(context, observed=sabotaged))


@pytest.mark.root
def test_bgsave_that_does_not_end_is_told(
    deployment: Deployment, context: CaseContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def slowed(endpoint: Endpoint | None) -> Iterator[None]:
        """The server's own switch for tests: 1 s a key."""
        assert endpoint
        with connection(context.place, endpoint) as raw:
            raw.sendall(encode(b"CONFIG", b"SET", b"rdb-key-save-delay", b"1000000"))
            assert raw.recv(64) == b"+OK\r\n"
        yield

    monkeypatch.setattr(bgsave, "_LAST_SAVE_WITHIN_S", 0.4)
    kind = case_kind("redis_bgsave")
    params = kind.params.model_validate({"duration_s": 0.2})
    with pytest.raises(TargetError, match="BGSAVE is not over after"):
        kind.run(params, deployment, replace(context, observed=slowed))


@pytest.mark.root
def test_wrong_server_is_not_timed(run: Run, observed: Observed, cache: Path) -> None:
    page = pages(cache, 77).root / name_of(612)
    page.write_bytes(page.read_bytes()[::-1])
    with pytest.raises(TargetError, match="HTTP check 'get: every page'"):
        run("http", data_seed=77, **SHORT)
    assert observed.endpoints == []


@pytest.mark.root
def test_agreement_of_redis(run: Run) -> None:
    samples = run("agreement_redis", keys=100, rounds=2, duration_s=2, connections=8)
    by_name = {s.metric.name: s.values for s in samples}
    assert {name: values.size for name, values in by_name.items()} == {
        **dict.fromkeys(("suite", "alone", "closed_rate", "suite_to_alone", "closed_to_alone"), 2)
    }
    assert all((values > 0).all() for values in by_name.values())


@pytest.mark.root
def test_agreement_of_fork(run: Run) -> None:
    samples = run("agreement_fork", rounds=3, forks=50)
    by_name = {s.metric.name: s.values for s in samples}
    assert by_name["suite"].size == by_name["alone"].size == 150
    assert by_name["suite_to_alone"].size == 3


@pytest.mark.root
def test_locust_master_and_workers(run: Run, observed: Observed) -> None:
    samples = run("locust", users=2, workers=2, duration_s=6)
    for service in ("redis", "http", "dns"):
        assert value(samples, "users_requests", service=service) > 0
        assert value(samples, "users_failures", service=service) == 0
        assert value(samples, "users_throughput", service=service) > 0
    assert not [s for s in samples if s.metric.unit == "ns"], "locust's latencies are whole milliseconds"
    assert len(observed.endpoints) == 1
    _unique(samples)


def _unique(samples: list[Samples]) -> None:
    series = [s.series for s in samples]
    assert len(series) == len(set(series))


@pytest.mark.parametrize("name", CASES)
def test_every_kind_is_described(name: str) -> None:
    kind = case_kind(name)
    assert kind.name == name
    assert kind.summary and kind.needs and kind.missing() == ""
    kind.params.model_validate({})
    for field in kind.params.model_fields.values():
        assert field.description
    with pytest.raises(ValidationError):
        kind.params.model_validate({"no_such_parameter": 1})


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("redis", {"keys": 1_000_001}),
        ("redis", {"keys": -1}),
        ("redis", {"keys": 1_000_000, "value_bytes": 1 << 20}),
        ("redis", {"rate_per_s": []}),
        ("redis", {"rate_per_s": 0}),
        ("redis", {"features": ["nosuch"]}),
        ("redis", {"get_ratio": 1.5}),
        ("http", {"page_bytes": 613}),
        ("http", {"connections": 0}),
        ("dns", {"names": 5}),
        ("dns", {"duration_s": float("nan")}),
        ("redis_bgsave", {"duration_s": 0}),
        ("agreement_redis", {"get_ratio": 0.5}),
        ("locust", {"workers": 0}),
    ],
)
def test_limits_of_parameters(name: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        case_kind(name).params.model_validate(wrong)
