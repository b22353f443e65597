"""Runs the generator in a place and reads what it measured."""

import subprocess
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from vocabulary import Endpoint, Place, Samples, Source, TargetError, UsageError
from vocabulary.measure import Scalar
from workloads.openloop.build import build
from workloads.protocol import parse

Arrivals = Literal["uniform", "poisson"]
Choice = Literal["round-robin", "random"]

GRACE_S = 15.0  # beyond its own time: to connect, and on a machine that is busy
_USAGE = 2


def _arguments(endpoint: Endpoint, requests: Path, options: Mapping[str, object]) -> list[str]:
    words = ["--host", endpoint.host, "--port", str(endpoint.port), "--requests", str(requests)]
    for name, value in options.items():
        if value is True:
            words.append(f"--{name}")
        elif value is not None and value is not False:
            words += [f"--{name}", str(value)]
    return words


def _finish(process: "subprocess.Popen[bytes]", timeout_s: float, where: str) -> tuple[str, str]:
    """Its output; never leaves it running, whatever is raised meanwhile."""
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        raise TargetError(
            f"the generator was not done after {timeout_s:.0f} s and was stopped", where=where
        ) from error
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(2)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()
    return out.decode("utf-8", "replace"), err.decode("utf-8", "replace")


def _refuse(code: int, said: str, where: str) -> None:
    if code == 0:
        return
    what = said.strip().removeprefix("openloop: ").splitlines()[-1:] or [f"ended with code {code}"]
    if code == _USAGE:
        raise UsageError(f"the generator refused: {what[0]}", where=where)
    if code < 0:
        raise TargetError(f"the generator was killed by signal {-code}", where=where, console=said)
    raise TargetError(
        f"the generator: {what[0]}",
        where=where,
        remedy="the server's console, kept with the cell, may say why",
        console=said,
    )


def one(samples: Iterable[Samples], name: str) -> float:
    """The single value of metric ``name``. Raises KeyError if it is not there."""
    for item in samples:
        if item.metric.name == name:
            return float(item.values[0])
    raise KeyError(name)


def run(
    place: Place,
    endpoint: Endpoint,
    requests: Path,
    *,
    rate_per_s: float | None,
    duration_s: float = 5.0,
    warmup_s: float = 0.5,
    connections: int = 50,
    pipeline: int = 1,
    arrivals: Arrivals = "poisson",
    choice: Choice = "round-robin",
    seed: int = 1,
    cpus: Collection[int] | None = None,
    timeout_ms: int = 10_000,  # a stall of the machine is latency, no loss
    spin_us: int | None = None,
    late_share: float | None = None,
    timeline_ms: int | None = None,
    labels: Mapping[str, Scalar] | None = None,
) -> list[Samples]:
    """Load ``endpoint`` from ``place``: at ``rate_per_s`` requests a second, or as fast as answers come
    (closed loop) when it is None.

    The Samples (README.md lists them) carry Source.GENERATOR and ``labels``. Raises TargetError when the
    server refuses connections, goes away for 2 s or gives no good answer to anything sent, or the generator
    is killed; UsageError for arguments out of range or a malformed requests file; HostError when it cannot
    be built.
    """
    options: dict[str, object] = {
        "closed": rate_per_s is None,
        "rate": rate_per_s,
        "duration": duration_s,
        "warmup": warmup_s,
        "connections": connections,
        "pipeline": pipeline,
        "arrivals": arrivals,
        "choice": choice,
        "seed": seed,
        "timeout-ms": timeout_ms,
        "spin-us": spin_us,
        "late-share": late_share,
        "timeline-ms": timeline_ms,
    }
    where = f"load on {endpoint.host} port {endpoint.port}"
    process = place.popen(
        [build(), *_arguments(endpoint, requests, options)],
        cpus=cpus,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = _finish(process, warmup_s + duration_s + timeout_ms / 1000 + GRACE_S, where)
    _refuse(process.returncode, err, where)
    samples = parse(out, "openloop", source=Source.GENERATOR)
    if one(samples, "sent") and not one(samples, "received"):
        raise TargetError(
            f"no good answer to {one(samples, 'sent'):.0f} requests: "
            + ", ".join(f"{s.metric.name} {s.values[0]:.0f}" for s in samples if _is_loss(s)),
            where=where,
            remedy="the correctness pass and the server's console say what it answers",
        )
    return [replace(item, labels={**item.labels, **(labels or {})}) for item in samples]


def _is_loss(samples: Samples) -> bool:
    name = samples.metric.name
    return (name.startswith("errors_") or name in ("timeouts", "unsent")) and samples.values[0] > 0


def doubts(samples: Iterable[Samples]) -> list[str]:
    """Why the figures are not to be trusted, for the reason of a ``noisy`` cell; empty when they are.

    For the Samples of ``run``: the generator was saturated. For those of ``sweep``: the knee is the
    generator's and not the server's (a saturated rate above a knee of the server's own is no fault).
    """
    items = list(samples)
    limited = [s for s in items if s.metric.name == "knee_limited"]
    if limited:
        return ["the generator's own limit was met before the server's knee"] if limited[0].values[0] else []
    return [
        "the generator did not keep up"
        + "".join(f" at {k}={v}" for k, v in s.labels.items())
        + _waited([other for other in items if other.labels == s.labels])
        for s in items
        if s.metric.name == "saturated" and s.values[0]
    ]


def _waited(samples: Sequence[Samples]) -> str:
    """Whether it was the machine: the generator was ready to run and had no CPU."""
    waited_ms = one(samples, "run_delay") / 1e6
    remedy = "stop other work" if waited_ms >= 1 else "lower the rate, or give it a core of its own"
    return f" (it waited {waited_ms:.0f} ms for a CPU: {remedy})"
