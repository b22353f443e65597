"""The marker protocol: what is well formed is read, everything else is a TargetError."""

import copy
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vocabulary import Better, Clock, Histogram, Samples, Source, TargetError
from workloads import protocol
from workloads.protocol import BEGIN, END, parse, parse_with_params

METRIC: dict[str, Any] = {
    "name": "parent",
    "unit": "ns",
    "better": "lower",
    "labels": {},
    "samples": [41250, 39870.5],
}
BODY: dict[str, Any] = {
    "schema": 1,
    "program": "fork",
    "clock": "monotonic",
    "params": {"dirty_mib": 16, "pages": "huge"},
    "metrics": [METRIC],
}


def wrap(body: object) -> str:
    return f"{BEGIN}\n{body if isinstance(body, str) else json.dumps(body)}\n{END}\n"


def changed(*path: str | int, to: object) -> dict[str, Any]:
    body = copy.deepcopy(BODY)
    at: Any = body
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = to
    return body


def with_metric(**fields: object) -> dict[str, Any]:
    return changed("metrics", 0, to={**METRIC, **fields})


def refused(text: str, program: str = "fork") -> TargetError:
    with pytest.raises(TargetError) as caught:
        parse(text, program)
    assert f"output of {program}" in caught.value.where
    assert caught.value.remedy
    assert len(str(caught.value)) < 1000
    return caught.value


def test_reads_what_is_in_the_architecture_page() -> None:
    (samples,), params = parse_with_params(wrap(BODY), "fork")
    assert samples.metric.name == "parent"
    assert samples.metric.unit == "ns"
    assert samples.metric.clock is Clock.MONOTONIC
    assert samples.metric.better is Better.LOWER
    assert samples.source is Source.PROGRAM
    assert samples.values.tolist() == [41250, 39870.5]
    assert samples.values.dtype == np.float64
    assert samples.histogram is None
    assert params == {"dirty_mib": 16, "pages": "huge"}


def test_console_around_the_markers_is_left_alone() -> None:
    text = "booting\n\x1b[31m{not json}\n" + wrap(BODY).replace("\n", "\r\n") + "bye @@KXBENCH END@@ \n"
    assert len(parse(text, "fork")) == 1


def test_histogram_summary_sign_and_labels() -> None:
    metrics = [
        {**METRIC, "labels": {"rate_per_s": 20000, "probed": True}, "histogram": {"0": 2, "975": 1}},
        {**METRIC, "name": "lateness", "signed": True, "samples": [-5], "summary": "behind schedule"},
    ]
    metrics[0].pop("samples")
    latency, lateness = parse(wrap(changed("metrics", to=metrics)), "fork", source=Source.GENERATOR)
    assert latency.values.shape == (0,)
    assert latency.histogram == Histogram.from_sparse({0: 2, 975: 1})
    assert latency.series == "parent{probed=True,rate_per_s=20000}@generator"
    assert lateness.values.tolist() == [-5]
    assert lateness.metric.summary == "behind schedule"


@pytest.mark.parametrize(
    ("unit", "clock"),
    [
        ("ns", Clock.TSC),
        ("bytes/s", Clock.TSC),
        ("ops/s", Clock.TSC),
        ("bytes", Clock.NONE),
        ("1", Clock.NONE),
    ],
)
def test_clock_is_that_of_the_object_where_time_is_in_the_unit(unit: str, clock: Clock) -> None:
    body = with_metric(unit=unit) | {"clock": "tsc"}
    assert parse(wrap(body), "fork")[0].metric.clock is clock


MARKERS = {
    "nothing": ("", "no line @@KXBENCH BEGIN@@"),
    "no end": (wrap(BODY).replace(END, ""), "it is truncated"),
    "no begin": (wrap(BODY).replace(BEGIN, ""), "no line @@KXBENCH BEGIN@@"),
    "two": (wrap(BODY) * 2, "2 lines"),
    "two begins": (f"{BEGIN}\n" + wrap(BODY), "2 lines @@KXBENCH BEGIN@@"),
    "reversed": (f"{END}\n{json.dumps(BODY)}\n{BEGIN}\n", "comes before"),
    "on one line": (wrap(BODY).replace("\n", " "), "no line"),
    "empty between": (f"{BEGIN}\n{END}\n", "not JSON"),
}


@pytest.mark.parametrize("name", MARKERS)
def test_markers(name: str) -> None:
    text, message = MARKERS[name]
    assert message in str(refused(text))


