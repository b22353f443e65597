"""Running a native generator for a bounded time, and what all of them tell us."""

import contextlib
import math
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vocabulary import Better, Clock, Metric, Place, Samples, Source, TargetError

_MOST_OUTPUT = 4 << 20
_TAIL = 2000
_LOOK_S = 0.005
_CAUGHT = re.compile(r"^SigCgt:\s*([0-9a-f]+)$", re.MULTILINE)

THROUGHPUT = Metric(
    "throughput", "ops/s", Clock.MONOTONIC, Better.HIGHER, "answers a second in a closed loop at saturation"
)
CLOSED_LATENCY = Metric(
    "closed_latency",
    "ns",
    Clock.MONOTONIC,
    Better.NEITHER,
    "latency at saturation, as the native generator tells it; it grows with the connections by definition",
)
ERRORS = Metric(
    "errors", "1", Clock.NONE, Better.LOWER, "errors and losses that the native generator counted"
)


@dataclass(frozen=True, slots=True)
class Told:
    """A native generator's summary of one closed-loop run. ``latency_ns`` by statistic ("p50", "mean")."""

    tool: str
    rate_per_s: float
    errors: int
    latency_ns: Mapping[str, float]
    labels: Mapping[str, str | int] = field(default_factory=dict)

    def samples(self) -> list[Samples]:
        labels = {"tool": self.tool, **self.labels}

        def one(metric: Metric, value: float, **more: str) -> Samples:
            return Samples(metric, Source.NATIVE, np.array([value]), labels={**labels, **more})

        return [
            one(THROUGHPUT, self.rate_per_s),
            one(ERRORS, float(self.errors)),
            *(one(CLOSED_LATENCY, value, statistic=name) for name, value in self.latency_ns.items()),
        ]


def missing(program: str, package: str) -> str:
    """Why it cannot be run, with the remedy; empty when it can."""
    return (
        ""
        if shutil.which(program)
        else f"{program} is not installed; ./kxbench setup, or apt-get install {package}"
    )


def run(
    place: Place,
    argv: Sequence[str | Path],
    *,
    cpus: Collection[int],
    limit_s: float,
    interrupt_after_s: float | None = None,
) -> str:
    """Standard output of a generator run in ``place`` on ``cpus``; SIGINT ``interrupt_after_s`` after
    it has a handler for it asks those that take whole seconds only to sum up earlier.

    Raises TargetError when it fails, or does not end within ``limit_s`` and is killed."""
    program = Path(argv[0]).name
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = place.popen(argv, cpus=cpus or None, stdout=out, stderr=err)
        try:
            code = _wait(process, limit_s, interrupt_after_s)
        finally:
            _kill(process)
        text, complaint = _text(out.fileno()), _text(err.fileno())
    if code is None or code != 0:
        raise TargetError(
            f"{program} did not end within {limit_s:g} s" if code is None else f"{program} ended with {code}",
            where=f"{' '.join(map(str, argv))} in {place.netns}",
            remedy="the server may not answer; the same command can be tried by hand",
            console=(text + complaint)[-_TAIL:],
        )
    return text


def _wait(process: subprocess.Popen[bytes], limit_s: float, interrupt_after_s: float | None) -> int | None:
    if interrupt_after_s is not None:
        _until_it_cares(process, limit_s)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(interrupt_after_s)
        process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(limit_s)
    return None


def _until_it_cares(process: subprocess.Popen[bytes], limit_s: float) -> None:
    """Until it catches SIGINT (proc(5), SigCgt), some 10 ms after its exec: before, it would die of it."""
    until = time.monotonic() + limit_s
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError):
            caught = _CAUGHT.search(Path(f"/proc/{process.pid}/status").read_text())
            if caught and int(caught[1], 16) >> (signal.SIGINT - 1) & 1:
                return
        time.sleep(_LOOK_S)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()


def _text(descriptor: int) -> str:
    return os.pread(descriptor, _MOST_OUTPUT, 0).decode(errors="replace")


def wrong(tool: str, what: str, text: str) -> TargetError:
    """The error for output that is not as the tool is known to print it."""
    return TargetError(
        f"{tool} printed what is not understood: {what}",
        where=f"output of {tool}",
        remedy=f"another version of {tool}? the console kept with the cell shows its output",
        console=text[-_TAIL:],
    )


def number(tool: str, name: str, text: str, whole: str) -> float:
    """A finite number that is not negative. Raises TargetError."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0 or not text.isascii():
        raise wrong(tool, f"{name} is {text[:40]!r}", whole)
    return value
