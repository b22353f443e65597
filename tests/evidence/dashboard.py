"""How fast the dashboard is with months of runs: makes a store of made-up runs, serves it, asks for pages.

    python -m tests.evidence.dashboard STORE_DIR [--runs 10000] [--write docs/dashboard.md]

The store (some 3 GB for 10,000 runs of 200 metrics and 240 cells) is made once and used again. Every page is
asked for in three ways: for the first time (another run, series or pair each time), again (kept since), and
right after somebody wrote to the store, when nothing is kept any more. Times are from the request's first
byte to the answer's last, over loopback, by one asker; the server is a process of its own."""

import argparse
import http.client
import itertools
import json
import os
import platform
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from results.curves import RATE
from results.history import briefs
from results.judgements import SERIES, identity
from results.store import Store
from tests.results.made_up import PARENT, a_cell, some
from vocabulary import Outcome, RunRecord, RunState

ROOT = Path(__file__).resolve().parents[2]
TARGETS, KINDS, BLOCKS, MACHINES = ("process", "kylinx"), ("fork", "pipe", "exec", "redis"), 6, 4
FAMILIES = ("fork", "ipc", "redis")  # of those kinds
METRICS = ("parent", "child", "total", "one_way", "latency")
STEP_S = 1800.0
BEGAN_S = 1_700_000_000.0


def run_ids(count: int) -> list[str]:
    started = (time.gmtime(BEGAN_S + i * STEP_S) for i in range(count))
    return [f"{time.strftime('%Y%m%d-%H%M%S', moment)}-{i % 65536:04x}" for i, moment in enumerate(started)]


def a_run(run_id: str, number: int) -> RunRecord:
    machine = number % MACHINES
    return RunRecord(
        run_id=run_id,
        plan_name="nightly",
        plan={"targets": list(TARGETS), "cases": [{"kind": kind} for kind in KINDS], "blocks": BLOCKS},
        seed=number,
        state=RunState.FINISHED,
        started_s=BEGAN_S + number * STEP_S,
        finished_s=BEGAN_S + number * STEP_S + 600,
        environment={
            "fingerprint": f"made-up-{machine}",
            "host": f"machine-{machine}",
            "cpu_model": "made up",
            "cpus": 2,
        }
        | {f"fact_{i}": "x" * 100 for i in range(30)},
        warnings=("made up: these are nobody's measurements",),
        commit=f"{number // 20:040x}",
        cells_planned=len(TARGETS) * 20 * BLOCKS,
    )


def cases() -> list[tuple[str, str]]:
    return [(kind, f"{kind}[size={size}]") for kind in KINDS for size in (1, 16, 256, 4096, 65536)]


def all_series() -> list[dict[str, Any]]:
    return [
        {"target": target, "case_id": case, "kind": kind, "series": f"{metric}@program", "metric": metric}
        | {"source": "program", "probe": "", "labels": {}, "probed": False}
        | {"unit": "ns", "clock": "monotonic", "better": "lower"}
        for target in TARGETS
        for kind, case in cases()
        for metric in METRICS
    ]


def make(directory: Path, runs: int) -> Path:
    """A store with that many runs; one that is there already is taken as it is."""
    file = directory / "kxbench.sqlite"
    if file.exists():
        return file
    directory.mkdir(parents=True, exist_ok=True)
    ids = run_ids(runs)
    with Store.open(file) as store:
        for number in range(runs - sampled(runs), runs):
            store.create_run(a_run(ids[number], number))
            _add_cells(store, ids[number])
        with store.writing("series") as connection:
            connection.execute(SERIES.insert(), [{**one, "identity": identity(one)} for one in all_series()])
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA synchronous=OFF")
        _insert_runs(db, ids)
        _insert_figures(db, ids)
        db.execute("ANALYZE")
    return file


