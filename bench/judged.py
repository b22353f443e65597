"""Judging a run once, for the store: what the dashboard and later runs need, without the samples again."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from bench import statistics
from bench.environment import shown
from bench.statistics import Replicate, Replicates
from bench.views import comparisons_within, replicates_of, summary_of
from results.dashboard.hooks import Side
from results.history import run_before
from results.judgements import Deployed, Judgement, judgement_of, keep, unjudged
from results.store import Store
from vocabulary import (
    Better,
    Clock,
    ComparisonRow,
    KxbenchError,
    Metric,
    RunRecord,
    Source,
    SummaryRow,
    UsageError,
)


def judge(
    store: Store,
    run: RunRecord,
    replicates: Replicates | None = None,
    comparisons: Sequence[ComparisonRow] | None = None,
) -> Judgement:
    """Everything that is kept of a run. ``comparisons`` are those within it; what is not given is made."""
    replicates = replicates_of(store, run.run_id) if replicates is None else replicates
    summary = summary_of(run, replicates)
    groups: dict[tuple[str, str, bool, str], list[Replicate]] = {}
    for one in replicates:
        groups.setdefault((one.target, one.case, bool(one.probes), one.series), []).append(one)
    kept = [[_deployed(r) for r in groups[row.target, row.case, row.probed, row.series]] for row in summary]
    judgement = Judgement(
        summary=summary,
        replicates=kept,
        comparisons=_comparisons(run, replicates) if comparisons is None else comparisons,
        overheads=statistics.overheads(replicates),
        sources=statistics.source_differences(replicates),
        environment=shown(run.environment),
    )
    return _with_changes(store, run, judgement)


def _comparisons(run: RunRecord, replicates: Replicates) -> list[ComparisonRow]:
    targets = run.plan.get("targets")
    named = isinstance(targets, list) and targets and all(isinstance(name, str) for name in targets)
    return comparisons_within(run, replicates) if named else []


def _deployed(replicate: Replicate) -> Deployed:
    return replicate.block, replicate.median, replicate.noisy, replicate.tick


def _with_changes(store: Store, run: RunRecord, judgement: Judgement) -> Judgement:
    """Against the last run of this plan on this machine, where there was one."""
    before = run_before(store, run)
    if before is None:
        return judgement
    try:
        rows = _compared(judgement_of(store, before), judgement, (before, run.run_id))
    except UsageError:  # nothing in common
        return judgement
    return replace(judgement, before=before, changes=rows)


def keep_judgement(
    store: Store,
    run: RunRecord,
    replicates: Replicates | None = None,
    comparisons: Sequence[ComparisonRow] | None = None,
) -> None:
    """Judge a run and keep that, in a store that can be written to."""
    if store.writable:
        keep(store, run.run_id, judge(store, run, replicates, comparisons))


def judge_what_is_not(store: Store, failed: set[str]) -> Iterator[tuple[str, str]]:
    """Judge the runs that are over and were not judged yet, the oldest of them first, as each is compared
    with the one before it; but not those in ``failed``, to which are added the ones that cannot be. Yields
    the ids, each with why it cannot be judged, or nothing."""
    for run_id in reversed(list(unjudged(store))):
        if run_id in failed:
            continue
        try:
            keep_judgement(store, store.run(run_id))
        except KxbenchError as error:
            failed.add(run_id)
            yield run_id, str(error)
        else:
            yield run_id, ""


def compare_sides(store: Store, a: Side, b: Side) -> list[ComparisonRow]:
    """``b`` against ``a``, from what is kept of their deployments: targets of one run block by block, runs
    and targets of two runs unpaired. Raises UsageError when they have nothing in common."""
    if a.run_id == b.run_id:
        return statistics.compare(_replicates(judgement_of(store, a.run_id)), a.target, b.target)
    sides = [_of_target(_replicates(judgement_of(store, side.run_id)), side.target) for side in (a, b)]
    if a.target and b.target and a.target != b.target:
        sides[1] = Replicates(replace(one, target=a.target) for one in sides[1])
    return statistics.compare_runs(*sides, names=(a.name, b.name))


def _of_target(replicates: Replicates, target: str) -> Replicates:
    return Replicates(one for one in replicates if target in ("", one.target))


def _compared(a: Judgement, b: Judgement, names: tuple[str, str]) -> list[ComparisonRow]:
    return statistics.compare_runs(_replicates(a), _replicates(b), names=names)


def _replicates(judgement: Judgement) -> Replicates:
    """Deployments as they were when they were judged, but for the samples inside them."""
    pairs = zip(judgement.summary, judgement.replicates, strict=True)
    return Replicates(_replicate(row, one) for row, deployed in pairs for one in deployed)


def _replicate(row: SummaryRow, one: Deployed) -> Replicate:
    block, median, noisy, tick = one
    return Replicate(
        target=row.target,
        case=row.case,
        kind=row.kind,
        index=block,
        block=block,
        probes=("kept",) if row.probed else (),
        noisy=noisy,
        series=row.series,
        metric=Metric(row.metric, row.unit, Clock(row.clock), Better(row.better)),
        source=Source(row.source),
        probe=row.probe,
        labels=row.labels,
        count=1,
        median=median,
        minimum=median,
        maximum=median,
        values=np.array([median]),
        tick=tick,
    )
