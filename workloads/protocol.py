"""The marker protocol: what a micro program or the generator prints, checked before it is believed.

One JSON object between two marker lines (docs/architecture.md); anything else on standard output is console.
Every departure from the form is a TargetError that names the program and the place in the object.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from vocabulary import Better, Clock, Histogram, Metric, Samples, Source, TargetError
from vocabulary.histogram import BINS

BEGIN, END = "@@KXBENCH BEGIN@@", "@@KXBENCH END@@"
SCHEMA = 1
MOST_CHARACTERS = 256 << 20
MOST_METRICS = 4096
MOST_SAMPLES = 2_000_000
MOST_COUNT = 2**53
MOST_TEXT = 4096
MOST_SCALAR = 2.0**63
UNITS = ("ns", "bytes", "bytes/s", "ops/s", "1", "instructions", "1/30s")
_TIMED_UNITS = ("ns", "bytes/s", "ops/s", "instructions", "1/30s")  # the others are no durations: Clock.NONE
_STATISTICS = ("count", "min", "q1", "median", "q3", "max", "mean", "stddev")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LABEL_TEXT = re.compile(r"[A-Za-z0-9_.:/+-]{1,64}")  # a series' identity is made of them

Label = str | int | float | bool


class _Reader:
    """Checks one object; ``where`` of its errors is program and path."""

    def __init__(self, program: str) -> None:
        self.program = program

    def fail(self, what: str, at: str = "") -> NoReturn:
        raise TargetError(
            what,
            where=f"output of {self.program}" + (f", {at}" if at else ""),
            remedy="the console kept with the cell shows what the program printed",
        )

    def between_markers(self, stdout: str) -> str:
        if len(stdout) > MOST_CHARACTERS:
            self.fail(f"{len(stdout)} characters, over {MOST_CHARACTERS}")
        lines = stdout.split("\n")
        stripped = [line.rstrip("\r") for line in lines]
        begins = [i for i, line in enumerate(stripped) if line == BEGIN]
        ends = [i for i, line in enumerate(stripped) if line == END]
        for marker, found in ((BEGIN, begins), (END, ends)):
            if len(found) > 1:
                self.fail(f"{len(found)} lines {marker}, not one")
        if not begins:
            self.fail(f"no line {BEGIN}")
        if not ends:
            self.fail(f"no line {END}: it is truncated")
        if ends[0] < begins[0]:
            self.fail(f"{END} comes before {BEGIN}")
        return "\n".join(lines[begins[0] + 1 : ends[0]])

    def decode(self, text: str) -> dict[str, Any]:
        def constant(name: str) -> NoReturn:
            self.fail(f"{name} is not a JSON number")

        def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
            made: dict[str, Any] = {}
            for key, item in items:
                if key in made:
                    self.fail(f"key {key[:64]!r} occurs twice")
                made[key] = item
            return made

        try:
            value = json.loads(text, parse_constant=constant, object_pairs_hook=pairs)
        except RecursionError:
            self.fail("nested too deep")
        except ValueError as error:
            self.fail(f"not JSON: {error}"[:300])
        return self.mapping(value, "", {"schema", "program", "clock", "params", "metrics"})

    def mapping(
        self, value: object, at: str, keys: set[str], optional: frozenset[str] = frozenset()
    ) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.fail("not an object", at)
        if missing := sorted(keys - value.keys()):
            self.fail(f"{missing[0]!r} is missing", at)
        if unknown := sorted(value.keys() - keys - optional):
            self.fail(f"unknown key {unknown[0][:64]!r}", at)
        return value

    def choice(self, value: object, among: tuple[str, ...], at: str) -> str:
        if not isinstance(value, str) or value not in among:
            self.fail(f"{value!r:.80} is none of {', '.join(among)}", at)
        return value

    def name(self, value: object, at: str) -> str:
        if not isinstance(value, str) or not _NAME.fullmatch(value):
            self.fail(f"{value!r:.80} is not a name in snake case", at)
        return value

    def scalars(self, value: object, at: str, most: int) -> dict[str, Label]:
        if not isinstance(value, dict) or len(value) > most:
            self.fail(f"not an object of at most {most} keys", at)
        for key, item in value.items():
            self.name(key, at)
            if isinstance(item, str):
                fits = len(item) <= MOST_TEXT and item.isprintable()
            else:
                fits = isinstance(item, int | float) and abs(item) < MOST_SCALAR  # false for NaN too
            if not fits:
                self.fail(f"{item!r:.80} is not a short string, number in range or boolean", f"{at}.{key}")
        return value

    def labels(self, value: object, at: str) -> dict[str, Label]:
        made = self.scalars(value, at, 16)
        for key, item in made.items():
            if isinstance(item, str) and not _LABEL_TEXT.fullmatch(item):
                self.fail(f"{item!r:.80} does not fit a label", f"{at}.{key}")
        return made

    def text(self, value: object, at: str) -> str:
        if not isinstance(value, str) or len(value) > 500 or not value.isprintable():
            self.fail("not one printable line of at most 500 characters", at)
        return value

    def samples(self, value: object, at: str, signed: bool) -> NDArray[np.float64]:
        if not isinstance(value, list) or not value or len(value) > MOST_SAMPLES:
            self.fail(f"not a list of 1 to {MOST_SAMPLES} numbers", at)
        if not set(map(type, value)) <= {int, float}:
            self.fail("holds something that is not a number", at)
        try:
            made = np.array(value, np.float64)
        except OverflowError:
            self.fail("holds a number too large", at)
        if not np.isfinite(made).all():
            self.fail("holds a number too large", at)
        if not signed and (made < 0).any():
            self.fail(f"holds a negative number, {made.min():g}", at)
        return made

    def statistics(self, value: object, samples: NDArray[np.float64], at: str) -> None:
        """What a program made of its own samples: believed as little as they are, and not kept."""
        told = self.mapping(value, at, set(_STATISTICS))
        for key, item in told.items():
            if type(item) not in (int, float) or not np.isfinite(item):
                self.fail(f"{item!r:.80} is not a number", f"{at}.{key}")
        if not samples.size:
            self.fail("without samples", at)
        for key, (low, high) in _statistics_of(samples).items():
            if not low <= told[key] <= high:
                self.fail(
                    f"{told[key]:.17g} is not that of the samples, {low:.6g} to {high:.6g}", f"{at}.{key}"
                )

    def histogram(self, value: object, at: str) -> Histogram:
        if not isinstance(value, dict) or not value:
            self.fail("not an object of bins and their counts", at)
        made: dict[int, int] = {}
        for key, count in value.items():
            if not re.fullmatch(r"0|[1-9][0-9]{0,2}", key, re.ASCII) or int(key) >= BINS:
                self.fail(f"{key[:40]!r} is not a bin from 0 to {BINS - 1}", at)
            if type(count) is not int or not 0 <= count <= MOST_COUNT:
                self.fail(f"bin {key} has a count of {count!r:.80}", at)
            made[int(key)] = count
        return Histogram.from_sparse(made)

    def metric(self, value: object, at: str, clock: Clock, source: Source) -> Samples:
        optional = frozenset({"summary", "signed", "samples", "histogram", "statistics"})
        item = self.mapping(value, at, {"name", "unit", "better", "labels"}, optional)
        name = self.name(item["name"], f"{at}.name")
        at = f"{at} ({name})"
        unit = self.choice(item["unit"], UNITS, f"{at}.unit")
        better = Better(self.choice(item["better"], tuple(Better), f"{at}.better"))
        signed = item.get("signed", False)
        if not isinstance(signed, bool):
            self.fail("not true or false", f"{at}.signed")
        if "samples" not in item and "histogram" not in item:
            self.fail("neither 'samples' nor 'histogram'", at)
        if unit == "instructions" and clock is not Clock.ICOUNT:
            self.fail(f"instructions are counted by the clock icount, not {clock}", f"{at}.unit")
        values = np.empty(0, np.float64)
        if "samples" in item:
            values = self.samples(item["samples"], f"{at}.samples", signed)
        if "statistics" in item:
            self.statistics(item["statistics"], values, f"{at}.statistics")
        return Samples(
            metric=Metric(
                name,
                unit,
                clock if unit in _TIMED_UNITS else Clock.NONE,
                better,
                self.text(item.get("summary", ""), f"{at}.summary"),
            ),
            source=source,
            values=values,
            histogram=self.histogram(item["histogram"], f"{at}.histogram") if "histogram" in item else None,
            labels=self.labels(item["labels"], f"{at}.labels"),
        )


def _statistics_of(samples: NDArray[np.float64]) -> dict[str, tuple[float, float]]:
    """Least and greatest value that each may have: quantiles by whatever definition lie between neighbours
    (Hyndman and Fan, The American Statistician 50(4), 1996), the deviation divides by N or N - 1, and a
    guest's arithmetic is in whole numbers, rounded or cut."""
    ordered, count = np.sort(samples), samples.size
    mean, deviation = float(samples.mean()), float(samples.std())
    last = count - 1
    bounds = {
        "count": (count, count),
        "min": (ordered[0], ordered[0]),
        "max": (ordered[last], ordered[last]),
        "mean": (mean - 1, mean + 1),
        "stddev": (deviation - 1, deviation * math.sqrt(count / max(last, 1)) + 1),
    }
    for key, share in (("q1", 0.25), ("median", 0.5), ("q3", 0.75)):
        below, above = math.floor(share * last), math.ceil(share * last)
        bounds[key] = (ordered[max(below - 1, 0)] - 1, ordered[min(above + 1, last)])
    return {key: (float(low), float(high)) for key, (low, high) in bounds.items()}