def sampled(runs: int) -> int:
    """How many of the newest runs have samples, for the charts that are drawn of them."""
    return min(20, max(1, runs // 2))


def _add_cells(store: Store, run_id: str) -> None:
    """With 500 samples each; Redis at four rates."""
    latency = replace(PARENT, name="latency")
    every = [(block, t, kind, case) for block in range(BLOCKS) for t in TARGETS for kind, case in cases()]
    for index, (block, target, kind, case) in enumerate(every):
        drawn = np.random.default_rng(index).lognormal(11, 0.1, 500)
        series = [some(drawn)]
        if kind == "redis":
            series = [some(drawn * rate, latency, labels={RATE: rate * 10_000}) for rate in (1, 2, 3, 4)]
        cell = a_cell(index, {}, kind=kind, case=case, target=target, block=block)
        store.add_cell(run_id, cell, series)


def _insert_runs(db: sqlite3.Connection, ids: list[str]) -> None:
    from results.tables import run_row, to_json

    def runs() -> Iterator[dict[str, Any]]:
        for number, run_id in enumerate(ids[: -sampled(len(ids))]):
            row = run_row(a_run(run_id, number))
            yield {k: to_json(v) if isinstance(v, (dict, list)) else v for k, v in row.items()} | {
                "judged_s": 1.0
            }

    def cells() -> Iterator[tuple[Any, ...]]:
        every = [
            (block, target, kind, case)
            for block in range(BLOCKS)
            for target in TARGETS
            for kind, case in cases_
        ]
        for number, run_id in enumerate(ids[: -sampled(len(ids))]):
            for index, (block, target, kind, case) in enumerate(every):
                outcome = Outcome.NOISY if (number + index) % 97 == 0 else Outcome.OK
                yield (
                    run_id,
                    index,
                    block,
                    target,
                    case,
                    kind,
                    str(outcome),
                    BEGAN_S + number * STEP_S + index,
                )

    cases_ = cases()
    columns = [
        *("run_id", "plan_name", "plan", "seed", "state", "started_s", "finished_s", "environment"),
        *("warnings", "commit", "cells_planned", "machine", "judged_s"),
    ]
    names = ", ".join(f'"{c}"' for c in columns)
    db.executemany(f"INSERT INTO runs ({names}) VALUES ({', '.join(f':{c}' for c in columns)})", runs())
    db.executemany(
        "INSERT INTO cells (run_id, cell, block, target, case_id, kind, params, probes, outcome, reason,"
        " started_s, duration_s, environment, console, lost_events, series) VALUES"
        " (?, ?, ?, ?, ?, ?, '{}', '[]', ?, '', ?, 2.0, '{\"steal\":0.01}', 'ready', 0, 5)",
        cells(),
    )
    db.execute("UPDATE runs SET judged_s = 1.0")
    db.commit()


def _insert_figures(db: sqlite3.Connection, ids: list[str]) -> None:
    """A series after the other, as they lie in the file; each has a level, noise and two changes."""
    every = db.execute("SELECT series_id, target, case_id, metric FROM series ORDER BY series_id").fetchall()
    noise = np.random.default_rng(1)
    for series_id, target, case, metric in every:
        level = 50e3 * (1 + (hash_of(case, metric) % 50)) * (0.6 if target == "kylinx" else 1.0)
        drift = np.where(np.arange(len(ids)) > len(ids) // 3, 1.1, 1.0) * np.where(
            np.arange(len(ids)) > len(ids) * 0.8, 0.92, 1.0
        )
        middle = level * drift * noise.lognormal(0, 0.02, len(ids))
        each = middle[:, None] * noise.lognormal(0, 0.03, (len(ids), BLOCKS))
        place = series_id
        db.executemany(
            "INSERT INTO figures VALUES (?, ?, ?, ?, 3000, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?)",
            (
                _figure(series_id, run, m, row)
                for run, m, row in zip(ids, middle.tolist(), each.tolist(), strict=True)
            ),
        )
        if target == "kylinx":
            ratios = 0.6 * noise.lognormal(0, 0.01, len(ids))
            db.executemany(
                "INSERT INTO ratios VALUES (?, ?, 'process', ?, ?, ?, ?, ?, ?, 0.001, 0.01, -0.9, 6, 1, '',"
                " 'monotonic', 'monotonic', 'ns')",
                (
                    (series_id, run, place, m / 0.6, m, r, r * 0.98, r * 1.02)
                    for run, m, r in zip(ids, middle.tolist(), ratios.tolist(), strict=True)
                ),
            )
    db.commit()


def _figure(series_id: int, run: str, middle: float, each: list[float]) -> tuple[Any, ...]:
    bounds = (middle * factor for factor in (1, 0.97, 1.03, 0.9, 0.95, 1.05, 1.2, 1.5, 0.85, 2))
    deployed = json.dumps([[block, value, False, 1] for block, value in enumerate(each)])
    return series_id, run, series_id, BLOCKS, *bounds, deployed


def hash_of(*parts: str) -> int:
    return sum(ord(c) * (i + 1) for i, c in enumerate("/".join(parts)))


class Served:
    """The dashboard as a process of its own on a free port; stopped at the end of the ``with``."""

    def __init__(self, store: Path) -> None:
        command = [sys.executable, "-P", "-m", "bench", "dashboard", "--store", str(store), "--port", "0"]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, env=env, text=True)

    def __enter__(self) -> http.client.HTTPConnection:
        assert self._process.stdout
        line = self._process.stdout.readline()
        port = int(line.split("://")[1].split("/")[0].rpartition(":")[2])
        return http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def cpu_s(self) -> float:
        """What the server has used so far."""
        used = psutil.Process(self._process.pid).cpu_times()
        return float(used.user + used.system)

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=20)


def asked(connection: http.client.HTTPConnection, path: str) -> float:
    began = time.perf_counter()
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    took = time.perf_counter() - began
    assert answer.status == 200, (path, answer.status)
    return took * 1000


