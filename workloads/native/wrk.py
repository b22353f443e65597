"""wrk (closed-loop HTTP generator), by a Lua script that prints JSON."""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vocabulary import Endpoint, Place
from workloads.native import program
from workloads.native.program import Told

PROGRAM = "wrk"
SCRIPT = Path(__file__).parent / "report.lua"
_MARK = "@@WRK@@ "
_GRACE_S = 20.0
_LATEST = "10s"  # answers after that are errors; for its own 2 s a shared machine may stand still
_Count = Annotated[int, Field(ge=0, le=2**53)]
_Time = Annotated[float, Field(ge=0, le=2**53, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Errors(_Strict):
    connect: _Count
    read: _Count
    write: _Count
    status: _Count
    timeout: _Count


class _Latency(_Strict):
    mean: _Time
    min: _Count
    p50: _Count
    p95: _Count
    p99: _Count
    max: _Count


class _Summary(_Strict):
    requests: Annotated[int, Field(ge=1, le=2**53)]
    duration_us: Annotated[int, Field(ge=1, le=2**53)]
    bytes: _Count
    errors: _Errors
    latency_us: _Latency


def missing() -> str:
    return program.missing(PROGRAM, "wrk")


def parse(text: str) -> Told:
    """The one line the script prints. Raises TargetError."""
    lines = [line for line in text.splitlines() if line.startswith(_MARK)]
    if len(lines) != 1:
        raise program.wrong(PROGRAM, f"{len(lines)} lines of the script's, not one", text)
    try:
        summary = _Summary.model_validate_json(lines[0].removeprefix(_MARK))
    except ValidationError as error:
        first = error.errors()[0]
        raise program.wrong(
            PROGRAM, f"{'.'.join(map(str, first['loc'])) or 'the line'}: {first['msg']}", text
        ) from error
    errors = sum(summary.errors.model_dump().values())
    latencies = {name: value * 1e3 for name, value in summary.latency_us.model_dump().items()}
    return Told(PROGRAM, summary.requests / summary.duration_us * 1e6, errors, latencies)


def run(
    place: Place,
    endpoint: Endpoint,
    path: str,
    *,
    duration_s: float,
    connections: int,
    cpus: Collection[int],
) -> Told:
    """One thread for ``duration_s``. wrk takes whole seconds only, but sums up early on SIGINT; its threads
    see that within 0.1 s and the duration it tells is the true one. Raises TargetError."""
    argv: list[str | Path] = [
        PROGRAM,
        "-t",
        "1",
        "-c",
        str(connections),
        "-d",
        f"{int(duration_s) + 60}s",
        "--timeout",
        _LATEST,
        "-s",
        SCRIPT,
    ]
    argv.append(f"http://{endpoint.host}:{endpoint.port}/{path}")
    text = program.run(place, argv, cpus=cpus, limit_s=_GRACE_S, interrupt_after_s=duration_s)
    return parse(text)
