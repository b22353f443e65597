"""Simulated machines: how often the statistics are right when the truth is known.

    python -m bench.statistics.simulate [coverage] [alarms] [runs] [power] [--runs N] [--seed N]

prints the tables of docs/statistics.md. The tests hold the same functions to their bounds on fewer runs."""

import argparse
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from bench.statistics.comparison import SESSION, compare, compare_runs
from bench.statistics.summary import summarise
from vocabulary import Better, CellRecord, Clock, ComparisonRow, Metric, Outcome, Samples, Source

LATENCY = Metric("latency", "ns", Clock.MONOTONIC, Better.LOWER)
TARGETS = ("process", "process@again")


@dataclass(frozen=True, slots=True)
class Machine:
    """What its noise is like, in standard deviations of logarithms (0.05: five per cent)."""

    between: float = 0.05  # between deployments, the median over series
    spread: float = 0.5  # of that figure from series to series
    within: float = 0.1  # between samples of one deployment
    drift: float = 0.02  # a step of the random walk from block to block, common to all cells of a block
    session: float = 0.0  # between runs, for each case
    common: float = 0.5  # share of a deployment's variance that its series have in common
    disturbed: float = 0.03  # how many deployments something else disturbs ...
    disturbance: float = 0.5  # ... and by how much, on average (exponential, always slower)
    cases: int = 8
    series: int = 5  # of each case
    samples: int = 50  # of each deployment


def run(
    machine: Machine, blocks: int, seed: int, slower: float = 1.0, world: int | None = None
) -> Iterator[tuple[CellRecord, list[Samples]]]:
    """The cells of one run of both ``TARGETS``; series 0 of case 0 takes ``slower`` times as long on the
    second, all else is the same. Runs of one ``world`` (else ``seed``) have the same series."""
    laws = np.random.default_rng(seed if world is None else world)
    shape = (machine.cases, machine.series)
    level = laws.uniform(3, 7, shape) * math.log(10)  # 1 us to 10 ms
    between = machine.between * np.exp(laws.normal(0, machine.spread, shape))
    rng = np.random.default_rng([seed, 1])
    level = level + rng.normal(0, machine.session, (machine.cases, 1))
    drift = np.cumsum(rng.normal(0, machine.drift, blocks))
    index = 0
    for block in range(blocks):
        for case in range(machine.cases):
            for target in TARGETS:
                own = rng.normal(size=machine.series) * math.sqrt(1 - machine.common)
                deployment = between[case] * (rng.normal() * math.sqrt(machine.common) + own)
                if rng.random() < machine.disturbed:
                    deployment = deployment + rng.exponential(machine.disturbance)
                centre = level[case] + drift[block] + deployment
                if target == TARGETS[1] and case == 0:
                    centre[0] += math.log(slower)
                size = (machine.series, machine.samples)
                values = np.exp(centre[:, None] + rng.normal(0, machine.within, size))
                yield _cell(index, block, target, f"case{case}"), _samples(values)
                index += 1


def _cell(index: int, block: int, target: str, case: str) -> CellRecord:
    return CellRecord(index, block, target, case, case, {}, (), Outcome.OK, "", 0.0, 1.0)


def _samples(values: np.ndarray) -> list[Samples]:
    return [Samples(LATENCY, Source.PROGRAM, row, labels={"n": n}) for n, row in enumerate(values)]


def covered(machine: Machine, deployments: int, runs: int, seed: int = 0) -> tuple[float, float]:
    """How many of the intervals of ``summarise`` hold the true median, and their median width as high / low.

    The true median is that of deployments without drift; a disturbed one is above it by as much as it
    takes, so it is taken from a large sample of undrifted deployments."""
    rng = np.random.default_rng(seed)

    def medians(count: int) -> np.ndarray:
        disturbed = (rng.random(count) < machine.disturbed) * rng.exponential(machine.disturbance, count)
        return np.asarray(rng.normal(0, machine.between, count) + disturbed)

    truth = float(np.exp(np.median(medians(1_000_000))))
    cells: list[tuple[CellRecord, list[Samples]]] = []
    for number in range(runs):
        for block, centre in enumerate(medians(deployments)):
            values = np.exp(centre + rng.normal(0, machine.within, (1, machine.samples)))
            cells.append((_cell(len(cells), block, "process", f"run{number}"), _samples(values)))
    rows = summarise(cells, seed)
    hits = sum(row.low <= truth <= row.high for row in rows)
    return hits / runs, float(np.median([row.high / row.low for row in rows]))


def families(
    machine: Machine, blocks: int, runs: int, seed: int = 0, slower: float = 1.0
) -> Iterator[list[ComparisonRow]]:
    """Comparisons of the two targets of each of ``runs`` simulated runs."""
    for number in range(runs):
        yield compare(run(machine, blocks, seed * 1_000_003 + number, slower), *TARGETS)