def pages(
    ids: list[str], series: list[tuple[int, str]], chance: random.Random
) -> dict[str, Callable[[], str]]:
    def two() -> tuple[str, str]:
        a, b = chance.sample(ids, 2)
        return a, b

    def trend(ratio: bool) -> str:
        number, _target = chance.choice([one for one in series if not ratio or one[1] == "kylinx"])
        return f"/trends/{number}" + ("?against=process" if ratio else "")

    newest = ids[: sampled(len(ids))]  # those with samples
    charts = [(run, family) for run in newest for family in FAMILIES]
    chance.shuffle(charts)
    drawn = itertools.cycle(charts)

    def compared(*families: str) -> str:
        a, b = chance.sample(newest, 2)
        return f"/api/v1/compare/charts?a={a}&b={b}&family={chance.choice(families)}"

    return {
        "Overview": lambda: f"/?plan=nightly&before={BEGAN_S + chance.randrange(2, len(ids)) * STEP_S}",
        "Run": lambda: f"/runs/{chance.choice(ids)}",
        "Compare, targets of a run": lambda: "/compare?a={0}&a_target=process&b={0}&b_target=kylinx".format(
            chance.choice(ids)
        ),
        "Compare, two runs": lambda: "/compare?a={}&b={}".format(*two()),
        "Trends, the list": lambda: f"/trends?x={chance.random()}",
        "Trend of a figure": lambda: trend(False),
        "Trend of a ratio": lambda: trend(True),
        "Trend, zoomed": lambda: (
            trend(False).replace("/trends", "/api/v1/trends")
            + f"/chart?since={BEGAN_S + len(ids) * STEP_S * 0.9:.0f}&until={BEGAN_S + len(ids) * STEP_S:.0f}"
        ),
        "Trend, its change points": lambda: trend(False) + "?whole=true",
        "Charts of a run": lambda: "/api/v1/runs/{}/charts?family={}".format(*next(drawn)),
        "ECDFs, two runs": lambda: compared("fork", "ipc"),
        "Latency by rate, two runs": lambda: compared("redis"),
        "Systems": lambda: f"/systems?x={chance.random()}",
        "API: runs": lambda: (
            f"/api/v1/runs?most=100&before_s={BEGAN_S + chance.randrange(2, len(ids)) * STEP_S}"
        ),
        "API: figures of a run": lambda: f"/api/v1/runs/{chance.choice(ids)}/figures",
        "API: progress": lambda: f"/api/v1/runs/{chance.choice(ids)}/progress",
    }


def touch(file: Path) -> None:
    """What any write does: nothing that was kept is good any more."""
    with sqlite3.connect(file) as db:
        db.execute("UPDATE runs SET seed = seed + 1 WHERE run_id = (SELECT max(run_id) FROM runs)")


def measure(file: Path, times: int) -> dict[str, dict[str, list[float]]]:
    """By page and way of asking, milliseconds of each request; and what they took of the server's CPU."""
    with Store.open(file) as store:
        ids = [run.run_id for run in briefs(store)]
        with store.reading("series") as connection:
            rows = connection.exec_driver_sql("SELECT series_id, target FROM series")
            series = [(row[0], row[1]) for row in rows]
    found: dict[str, dict[str, list[float]]] = {}
    served = Served(file)
    with served as connection:
        asked(connection, "/")
        for name, address in pages(ids, series, random.Random(5)).items():
            first = [address() for _ in range(times)]
            before = served.cpu_s()
            found[name] = {"first": [asked(connection, path) for path in first]}
            found[name]["cpu"] = [(served.cpu_s() - before) * 1000 / times]
            found[name]["again"] = [asked(connection, path) for path in first[-20:] for _ in range(3)]
            found[name]["written"] = [after_a_write(connection, file, address()) for _ in range(times)]
            told = (f"{way} {np.median(t):.0f}/{np.percentile(t, 99):.0f}" for way, t in found[name].items())
            print(name, *told, flush=True)
    return found


def after_a_write(connection: http.client.HTTPConnection, file: Path, path: str) -> float:
    touch(file)
    return asked(connection, path)


def table(found: dict[str, dict[str, list[float]]]) -> str:
    lines = [
        "| page | first time: median | p99 | CPU | again: median | p99 | after a write: median | p99 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, ways in found.items():
        cells = [
            f"{np.median(t):.0f}" + (f" | {np.percentile(t, 99):.0f}" if way != "cpu" else "")
            for way, t in ways.items()
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def about(options: argparse.Namespace, file: Path) -> str:
    size = f"{file.stat().st_size / 2**30:.1f} GiB"
    cpus, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    return (
        f"{options.runs} runs of 200 metrics, {size}; {options.times} requests each; Python "
        f"{platform.python_version()}, {cpus} CPUs, load {load:.1f} with others' work. Milliseconds."
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("store", type=Path)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--write", type=Path, help="replace the table of this file")
    options = parser.parse_args()
    began = time.monotonic()
    file = make(options.store, options.runs)
    print(f"store: {file.stat().st_size / 2**30:.1f} GiB, {time.monotonic() - began:.0f} s")
    text = table(measure(file, options.times))
    head = about(options, file)
    print(head, text, sep="\n\n")
    if options.write:
        whole = options.write.read_text(encoding="utf-8")
        before, mark, rest = whole.partition("<!-- figures -->\n")
        _, end, after = rest.partition("<!-- end -->")
        assert mark and end, f"{options.write} has no place for the figures"
        options.write.write_text(f"{before}{mark}{head}\n\n{text}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
