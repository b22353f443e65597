"""What a finished run gives reason to doubt: its machine, its cells, its series."""

from dataclasses import replace

from bench import warnings
from bench.statistics import Replicate, Replicates
from results.store import Store
from vocabulary import CellRecord, Clock, RunRecord


def appraise(store: Store, run: RunRecord, replicates: Replicates) -> RunRecord:
    """The run with all its warnings, kept in the store: of its environment, and of what was measured."""
    cells = [finding for cell in store.cells(run.run_id) for finding in _of_cell(cell)]
    series = [finding for group in _plain_series(replicates) for finding in _of_series(group)]
    found = [*warnings.for_environment(run.environment), *warnings.brief(cells), *warnings.brief(series)]
    appraised = replace(run, warnings=tuple(map(str, found)))
    if store.writable:
        store.update_run(appraised)
    return appraised


def _of_cell(cell: CellRecord) -> list[warnings.Finding]:
    """The generator's own fault is told in the cell's reason already."""
    return warnings.for_cell(cell.environment, lost_events=cell.lost_events)


def _plain_series(replicates: Replicates) -> list[list[Replicate]]:
    groups: dict[tuple[str, str, str], list[Replicate]] = {}
    for replicate in replicates:
        if not replicate.probes and replicate.metric.better != "neither":
            groups.setdefault((replicate.target, replicate.case, replicate.series), []).append(replicate)
    return list(groups.values())


def _of_series(group: list[Replicate]) -> list[warnings.Finding]:
    """In the order the deployments were run."""
    group = sorted(group, key=lambda replicate: replicate.index)
    first = group[0]
    name = f"{first.case} {first.metric.name}"
    medians = [replicate.median for replicate in group]
    if first.metric.clock is Clock.ICOUNT and len(set(medians)) == 1:
        return []  # exact: no further deployment would tell more
    return warnings.for_series(name, medians, str(first.metric.better))
