"""Numbers for people, and the reduction of samples to curves."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.headline import HEADLINES
from results.costs import series_words
from results.curves import curves_of, quantiles
from results.families import CALLED, FAMILIES, OTHER, called, family_of
from results.figures import parameters, words
from results.published import published
from results.references import load
from results.units import between, duration, quantity, ratio, scale
from tests.results.made_up import a_cell, some
from vocabulary import Better, Clock, Histogram, Metric, Outcome, Samples, Source


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (41250, "ns", "41.2 µs"),
        (95, "ns", "95 ns"),
        (95.4, "ns", "95.4 ns"),
        (999.6, "ns", "1\u202f000 ns"),
        (1e9, "ns", "1.00 s"),
        (7.2e13, "ns", "72\u202f000 s"),
        (-1530, "ns", "−1.53 µs"),
        (0, "ns", "0 ns"),
        (0.25, "ns", "0.250 ns"),
        (16 * 2**20, "bytes", "16.0 MiB"),
        (612, "bytes", "612 B"),
        (2.5e9, "bytes/s", "2.33 GiB/s"),
        (52_340, "ops/s", "52.3 k/s"),
        (3, "1", "3"),
        (5, "cycles", "5 cycles"),
        (float("nan"), "ns", "– ns"),
    ],
)
def test_quantities(value: float, unit: str, text: str) -> None:
    assert quantity(value, unit) == text


def test_requests_have_their_noun() -> None:
    assert quantity(52_340, "ops/s", "redis") == "52.3 k req/s"
    assert quantity(640, "ops/s", "dns") == "640 queries/s"


def test_intervals_have_the_unit_and_decimals_of_the_estimate() -> None:
    by = scale(41_250, "ns")
    assert between(999, 1_200_300, by, 41_250) == "1.0–1\u202f200.3"
    assert [ratio(r) for r in (1.0234, 0.5, 12.34, 0.0312, 234.5, float("inf"))] == [
        "1.023×", "0.50×", "12.3×", "0.031×", "234×", "–",
    ]  # fmt: skip
    assert [duration(s) for s in (4.25, 59.7, 185, 7800)] == [
        "4.2 s",
        "1 min 00 s",
        "3 min 05 s",
        "2 h 10 min",
    ]


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["ns", "bytes", "ops/s", "1", "?"]))
def test_any_number_has_a_text(value: float, unit: str) -> None:
    text = quantity(value, unit)
    number = text.split(" ")[0].replace("\u202f", "").replace("−", "-")
    by = scale(value, unit).size
    assert float(number) == pytest.approx(value / by, rel=0.006, abs=1e-9)


def test_families_take_kinds_by_beginning() -> None:
    assert [family_of(k).key for k in ("fork", "redis", "redis_bgsave", "null", "posix_mq")] == [
        "fork", "redis", "redis", "kernel", "ipc",
    ]  # fmt: skip
    assert family_of("forkbomb") is OTHER
    assert parameters("fork[dirty_mib=16,pages=default]", "fork") == "dirty_mib=16, pages=default"
    assert parameters("null", "null") == ""
    assert (
        words({"phase": "during", "rate_per_s": 20000, "tool": "wrk"}) == "during, at 20\u202f000/s, tool wrk"
    )


def test_headlines_have_the_words_of_the_command_line() -> None:
    assert {pair for family in FAMILIES for pair in family.headlines} <= set(CALLED)
    assert set(HEADLINES) <= set(CALLED)
    assert called("made_up", "some_thing") == "made up, some thing"


def test_series_in_words() -> None:
    assert series_words("latency{rate_per_s=10000}@generator") == "latency at 10\u202f000/s (generator)"
    assert series_words("throughput{op=get,tool=x}@native") == "throughput op get, tool x (native)"
    assert series_words("parent@program") == "parent"
    assert series_words("odd") == "odd"


def test_references_are_those_of_the_papers() -> None:
    found = load()
    table3 = {
        (r.event, r.system): published(r.low, r.high, r.unit)
        for r in found
        if r.where == "table 3" and r.low is not None and r.high is not None
    }
    assert table3["kill", "Linux process"] == "68 µs"
    assert table3["message queue", "KylinX pVM"] == "43 µs"
    assert table3["first contact, all five", "KylinX pVM"] == "232–256 µs"
    assert len(table3) == 11
    assert all(r.source and (r.words or r.low) for r in found)


def test_quantiles_weigh_deployments_by_their_counts() -> None:
    at = np.array([0, 0.25, 0.5, 0.75, 1])
    values = np.arange(1.0, 101)
    assert quantiles([values], [100], at).tolist() == [1, 25, 50, 75, 100]
    # ten values that stand for a thousand outweigh a hundred that stand for themselves
    assert quantiles([values, np.full(10, 7.0)], [100, 1000], at).tolist()[1:4] == [7, 7, 7]


def test_lines_pool_deployments_and_keep_their_envelope() -> None:
    random = np.random.default_rng(3)
    first, second = random.lognormal(0, 1, 50_000), random.lognormal(0.2, 1, 10_000)
    made = [(a_cell(0, block=0), [some(first)]), (a_cell(1, block=1), [some(second)])]
    [line] = curves_of(made).lines
    pooled = np.concatenate([first, second])
    assert line.count == 60_000 and line.deployments == 2 and line.at.size <= 400
    assert (line.pooled[0], line.pooled[-1]) == (pooled.min(), pooled.max())
    for share in (0.25, 0.5, 0.75):
        place = int(np.argmin(abs(line.at - share)))
        assert line.pooled[place] == pytest.approx(np.quantile(pooled, line.at[place]), rel=0.02)
    assert (line.low <= line.pooled).all() and (line.pooled <= line.high).all()


def test_histograms_make_lines_too() -> None:
    values = np.random.default_rng(3).lognormal(10, 0.5, 20_000)
    made = [(a_cell(0), [some([], histogram=Histogram.of(values))])]
    [line] = curves_of(made).lines
    assert line.count == 20_000
    assert np.interp(0.5, line.at, line.pooled) == pytest.approx(np.median(values), rel=0.0625)


def test_what_is_drawn() -> None:
    aside = Metric("lateness", "ns", Clock.MONOTONIC, Better.NEITHER)
    made = [
        (a_cell(0, block=-1), [some([1.0] * 9)]),  # warm-up
        (a_cell(1, outcome=Outcome.NOISY), [some([2.0] * 9)]),
        (a_cell(2, probes=("fork",)), [some([3.0] * 9), some([4.0] * 9, source=Source.PROBE, probe="fork")]),
        (a_cell(3), [some([5.0] * 9), some([6.0] * 9, metric=aside)]),
        (a_cell(4, {"dirty_mib": 1}, outcome=Outcome.NOISY), [some([7.0] * 9)]),
        (a_cell(5, {"dirty_mib": 2}, outcome=Outcome.FAILED), [some([8.0] * 9)]),
    ]
    assert {(line.series, float(line.pooled[0])) for line in curves_of(made).lines} == {
        ("parent@probe:fork", 4.0),
        ("parent@program", 5.0),
        ("parent@program", 7.0),  # all there is of its case
    }


def _rate(name: str, value: float, labels: Mapping[str, Any]) -> Samples:
    metric = Metric(name, "ns" if name == "latency" else "ops/s", Clock.MONOTONIC, Better.LOWER)
    return some([value] * 20, metric=metric, source=Source.GENERATOR, labels=labels)


def test_rate_curves_mark_who_could_not_keep_up() -> None:
    made = []
    for block in range(3):
        series = []
        for rate, answered, late in ((1000, 1000, 0), (2000, 1900, 0), (4000, 3000, 1)):
            labels = {"rate_per_s": rate}
            series += [
                _rate("latency", rate + block, labels),
                _rate("rate", answered, labels),
                _rate("saturated", late, labels),
            ]
        series.append(_rate("knee_rate", 1000 + block, {}))
        made.append((a_cell(block, block=block, kind="redis"), series))
    [curve] = curves_of(made).rates
    assert [(p.offered, p.p50, p.p50_range, p.reached, p.saturated) for p in curve.points] == [
        (1000, 1001, (1000, 1002), 1000, ""),
        (2000, 2001, (2000, 2002), 1900, "server"),
        (4000, 4001, (4000, 4002), 3000, "generator"),
    ]
    assert curve.knee == 1001