def parse(stdout: str, program: str, *, source: Source = Source.PROGRAM) -> list[Samples]:
    """The Samples in what ``program`` printed, in its order.

    A metric may have ``summary`` (a line for people) and ``signed`` (true allows negative values) besides
    the keys of docs/architecture.md, ``histogram`` beside or in place of ``samples``, and ``statistics``
    (count, min, q1, median, q3, max, mean, stddev), which must be those of its samples. Values have shape
    (N,), N >= 1, or (0,) with a histogram only. Units ``bytes`` and ``1`` get Clock.NONE, the others the
    object's clock. Raises TargetError on anything that is not of that form, a series that occurs twice,
    a number that is not finite, or sizes over the limits above.
    """
    return parse_with_params(stdout, program, source=source)[0]


def parse_with_params(
    stdout: str, program: str, *, source: Source = Source.PROGRAM
) -> tuple[list[Samples], Mapping[str, Label]]:
    """As ``parse``, with the parameters that the program says it ran with."""
    reader = _Reader(program)
    body = reader.decode(reader.between_markers(stdout))
    if type(body["schema"]) is not int or body["schema"] != SCHEMA:
        reader.fail(f"{body['schema']!r:.80} is not {SCHEMA}", "schema")
    if body["program"] != program:
        reader.fail(f"{body['program']!r:.80} is not {program!r}", "program")
    clock = Clock(reader.choice(body["clock"], tuple(Clock), "clock"))
    params = reader.scalars(body["params"], "params", 64)
    metrics = body["metrics"]
    if not isinstance(metrics, list) or not metrics or len(metrics) > MOST_METRICS:
        reader.fail(f"not a list of 1 to {MOST_METRICS} metrics", "metrics")
    made, seen = [], set()
    for index, item in enumerate(metrics):
        samples = reader.metric(item, f"metrics[{index}]", clock, source)
        if samples.series in seen:
            reader.fail(f"series {samples.series} occurs twice", f"metrics[{index}]")
        seen.add(samples.series)
        made.append(samples)
    return made, params