def alarms(machine: Machine, blocks: int, runs: int, seed: int = 0) -> float:
    """The share of A/A runs in which anything at all is called different."""
    return sum(any(row.significant for row in rows) for rows in families(machine, blocks, runs, seed)) / runs


def alarms_between_runs(
    machine: Machine, blocks: int, runs: int, seed: int = 0, session: float = SESSION
) -> float:
    """The share of pairs of runs of one machine, both of the same, in which anything is called different."""
    alarmed = 0
    for number in range(runs):
        world = seed * 1_000_003 + number
        pair = [run(machine, blocks, 2 * world + half, world=world) for half in (0, 1)]
        alarmed += any(row.significant for row in compare_runs(*pair, session=session))
    return alarmed / runs


def found(machine: Machine, blocks: int, runs: int, slower: float, seed: int = 0) -> float:
    """The share of runs in which the one series that is ``slower`` times as slow is called different."""
    hits = 0
    for rows in families(machine, blocks, runs, seed, slower):
        hits += any(row.significant and row.case == "case0" and "n=0" in row.series for row in rows)
    return hits / runs


QUIET = Machine(spread=0, disturbed=0)
STEADY = Machine(between=0.005, disturbed=0)
MACHINES = {
    "as assumed": Machine(),
    "equal variances, nothing disturbed": QUIET,
    "one deployment in ten disturbed": Machine(disturbed=0.1),
    "variances spread wide": Machine(spread=1),
    "half the noise": Machine(between=0.025),
}


def _table(head: tuple[str, ...], rows: Iterator[tuple[object, ...]]) -> None:
    def line(cells: tuple[object, ...]) -> None:
        sys.stdout.write("| " + " | ".join(map(str, cells)) + " |\n")
        sys.stdout.flush()

    line(head)
    line(tuple("---" for _ in head))
    for row in rows:
        line(row)
    sys.stdout.write("\n")


def show_coverage(runs: int, seed: int) -> None:
    def rows() -> Iterator[tuple[object, ...]]:
        for n in (2, 3, 4, 5, 6, 8, 10, 20):
            cells: list[object] = [n]
            for machine in (
                Machine(disturbed=0),
                Machine(disturbed=0.1),
                Machine(between=0.005, disturbed=0),
            ):
                share, width = covered(machine, n, runs, seed)
                cells.append(f"{share:.3f} ({width:.2f})")
            yield tuple(cells)

    _table(("deployments", "sd 5 %", "sd 5 %, one in ten disturbed", "sd 0.5 %, samples 10 %"), rows())


def show_alarms(runs: int, seed: int) -> None:
    _table(
        ("machine", "2 blocks", "3 blocks", "5 blocks", "10 blocks"),
        (
            (name, *(f"{alarms(machine, blocks, runs, seed):.3f}" for blocks in (2, 3, 5, 10)))
            for name, machine in MACHINES.items()
        ),
    )


def show_runs(runs: int, seed: int) -> None:
    _table(
        ("two runs, unpaired", "3 blocks", "5 blocks"),
        (
            (
                f"{real:.0%} from run to run, {assumed:.0%} assumed",
                *(
                    f"{alarms_between_runs(Machine(session=real), blocks, runs, seed, assumed):.3f}"
                    for blocks in (3, 5)
                ),
            )
            for real, assumed in ((0.0, 0.0), (0.0, 0.05), (0.03, 0.05), (0.05, 0.05), (0.1, 0.05))
        ),
    )


def show_power(runs: int, seed: int) -> None:
    _table(
        ("machine", *(f"{blocks} blocks, {slower:.0%}" for blocks in (3, 5, 10) for slower in (0.1, 0.3))),
        (
            (
                name,
                *(
                    f"{found(machine, blocks, runs, 1 + slower, seed):.2f}"
                    for blocks in (3, 5, 10)
                    for slower in (0.1, 0.3)
                ),
            )
            for name, machine in MACHINES.items()
        ),
    )


SHOWN: dict[str, Callable[[int, int], None]] = {
    "coverage": show_coverage,
    "alarms": show_alarms,
    "runs": show_runs,
    "power": show_power,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.statistics.simulate", description=__doc__)
    parser.add_argument("what", nargs="*", help=f"of {', '.join(SHOWN)}; all without")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if unknown := set(options.what) - set(SHOWN):
        parser.error(f"no table named {', '.join(sorted(unknown))}: there are {', '.join(SHOWN)}")
    for what in options.what or SHOWN:
        SHOWN[what](options.runs, options.seed)


if __name__ == "__main__":
    main()
