"""redis-benchmark (Redis's own closed-loop generator), by its --csv output."""

import csv
from collections.abc import Collection, Sequence

from vocabulary import Endpoint, Place
from workloads.native import program
from workloads.native.program import Told

PROGRAM = "redis-benchmark"
HEADER = (
    "test",
    "rps",
    "avg_latency_ms",
    "min_latency_ms",
    "p50_latency_ms",
    "p95_latency_ms",
    "p99_latency_ms",
    "max_latency_ms",
)
_STATISTICS = {"avg_latency_ms": "mean"}
_PROBE_REQUESTS = 2000
_MOST_REQUESTS = 100_000_000
_GRACE_S = 30.0  # a slow server must have time for the fewest requests


def missing() -> str:
    return program.missing(PROGRAM, "redis-tools")


def arguments(
    endpoint: Endpoint,
    op: str,
    *,
    requests: int,
    connections: int,
    pipeline: int,
    keys: int,
    value_bytes: int,
) -> list[str]:
    """The command line: keys ``key:000000000000`` and up are drawn at random."""
    argv = [PROGRAM, "-h", endpoint.host, "-p", str(endpoint.port), "--csv", "-e", "-t", op]
    argv += ["-n", str(requests), "-c", str(connections), "-P", str(pipeline), "-d", str(value_bytes)]
    return [*argv, "-r", str(keys)] if keys else argv


def parse(text: str, ops: Sequence[str]) -> list[Told]:
    """One summary an operation, in the order asked for. Raises TargetError on anything else in the output."""
    rows = list(csv.reader(text.strip().splitlines()))
    if not rows or tuple(rows[0]) != HEADER:
        raise program.wrong(PROGRAM, f"its first line is {text[:80]!r}", text)
    if [row[:1] for row in rows[1:]] != [[op.upper()] for op in ops]:
        raise program.wrong(PROGRAM, f"not one line each for {', '.join(ops)}", text)
    return [_told(op, row, text) for op, row in zip(ops, rows[1:], strict=True)]


def _told(op: str, row: Sequence[str], text: str) -> Told:
    if len(row) != len(HEADER):
        raise program.wrong(PROGRAM, f"{len(row)} columns", text)
    values = {
        name: program.number(PROGRAM, name, field, text)
        for name, field in zip(HEADER[1:], row[1:], strict=True)
    }
    if not values["rps"]:
        raise program.wrong(PROGRAM, "a rate of 0", text)
    latencies = {
        _STATISTICS.get(name, name.removesuffix("_latency_ms")): value * 1e6
        for name, value in values.items()
        if name != "rps"
    }
    return Told(PROGRAM, values["rps"], 0, latencies, {"op": op})


def run(
    place: Place,
    endpoint: Endpoint,
    ops: Sequence[str],
    *,
    duration_s: float,
    connections: int,
    pipeline: int,
    keys: int,
    value_bytes: int,
    cpus: Collection[int],
) -> list[Told]:
    """Each of ``ops`` ("get", "set") for about ``duration_s``: it only takes a number of requests, so a
    short run before tells how many that is. Raises TargetError."""
    told = []
    for op in ops:

        def once(requests: int, op: str = op) -> Told:
            argv = arguments(
                endpoint,
                op,
                requests=requests,
                connections=connections,
                pipeline=pipeline,
                keys=keys,
                value_bytes=value_bytes,
            )
            text = program.run(place, argv, cpus=cpus, limit_s=3 * duration_s + _GRACE_S)
            return parse(text, [op])[0]

        few = max(_PROBE_REQUESTS, 4 * connections * pipeline)
        told.append(once(enough(once(few).rate_per_s, duration_s, few)))
    return told


def enough(rate_per_s: float, duration_s: float, least: int = 1) -> int:
    """How many requests last ``duration_s``."""
    return min(max(int(rate_per_s * duration_s), least), _MOST_REQUESTS)
