"""A locust run of one master and its workers, all in one place, bounded in time; and what it counted."""

import csv
import math
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vocabulary import Place, TargetError
from workloads.users.settings import VARIABLE, Settings

ROOT = Path(__file__).parents[2]
SCENARIOS = Path(__file__).parent / "scenarios.py"
PORT = 5557
_CONNECT_WITHIN_S = 60
_GRACE_S = 15
_STOP_S = 2
_TAIL = 2000


@dataclass(frozen=True, slots=True)
class Counted:
    """Of one service: requests done, failures among them, and requests a second while it ran."""

    requests: int
    failures: int
    rate_per_s: float


def run(
    place: Place,
    settings: Settings,
    users: Mapping[str, int],
    *,
    workers: int,
    spawn_per_s: float,
    duration_s: int,
    cpus: Collection[int],
    scratch: Path,
) -> dict[str, Counted]:
    """What each service counted, by its name; ``users`` are numbers of users by class of scenarios.py.

    Raises TargetError when locust fails, is not done in time, or has made no request."""
    scratch.mkdir(parents=True, exist_ok=True)
    processes: list[tuple[str, subprocess.Popen[bytes]]] = []

    def start(name: str, *options: str | Path) -> subprocess.Popen[bytes]:
        argv: list[str | Path] = [sys.executable, "-m", "locust", "--locustfile", SCENARIOS]
        with (scratch / f"{name}.log").open("wb") as log:
            process = place.popen(
                [*argv, *options],
                cpus=cpus or None,
                env={VARIABLE: settings.dump(), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
                cwd=scratch,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        processes.append((name, process))
        return process

    try:
        master = start("master", *_master_options(users, workers, spawn_per_s, duration_s, scratch))
        for number in range(workers):
            start(f"worker{number}", "--worker", "--master-host", "127.0.0.1", "--master-port", str(PORT))
        limit_s = _CONNECT_WITHIN_S + sum(users.values()) / spawn_per_s + duration_s + _GRACE_S
        _await(master, processes[1:], limit_s, scratch)
    finally:
        for _, process in processes:
            if process.poll() is None:
                process.kill()
            process.wait()
    return read_stats(scratch / "run_stats.csv", scratch)


def _master_options(
    users: Mapping[str, int], workers: int, spawn_per_s: float, duration_s: int, scratch: Path
) -> Sequence[str | Path]:
    options = ["--master", "--headless", "--master-bind-host", "127.0.0.1", "--master-bind-port", str(PORT)]
    options += ["--expect-workers", str(workers), "--expect-workers-max-wait", str(_CONNECT_WITHIN_S)]
    options += ["--users", str(sum(users.values())), "--spawn-rate", str(spawn_per_s)]
    options += ["--run-time", f"{duration_s}s", "--stop-timeout", str(_STOP_S), "--only-summary"]
    options += ["--exit-code-on-error", "0", "--csv", str(scratch / "run")]
    return [*options, *users]


def _await(
    master: subprocess.Popen[bytes],
    workers: Sequence[tuple[str, subprocess.Popen[bytes]]],
    limit_s: float,
    scratch: Path,
) -> None:
    """Until the master ends by itself. Raises TargetError when a worker dies first, or it is out of time."""
    deadline = time.monotonic() + limit_s
    while (code := master.poll()) is None:
        dead = [name for name, worker in workers if worker.poll() not in (None, 0)]
        if dead:
            raise _failure(f"{dead[0]} died", scratch, dead[0])
        if time.monotonic() > deadline:
            raise _failure(f"it was not done in {limit_s:.0f} s", scratch, "master")
        time.sleep(0.05)
    if code:
        raise _failure(f"its master ended with {code}", scratch, "master")


def _failure(what: str, scratch: Path, log: str) -> TargetError:
    path = scratch / f"{log}.log"
    said = path.read_text(errors="replace")[-_TAIL:] if path.exists() else ""
    return TargetError(f"locust: {what}", where=log, remedy="its log is the console kept", console=said)


def read_stats(path: Path, scratch: Path) -> dict[str, Counted]:
    """Locust's statistics, names "service:what" added up by service. Raises TargetError."""
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        found: dict[str, Counted] = {}
        for row in rows:
            service, colon, _ = row["Name"].partition(":")
            if not colon:  # "Aggregated"
                continue
            so_far = found.get(service, Counted(0, 0, 0.0))
            requests, failures = int(row["Request Count"]), int(row["Failure Count"])
            rate_per_s = float(row["Requests/s"])
            if not (0 <= failures <= requests and 0 <= rate_per_s < math.inf):
                raise ValueError(f"{failures} of {requests} failed, {rate_per_s} a second")
            found[service] = Counted(
                so_far.requests + requests, so_far.failures + failures, so_far.rate_per_s + rate_per_s
            )
    except (OSError, csv.Error, KeyError, ValueError, TypeError, AttributeError) as error:
        raise _failure(f"its statistics cannot be read: {error!r}", scratch, "master") from error
    if not sum(counted.requests for counted in found.values()):
        raise _failure("no request was made", scratch, "master")
    return found
