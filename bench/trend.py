"""The command trend: one metric over all stored runs, and where it changed."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any

import typer

from bench.console import err, out, print_json, print_table, quantity, working
from bench.gate.settings import fits, names_of
from bench.gates import JsonOption, StoreOption
from bench.statistics.changepoints import LEAST, Change, changes, steps
from results.history import Brief, Line, SeriesId, all_series, briefs, lines_over_runs, ratio_targets
from results.store import Store
from vocabulary import UsageError


@dataclass(frozen=True, slots=True)
class Trend:
    """One series on one machine. ``against`` is the target it is a ratio to, if any."""

    series: SeriesId
    against: str
    line: Line
    changes: tuple[Change, ...]
    exact: bool = False  # counted, so that every difference is a change

    def verdict(self, change: Change) -> str:
        if self.series.better == "neither":
            return "changed"
        return "better" if (change.ratio < 1) is (self.series.better == "lower") else "worse"


def trend(
    metric: Annotated[
        str,
        typer.Argument(help="METRIC, KIND.METRIC, 'CASE SERIES' or 'TARGET CASE SERIES', with * and ?."),
    ],
    machine: Annotated[
        str, typer.Option("--machine", help="A machine's fingerprint, or 'all'; default: the latest run's.")
    ] = "",
    absolute: Annotated[
        bool, typer.Option("--absolute", help="The figures themselves, not their ratios to the control.")
    ] = False,
    all_: Annotated[bool, typer.Option("--all", help="Also series that did not change.")] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """When did a metric change? Change points over all stored runs, with confidence, factor and commits.

    A target's figure is taken over that of the run's first target where a run has both, so that the machine's
    own good and bad days are not found (docs/gate.md)."""
    from bench.judged import judge_what_is_not
    from bench.stored import opened

    with opened(store) as kept:
        if kept.writable:
            with working("judging runs that were not judged yet"):
                for run_id, why in judge_what_is_not(kept, set()):
                    if why:
                        err.print(f"  run {run_id} is left out: {why}", markup=False)
        found = trends(kept, metric, machine, absolute)
    if json:
        print_json([_as_json(one) for one in found])
    else:
        _show(found, all_)


def trends(store: Store, metric: str, machine: str = "", absolute: bool = False) -> list[Trend]:
    """Of every series that the pattern fits. Raises UsageError: no run, no such metric, no such machine."""
    runs = {one.run_id: one for one in briefs(store) if one.judged}
    if not runs:
        raise UsageError("the store holds no judged run", where=store.where, remedy="kxbench run")
    machines = {one.machine for one in runs.values()}
    wanted = machine or next(iter(runs.values())).machine
    if wanted not in machines | {"all"}:
        known = ", ".join(sorted(machines))
        raise UsageError(f"no run of machine {wanted!r}", where=store.where, remedy=f"known: {known}, all")
    found = []
    for series in _matching(store, metric):
        against = "" if absolute else next(iter(ratio_targets(store, series.series_id)), "")
        for line in lines_over_runs(store, series.series_id, against, runs):
            if wanted in ("all", line.machine):
                exact = not against and series.counted(line)
                seen = steps(line.values) if exact else changes(line.values)
                found.append(Trend(series, against, line, tuple(seen), exact))
    return found


def _matching(store: Store, metric: str) -> list[SeriesId]:
    every = [one for one in all_series(store) if not one.probed and not one.of_a_commit]
    fitting = [
        one for one in every if fits(metric, names_of(one.target, one.case, one.kind, one.series, one.metric))
    ]
    if not fitting:
        names = sorted({f"{one.kind}.{one.metric}" for one in every})
        near = get_close_matches(metric, [*names, *{one.metric for one in every}], n=3)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        listed = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
        raise UsageError(
            f"no stored run has a metric {metric!r}", where=store.where, remedy=f"{hint}there are: {listed}"
        )
    return fitting


def _commits(one: Trend, change: Change) -> tuple[Brief, Brief]:
    return one.line.runs[change.at - 1], one.line.runs[change.at]


def _as_json(one: Trend) -> dict[str, Any]:
    def real(value: float) -> float | None:
        return value if math.isfinite(value) else None

    return {
        "target": one.series.target,
        "case": one.series.case,
        "series": one.series.series,
        "unit": "1" if one.against else one.series.unit,
        "better": one.series.better,
        "against": one.against or None,
        "machine": one.line.machine,
        "runs": [
            {
                "run": point.run.run_id,
                "started_s": point.run.started_s,
                "commit": point.run.commit,
                "value": point.value,
                "low": real(point.low),
                "high": real(point.high),
            }
            for point in one.line.points()
        ],
        "changes": [
            {
                "run": after.run_id,
                "commit_before": before.commit,
                "commit_after": after.commit,
                "ratio": change.ratio,
                "low": change.low,
                "high": change.high,
                "confidence": 1 - change.p,
                "verdict": one.verdict(change),
            }
            for change in one.changes
            for before, after in (_commits(one, change),)
        ],
    }


def _show(found: Sequence[Trend], all_: bool) -> None:
    changed = [one for one in found if one.changes]
    rows = [_row(one, change) for one in changed for change in one.changes]
    if rows:
        print_table(
            "",
            [
                *("target", "case", "series", "changed", "before", "after", "factor", "95 % interval"),
                *("confidence", "", "of"),
            ],
            rows,
            right=("factor", "confidence"),
        )
    steady = [one for one in found if not one.changes]
    if all_ and steady:
        print_table(
            "no change found",
            ["target", "case", "series", "runs", "latest"],
            [
                (
                    *(one.series.target, one.series.case, one.series.series, len(one.line)),
                    _value(one, one.line.values[-1]),
                )
                for one in steady
            ],
            right=("runs", "latest"),
        )
    out.print(f"{len(changed)} of {len(found)} series changed")
    if few := [one for one in found if len(one.line) < 2 * LEAST and not one.exact]:
        err.print(f"  {len(few)} of fewer than {2 * LEAST} runs: changes cannot be found in those")


def _row(one: Trend, change: Change) -> tuple[str, ...]:
    before, after = _commits(one, change)
    day = time.strftime("%Y-%m-%d %H:%M", time.gmtime(after.started_s))
    return (
        *(one.series.target, one.series.case, one.series.series, f"{after.run_id} ({day})"),
        *(before.commit[:12] or "unknown", after.commit[:12] or "unknown"),
        *(f"{change.ratio:.3f}", f"{change.low:.3f} .. {change.high:.3f}", f"{1 - change.p:.1%}"),
        *(one.verdict(change), f"{one.series.target} / {one.against}" if one.against else "itself"),
    )


def _value(one: Trend, value: float) -> str:
    return f"{value:.3f}" if one.against else quantity(value, one.series.unit)
