"""dnsperf (closed-loop DNS generator), by its text."""

import re
from collections.abc import Collection
from pathlib import Path

from vocabulary import Endpoint, Place
from workloads.native import program
from workloads.native.program import Told

PROGRAM = "dnsperf"
_GRACE_S = 25.0  # it waits up to its time-out of 5 s for what is in flight
_RIGHT_CODES = ("NOERROR", "NXDOMAIN")
_AGREES_WITHIN = 0.01


def missing() -> str:
    return program.missing(PROGRAM, "dnsperf")


def parse(text: str) -> Told:
    """Its closing statistics. Errors are queries lost (not those in flight when it was told to stop) and
    answers whose code is neither NOERROR nor NXDOMAIN. Raises TargetError."""
    _, mark, statistics = text.rpartition("\nStatistics:\n")
    if not mark:
        raise program.wrong(PROGRAM, "no statistics", text)
    sent = _number(statistics, r"Queries sent: +(\S+)", "queries sent", text)
    completed = _number(statistics, r"Queries completed: +(\S+) \(\S+%\)", "queries completed", text)
    lost = _number(statistics, r"Queries lost: +(\S+) \(\S+%\)", "queries lost", text)
    took_s = _number(statistics, r"Run time \(s\): +(\S+)", "run time", text)
    rate = _number(statistics, r"Queries per second: +(\S+)", "queries per second", text)
    if not completed or completed + lost > sent or not took_s:
        raise program.wrong(PROGRAM, f"{completed:g} of {sent:g} queries completed in {took_s:g} s", text)
    if abs(rate * took_s - completed) > _AGREES_WITHIN * completed + 1:
        raise program.wrong(PROGRAM, f"{rate:g} a second for {took_s:g} s is not {completed:g} queries", text)
    latencies = re.findall(
        r"^ *Average Latency \(s\): +(\S+) \(min (\S+), max (\S+)\)$", statistics, re.MULTILINE
    )
    if len(latencies) != 1:
        raise program.wrong(PROGRAM, "not one line of average latency", text)
    latency_ns = {
        name: program.number(PROGRAM, f"latency {name}", value, text) * 1e9
        for name, value in zip(("mean", "min", "max"), latencies[0], strict=True)
    }
    return Told(PROGRAM, rate, int(lost) + _wrong_codes(statistics, text, completed), latency_ns)


def _number(statistics: str, pattern: str, name: str, whole: str) -> float:
    found = re.findall(rf"^ *{pattern}$", statistics, re.MULTILINE)
    if len(found) != 1:
        raise program.wrong(PROGRAM, f"not one line of {name}", whole)
    return program.number(PROGRAM, name, found[0], whole)


def _wrong_codes(statistics: str, whole: str, completed: float) -> int:
    lines = re.findall(r"^ *Response codes: +(.*)$", statistics, re.MULTILINE)
    counts = (
        re.findall(r"([A-Z0-9]+) (\d{1,15}) \([\d.]+%\)(?:, |$)", lines[0].strip()) if len(lines) == 1 else []
    )
    codes = {code: int(count) for code, count in counts}
    if sum(codes.values()) != completed:
        raise program.wrong(PROGRAM, "its response codes do not add up to the queries completed", whole)
    return sum(count for code, count in codes.items() if code not in _RIGHT_CODES)


def run(
    place: Place,
    endpoint: Endpoint,
    queries: Path,
    *,
    duration_s: float,
    connections: int,
    outstanding: int,
    cpus: Collection[int],
) -> Told:
    """``queries`` (lines of "name type") round and round for ``duration_s`` from one thread. dnsperf takes
    whole seconds only, but sums up early on SIGINT. Raises TargetError."""
    argv: list[str | Path] = [PROGRAM, "-s", endpoint.host, "-p", str(endpoint.port), "-d", queries, "-W"]
    # it may sleep through the interrupt (it can lose a wake-up of its own): its time is over within the grace
    argv += ["-T", "1", "-c", str(connections), "-q", str(outstanding), "-l", str(int(duration_s) + 10)]
    text = program.run(place, argv, cpus=cpus, limit_s=_GRACE_S, interrupt_after_s=duration_s)
    return parse(text)
