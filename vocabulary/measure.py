"""Metric and Samples: what was measured, by what, and the numbers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from vocabulary.histogram import Histogram

Scalar = str | int | float | bool


class Clock(StrEnum):
    """What the figure was timed with; figures of different clocks are never compared as if equal."""

    MONOTONIC = "monotonic"  # CLOCK_MONOTONIC of the machine under test
    BOOT_KTIME = "ktime"  # bpf_ktime_get_ns(): CLOCK_MONOTONIC read inside the kernel
    TSC = "tsc"  # cycles of a synchronised time-stamp counter, converted to ns
    ICOUNT = "icount"  # instructions of an emulated machine, a virtual nanosecond each
    EMULATED = "emulated"  # wall time, any of the first three, of an emulated machine: indicative
    NONE = "none"  # not a duration (bytes, counts)

    def like(self, other: "Clock") -> bool:
        """Whether figures of the two may be set in a ratio."""
        return self is other or {self, other} <= {Clock.MONOTONIC, Clock.BOOT_KTIME, Clock.TSC}


class Better(StrEnum):
    LOWER = "lower"
    HIGHER = "higher"
    NEITHER = "neither"  # a description (sample count, lateness), never judged


class Source(StrEnum):
    """Who measured: figures of one event by two sources are stored side by side."""

    PROGRAM = "program"  # the micro program itself
    PROBE = "probe"  # eBPF
    GENERATOR = "generator"  # our open-loop generator
    NATIVE = "native"  # redis-benchmark, wrk, dnsperf, perf bench
    HOST = "host"  # the suite, from /proc and cgroups


@dataclass(frozen=True, slots=True)
class Metric:
    """A quantity. ``name`` is a noun in snake case without its unit; ``unit`` one of ns, bytes,
    bytes/s, ops/s, 1 (a count or ratio), instructions, 1/30s (a count in 30 s of its clock)."""

    name: str
    unit: str
    clock: Clock
    better: Better
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Samples:
    """Raw ``values`` of one metric from one deployment, in the order measured (float64, shape (N,)),
    or a ``histogram`` where the source counts into bins, or both. ``labels`` tell apart series of one
    metric in one case (rate_per_s=20000); they are part of the series' identity. ``probe`` names the
    probe if the source is one."""

    metric: Metric
    source: Source
    values: NDArray[np.float64]
    histogram: Histogram | None = None
    labels: Mapping[str, Scalar] = field(default_factory=dict)
    probe: str = ""

    @property
    def series(self) -> str:
        """Identity inside a case: ``latency{rate_per_s=20000}@generator`` or ``parent@probe:fork``."""
        inside = ",".join(f"{k}={self.labels[k]}" for k in sorted(self.labels))
        by = f"{self.source}:{self.probe}" if self.probe else str(self.source)
        return f"{self.metric.name}{{{inside}}}@{by}" if inside else f"{self.metric.name}@{by}"


def commit_in(target: str) -> str:
    """The commit whose code a target's name asks for, as in ``kylinx@0123456789ab`` (7 to 40 digits); else
    empty."""
    label = target.partition("@")[2]
    return label if re.fullmatch("[0-9a-f]{7,40}", label) else ""


def case_id(kind: str, params: Mapping[str, object]) -> str:
    """``fork[dirty_mib=16,pages=default]``; the parameters in the order given, lists joined by ``+``."""
    if not params:
        return kind

    def text(value: object) -> str:
        return "+".join(map(text, value)) if isinstance(value, (list, tuple)) else str(value)

    return f"{kind}[{','.join(f'{k}={text(v)}' for k, v in params.items())}]"
