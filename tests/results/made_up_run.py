"""A whole made-up run, to see and test the report with. Drawn from a generator of random numbers: never a
measurement, and its plan and machine say so."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.results.made_up import a_cell, a_run
from vocabulary import (
    Better,
    CellRecord,
    Clock,
    ComparisonRow,
    Histogram,
    Metric,
    Outcome,
    RunRecord,
    RunState,
    Samples,
    Source,
    SummaryRow,
    case_id,
)

Contents = list[tuple[CellRecord, list[Samples]]]
SPEED = {"process": 1.0, "kylinx": 0.6}

_MICRO: tuple[tuple[str, Mapping[str, Any], Mapping[str, float]], ...] = (
    ("null", {}, {"system_call": 95, "clock_gettime": 31}),
    ("ctxsw", {}, {"switch": 1900}),
    *(
        (
            "fork",
            {"dirty_mib": m, "pages": p},
            {"parent": a, "child": 1.2 * a, "total": 2.1 * a, "first_parent": 1.9 * a},
        )
        for m, p, a in (
            (1, "default", 88e3),
            (16, "default", 420e3),
            (256, "default", 5.1e6),
            (256, "huge", 2.6e5),
        )
    ),
    ("cow", {}, {"write": 3100, "reread": 40}),
    ("exec", {}, {"parent": 210e3, "to_main": 760e3, "total": 990e3}),
    *(
        (
            kind,
            {"size": size},
            {"one_way": a * (1 + size / 30_000), "round_trip": 2 * a, "first_contact": 6 * a},
        )
        for kind, a in (
            ("pipe", 4.4e3),
            ("sysv_mq", 4.9e3),
            ("posix_mq", 5.2e3),
            ("sysv_shm", 310.0),
            ("posix_shm", 305.0),
        )
        for size in (1, 65536)
    ),
    ("kill", {}, {"one_way": 5.6e3}),
    ("exitwait", {}, {"one_way": 41e3, "first_contact": 97e3}),
    ("dlopen", {"libraries": 1, "size_kib": 64}, {"open": 92e3, "first_call": 1.1e3, "total": 95e3}),
    ("dlopen", {"libraries": 8, "size_kib": 64}, {"open": 410e3, "first_call": 1.2e3, "total": 415e3}),
    ("update", {}, {"total": 160e3, "stall": 12e3, "quiesce": 700}),
)
_PROBED = {"fork": "fork", "pipe": "ipc", "redis": "wire"}
_RATES = {
    "redis": (5e3, 10e3, 20e3, 30e3, 40e3, 50e3),
    "http": (2e3, 8e3, 16e3, 24e3),
    "dns": (5e3, 20e3, 40e3, 60e3),
}


class _Maker:
    def __init__(self, targets: Sequence[str], blocks: int, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.targets, self.blocks = targets, blocks
        self.contents: Contents = []

    def draw(self, middle: float, count: int, spread: float = 0.08) -> NDArray[np.float64]:
        """Skewed, with a few stragglers, as latencies are."""
        values = middle * self.random.lognormal(0, spread, count)
        slow = self.random.random(count) < 0.02
        drawn: NDArray[np.float64] = np.where(slow, values * self.random.uniform(1.5, 8, count), values)
        return drawn.round()

    def add(
        self,
        block: int,
        target: str,
        kind: str,
        params: Mapping[str, Any],
        series: list[Samples],
        **changes: Any,
    ) -> None:
        cell = a_cell(len(self.contents), params, kind=kind, block=block, target=target, **changes)
        self.contents.append((cell, series))

    def micro(self, block: int, target: str) -> None:
        for kind, params, metrics in _MICRO:
            for probes in ((), (_PROBED[kind],)) if kind in _PROBED else ((),):
                boot = SPEED.get(target, 1.0) * self.random.lognormal(0, 0.03) * (1.02 if probes else 1.0)
                series = [
                    Samples(
                        _metric(name), Source.PROGRAM, self.draw(middle * boot, 1 if "first" in name else 400)
                    )
                    for name, middle in metrics.items()
                ]
                series.append(
                    Samples(_metric("clock_read", Better.NEITHER), Source.PROGRAM, self.draw(25, 20))
                )
                if kind == "pipe":
                    throughput = Metric(
                        "throughput", "bytes/s", Clock.MONOTONIC, Better.HIGHER, "payload moved a second"
                    )
                    series.append(
                        Samples(throughput, Source.PROGRAM, self.draw(9e5 * params["size"] ** 0.7 / boot, 20))
                    )
                for probe in probes:
                    for sample in series[:2]:
                        seen = Histogram.of(sample.values * 0.97 + 150)
                        series.append(Samples(sample.metric, Source.PROBE, np.empty(0), seen, {}, probe))
                self.add(block, target, kind, params, series, probes=probes)

    def service(self, block: int, target: str, kind: str, params: Mapping[str, Any]) -> None:
        for probes in ((), ("wire",)) if kind == "redis" else ((),):
            capacity = (
                _RATES[kind][-1] * 0.93 / SPEED.get(target, 1.0) ** 0.3 * self.random.lognormal(0, 0.02)
            )
            series = []
            for rate in _RATES[kind]:
                busy = min(rate / capacity, 0.985)
                latency = Histogram.of(self.draw(55e3 * (1 + busy**4 / (1 - busy)), 20_000, 0.25))
                labels = {"rate_per_s": int(rate)}
                late = kind == "http" and rate == _RATES[kind][-1]
                series += [
                    Samples(_metric("latency"), Source.GENERATOR, np.empty(0), latency, labels),
                    _one("rate", "ops/s", min(rate, capacity), Better.HIGHER, labels),
                    _one("saturated", "1", float(late), Better.NEITHER, labels),
                ]
                if probes:
                    seen = Histogram.of(self.draw(21e3 * (1 + busy**4 / (1 - busy)), 20_000, 0.2))
                    series.append(
                        Samples(_metric("latency"), Source.PROBE, np.empty(0), seen, labels, "wire")
                    )
            series.append(_one("knee_rate", "ops/s", _RATES[kind][-2], Better.HIGHER, {}))
            throughput = _one("throughput", "ops/s", capacity, Better.HIGHER, {"tool": "native"})
            series.append(replace(throughput, source=Source.NATIVE))
            self.add(block, target, kind, params, series, probes=probes)

    def bgsave(self, block: int, target: str, keys: int) -> None:
        fork = 0.4e6 + keys * 25
        series = [Samples(_metric("fork"), Source.PROGRAM, self.draw(fork, 3))]
        for phase, middle in (("before", 60e3), ("during", 75e3), ("after", 61e3)):
            values = self.draw(middle, 5000, 0.2)
            if phase == "during":
                values[:25] = np.linspace(60e3, fork, 25)
            labels: dict[str, str | int] = {"phase": phase, "rate_per_s": 10_000}
            series.append(
                Samples(_metric("latency"), Source.GENERATOR, np.empty(0), Histogram.of(values), labels)
            )
        self.add(block, target, "redis_bgsave", {"keys": keys}, series)

    def troubles(self, block: int, target: str) -> None:
        self.add(
            block,
            target,
            "fork",
            {"dirty_mib": 1024, "pages": "huge"},
            [],
            outcome=Outcome.UNSUPPORTED,
            reason="no huge pages are left: 512 of 512 in use",
            console="",
        )
        if block == 1:
            self.add(
                block,
                target,
                "http",
                {"page": "1m", "workers": 4},
                [],
                outcome=Outcome.FAILED,
                reason="nginx ended with signal 9 (SIGKILL) 0.8 s into the timed part",
                console="nginx: [notice] start worker processes\nnginx: worker 4711 exited on signal 9\n" * 6,
            )
            self.add(
                block,
                target,
                "dlopen",
                {"libraries": 64},
                [Samples(_metric("total"), Source.PROGRAM, self.draw(4e6, 50))],
                outcome=Outcome.NOISY,
                reason="steal took 14 % of the CPU time",
            )


def _metric(name: str, better: Better = Better.LOWER) -> Metric:
    return Metric(name, "ns", Clock.MONOTONIC, better, f"made-up {name.replace('_', ' ')}")


def _one(name: str, unit: str, value: float, better: Better, labels: Mapping[str, Any]) -> Samples:
    return Samples(
        Metric(name, unit, Clock.NONE, better, ""), Source.GENERATOR, np.array([value]), None, labels
    )


def contents(targets: Sequence[str] = ("process",), blocks: int = 5, seed: int = 7) -> Contents:
    maker = _Maker(targets, blocks, seed)
    for block in range(blocks):
        for target in targets:
            maker.micro(block, target)
            for kind, params in (
                ("redis", {"keys": 1000, "value_bytes": 64}),
                ("http", {"page": "612"}),
                ("dns", {}),
            ):
                maker.service(block, target, kind, params)
            for keys in (0, 100_000, 1_000_000):
                maker.bgsave(block, target, keys)
            maker.troubles(block, target)
    return maker.contents


def run_of(made: Contents, targets: Sequence[str] = ("process",)) -> RunRecord:
    environment = {
        "cpu_model": "Made-up processor",
        "cpus": 2,
        "memory_bytes": 8 * 2**30,
        "virtualisation": "kvm",
        "distribution": "Debian GNU/Linux 12 (bookworm)",
        "kernel": "6.1.0-made-up",
        "governor": None,
        "mitigations": {"spectre_v2": "Mitigation: Retpolines", "meltdown": "Not affected"},
        "packages": {"redis-server": "7.0.15", "nginx": "1.22.1", "nsd": "4.6.1"},
    }
    return a_run(
        plan={"targets": list(targets)},
        plan_name="made-up",
        state=RunState.FINISHED,
        finished_s=1_735_787_045.25 + 271,
        environment=environment,
        cells_planned=len(made),
        warnings=(
            "other guests of this host took CPU time (steal 3.1 %): use dedicated cores, or run again later",
            "the CPU changes its frequency (governor schedutil): cpupower frequency-set -g performance",
        ),
    )


def _values(samples: Samples) -> NDArray[np.float64]:
    return (
        samples.values
        if samples.values.size
        else samples.histogram.expand()
        if samples.histogram
        else samples.values
    )


def summary_of(made: Contents) -> list[SummaryRow]:
    """Medians and percentiles; the interval is the range of the deployments, which will do for a picture."""
    grouped: dict[tuple[str, str, str, bool], list[tuple[CellRecord, Samples]]] = defaultdict(list)
    for cell, series in made:
        if cell.outcome is Outcome.OK:
            for samples in series:
                grouped[cell.target, cell.case, samples.series, bool(cell.probes)].append((cell, samples))
    return [_summary(members, key[3]) for key, members in grouped.items()]


def _summary(members: list[tuple[CellRecord, Samples]], probed: bool) -> SummaryRow:
    cell, first = members[0]
    middles = [float(np.median(_values(samples))) for _, samples in members]
    pooled = np.concatenate([_values(samples) for _, samples in members])
    p05, p25, p75, p95, p99 = (float(p) for p in np.percentile(pooled, (5, 25, 75, 95, 99)))
    return SummaryRow(
        target=cell.target,
        case=cell.case,
        kind=cell.kind,
        series=first.series,
        metric=first.metric.name,
        source=str(first.source),
        probe=first.probe,
        labels=first.labels,
        probed=probed,
        unit=first.metric.unit,
        clock=str(first.metric.clock),
        better=str(first.metric.better),
        deployments=len(members),
        count=pooled.size,
        estimate=float(np.median(middles)),
        low=min(middles),
        high=max(middles),
        p05=p05,
        p25=p25,
        p75=p75,
        p95=p95,
        p99=p99,
        minimum=float(pooled.min()),
        maximum=float(pooled.max()),
    )


def comparisons_of(summary: Sequence[SummaryRow], a: str, b: str) -> list[ComparisonRow]:
    plain = {(r.target, r.case, r.series): r for r in summary if not r.probed and r.better != "neither"}
    return [
        _comparison(one, other, a, b)
        for (target, case, series), one in plain.items()
        if target == a and (other := plain.get((b, case, series)))
    ]


def overheads_of(summary: Sequence[SummaryRow]) -> Iterator[ComparisonRow]:
    plain = {(r.target, r.case, r.series): r for r in summary if not r.probed}
    for row in summary:
        if (
            row.probed
            and not row.probe
            and row.better != "neither"
            and (one := plain.get((row.target, row.case, row.series)))
        ):
            yield _comparison(
                one, row, row.target, f"{row.target} +{_PROBED[row.kind]}"
            )  # as bench gives them


def _comparison(one: SummaryRow, other: SummaryRow, a: str, b: str) -> ComparisonRow:
    found = other.estimate / one.estimate
    low, high = found * 0.97, found * 1.04
    return ComparisonRow(
        case=one.case,
        kind=one.kind,
        series=one.series,
        metric=one.metric,
        unit=one.unit,
        better=one.better,
        a=a,
        b=b,
        estimate_a=one.estimate,
        estimate_b=other.estimate,
        ratio=found,
        low=low,
        high=high,
        p_value=0.01,
        p_adjusted=0.03,
        effect_size=0.9,
        pairs=one.deployments,
        significant=not low <= 1 <= high,
        note="" if one.deployments > 1 else "too few pairs",
    )


def names_of_all(made: Contents) -> set[str]:
    return {case_id(cell.kind, cell.params) for cell, _ in made}