NAN, INFINITY = float("nan"), float("inf")
HOSTILE: dict[str, tuple[object, str]] = {
    "cut short": (json.dumps(BODY)[:-10], "not JSON"),
    "a second object": (json.dumps(BODY) * 2, "not JSON"),
    "deep lists": ("[" * 200_000, "nested too deep"),
    "deep objects": ('{"a":' * 200_000, "nested too deep"),
    "an endless number": ('{"schema": ' + "9" * 5000 + "}", "not JSON"),
    "key twice": (json.dumps(BODY)[:-1] + ', "schema": 1}', "'schema' occurs twice"),
    "inner key twice": (json.dumps(BODY).replace('"unit"', '"name": "x", "unit"'), "'name' occurs twice"),
    "not an object": ([BODY], "not an object"),
    "null": ("null", "not an object"),
    "a key less": ({k: v for k, v in BODY.items() if k != "clock"}, "'clock' is missing"),
    "a key more": (BODY | {"extra": 1}, "unknown key 'extra'"),
    "other schema": (changed("schema", to=2), "schema: 2 is not 1"),
    "schema true": (changed("schema", to=True), "schema: True is not 1"),
    "schema as a float": (changed("schema", to=1.0), "schema: 1.0 is not 1"),
    "other program": (changed("program", to="pipe"), "'pipe' is not 'fork'"),
    "unknown clock": (changed("clock", to="sundial"), "'sundial' is none of monotonic"),
    "clock a list": (changed("clock", to=["monotonic"]), "is none of"),
    "params a list": (changed("params", to=[]), "params: not an object"),
    "params nested": (changed("params", "pages", to={}), "params.pages"),
    "params NaN": (changed("params", "pages", to=NAN), "NaN is not a JSON number"),
    "params huge": (changed("params", "pages", to=10**400), "params.pages"),
    "params long": (changed("params", "pages", to="x" * 5000), "params.pages"),
    "params escape": (changed("params", "pages", to="\x1b[2J"), "params.pages"),
    "params key": (changed("params", to={"A b": 1}), "is not a name"),
    "params many": (changed("params", to={f"p{i}": i for i in range(65)}), "at most 64 keys"),
    "no metrics": (changed("metrics", to=[]), "metrics: not a list of 1"),
    "metrics an object": (changed("metrics", to={}), "metrics: not a list of 1"),
    "metric a string": (changed("metrics", 0, to="parent"), "metrics[0]: not an object"),
    "metric key more": (with_metric(count=2), "unknown key 'count'"),
    "metric twice": (
        changed("metrics", to=[METRIC, METRIC]),
        "metrics[1]: series parent@program occurs",
    ),
    "name": (with_metric(name="Parent time"), "metrics[0].name: 'Parent time' is not a name"),
    "name empty": (with_metric(name=""), "is not a name"),
    "name long": (with_metric(name="n" * 65), "is not a name"),
    "name with a line": (with_metric(name="parent\n"), "is not a name"),
    "unit": (with_metric(unit="ms"), "metrics[0] (parent).unit: 'ms' is none of ns"),
    "better": (with_metric(better="up"), "'up' is none of lower"),
    "signed": (with_metric(signed=1), "signed: not true or false"),
    "summary lines": (with_metric(summary="a\nb"), "not one printable line"),
    "summary long": (with_metric(summary="a" * 501), "not one printable line"),
    "labels a list": (with_metric(labels=[]), "labels: not an object"),
    "label breaks series": (with_metric(labels={"a": "1,b=2"}), "does not fit a label"),
    "label null": (with_metric(labels={"a": None}), "labels.a"),
    "no values": ({**BODY, "metrics": [{k: v for k, v in METRIC.items() if k != "samples"}]}, "neither"),
    "samples empty": (with_metric(samples=[]), "samples: not a list of 1"),
    "samples a number": (with_metric(samples=1), "samples: not a list"),
    "sample NaN": (with_metric(samples=[1, NAN]), "NaN is not a JSON number"),
    "sample Infinity": (with_metric(samples=[INFINITY]), "Infinity is not a JSON number"),
    "sample -Infinity": (with_metric(samples=[-INFINITY]), "-Infinity is not a JSON number"),
    "sample 1e999": (json.dumps(BODY).replace("41250", "1e999"), "a number too large"),
    "sample a long integer": (with_metric(samples=[10**400]), "a number too large"),
    "sample negative": (with_metric(samples=[3, -1]), "a negative number, -1"),
    "sample a string": (with_metric(samples=["1"]), "is not a number"),
    "sample true": (with_metric(samples=[True]), "is not a number"),
    "sample null": (with_metric(samples=[None]), "is not a number"),
    "sample a list": (with_metric(samples=[[1]]), "is not a number"),
    "histogram empty": (with_metric(histogram={}), "not an object of bins"),
    "histogram a list": (with_metric(histogram=[1]), "not an object of bins"),
    "bin too high": (with_metric(histogram={"976": 1}), "'976' is not a bin"),
    "bin negative": (with_metric(histogram={"-1": 1}), "'-1' is not a bin"),
    "bin with zeros": (with_metric(histogram={"01": 1}), "'01' is not a bin"),
    "bin in other digits": (with_metric(histogram={"\u0661": 1}), "is not a bin"),
    "count negative": (with_metric(histogram={"1": -1}), "has a count of -1"),
    "count a float": (with_metric(histogram={"1": 1.5}), "has a count of 1.5"),
    "count true": (with_metric(histogram={"1": True}), "has a count of True"),
    "count too large": (with_metric(histogram={"1": 2**54}), "has a count of"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name: str) -> None:
    body, message = HOSTILE[name]
    assert message in str(refused(wrap(body)))


def test_sizes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "MOST_SAMPLES", 1)
    assert "1 to 1 numbers" in str(refused(wrap(BODY)))
    monkeypatch.setattr(protocol, "MOST_METRICS", 0)
    assert "1 to 0 metrics" in str(refused(wrap(BODY)))
    monkeypatch.setattr(protocol, "MOST_CHARACTERS", 10)
    assert "over 10" in str(refused(wrap(BODY)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
PLACES = [
    *([key] for key in BODY),
    *(["metrics", 0, key] for key in (*METRIC, "histogram", "signed", "summary")),
    ["metrics", 0],
    ["metrics", 0, "samples", 1],
    ["params", "pages"],
]


def accepted_or_refused(text: str) -> None:
    """Either well-formed Samples or a TargetError; nothing else gets out."""
    try:
        found = parse(text, "fork")
    except TargetError:
        return
    assert found
    for samples in found:
        assert isinstance(samples, Samples)
        assert np.isfinite(samples.values).all()
        assert samples.values.size or samples.histogram is not None


@settings(max_examples=300)
@given(st.text(max_size=400))
def test_any_text(text: str) -> None:
    accepted_or_refused(text)
    accepted_or_refused(wrap(text.replace("\n", " ")))


@settings(max_examples=500)
@given(st.sampled_from(PLACES), JSON)
def test_any_value_in_any_place(place: list[str | int], value: object) -> None:
    accepted_or_refused(wrap(changed(*place, to=value)))


@settings(max_examples=300)
@given(st.integers(0, len(wrap(BODY))), st.integers(0, 30), st.text(max_size=10))
def test_any_damage(at: int, length: int, instead: str) -> None:
    text = wrap(BODY)
    accepted_or_refused(text[:at] + instead + text[at + length :])


@given(st.integers(0, len(wrap(BODY)) - 2))
def test_any_truncation_is_refused(at: int) -> None:
    refused(wrap(BODY)[:at])


@given(st.lists(st.floats(0, 1e300) | st.integers(0, 2**63), min_size=1, max_size=50))
def test_values_come_through_unchanged(values: list[float]) -> None:
    (samples,) = parse(wrap(with_metric(samples=values)), "fork")
    assert samples.values.tolist() == [float(value) for value in values]


STATISTICS = {"count": 5, "min": 1, "q1": 2, "median": 3, "q3": 4, "max": 10, "mean": 4, "stddev": 3}


def with_statistics(**fields: object) -> dict[str, Any]:
    return with_metric(samples=[10, 1, 3, 2, 4], statistics={**STATISTICS, **fields})


@pytest.mark.parametrize(
    "fields", [{}, {"stddev": 3.1623}, {"stddev": 3.5355}, {"q1": 1.5, "q3": 7}, {"mean": 4.4}]
)
def test_statistics_that_are_those_of_the_samples(fields: dict[str, object]) -> None:
    (samples,) = parse(wrap(with_statistics(**fields)), "fork")
    assert samples.values.tolist() == [10, 1, 3, 2, 4]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"count": 4}, "count: 4 is not that of the samples"),
        ({"min": 0}, "min: 0 is not"),
        ({"max": 11}, "max: 11 is not"),
        ({"median": 4.5}, "median: 4.5 is not"),
        ({"mean": 6}, "mean: 6 is not"),
        ({"stddev": 0}, "stddev: 0 is not"),
        ({"q1": "1"}, "q1: '1' is not a number"),
        ({"q3": True}, "q3: True is not a number"),
        ({"mode": 1}, "unknown key 'mode'"),
    ],
)
def test_statistics_of_something_else(fields: dict[str, object], told: str) -> None:
    assert told in str(refused(wrap(with_statistics(**fields))))


def test_statistics_without_samples() -> None:
    body = with_metric(statistics=STATISTICS, histogram={"1": 5})
    del body["metrics"][0]["samples"]
    assert "without samples" in str(refused(wrap(body)))


def test_statistics_of_a_single_sample() -> None:
    told = dict.fromkeys(STATISTICS, 7) | {"count": 1, "stddev": 0}
    assert parse(wrap(with_metric(samples=[7], statistics=told)), "fork")[0].values.tolist() == [7]


def test_instructions_are_counted_by_their_clock() -> None:
    body = {**with_metric(unit="instructions"), "clock": "icount"}
    assert parse(wrap(body), "fork")[0].metric.clock is Clock.ICOUNT
    assert "clock icount, not monotonic" in str(refused(wrap(with_metric(unit="instructions"))))
    counts = {**with_metric(unit="1/30s"), "clock": "icount"}
    assert parse(wrap(counts), "fork")[0].metric.clock is Clock.ICOUNT
