"""What the commands show of stored runs: figures, cells, comparisons."""

import math
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

from bench import statistics
from bench.console import err, out, print_json, print_table, quantity, working
from bench.environment import differences, shown
from bench.plan import cells_of_block, parse
from bench.statistics import Replicates, as_json
from results.costs import as_comparison
from results.curves import curves_of
from results.faults import storing
from results.plain import finite
from results.report import write_report
from results.store import Store
from vocabulary import (
    Clock,
    ComparisonRow,
    RunRecord,
    SummaryRow,
    UsageError,
    commit_in,
)

REPORTS, EXPORTS = "reports", "exports"
LEAST = 3  # deployments for an interval worth showing: of two, Student's t makes one of decades


def replicates_of(store: Store, run_id: str) -> Replicates:
    """The run's deployments, boiled down: everything below takes this, so that a large run is read once."""
    return statistics.gather(store.samples(run_id))


def summary_of(run: RunRecord, replicates: Replicates) -> list[SummaryRow]:
    """Every series of a run over its deployments, in the plan's order."""
    rows = [_told(row) for row in statistics.summarise(replicates, seed=run.seed)]
    order = {key: place for place, key in enumerate(_plan_order(run))}
    return sorted(rows, key=lambda row: order.get((row.case, row.target, row.probed), len(order)))


def _told(row: SummaryRow) -> SummaryRow:
    """Without an interval where there are too few deployments for one worth showing. A count of instructions
    that is the same in two is exact (`bench.statistics.summary`)."""
    exact = row.clock == Clock.ICOUNT and row.low == row.high
    return row if exact or row.deployments >= LEAST else replace(row, low=math.nan, high=math.nan)


def _plan_order(run: RunRecord) -> Iterator[tuple[str, str, bool]]:
    """(case, target, probed) as the plan names them: figures are shown in that order. None of a plan that
    this kxbench does not know: the run may be of another version, on another machine."""
    with suppress(UsageError):
        for target, case, _kind, _params, probes in cells_of_block(parse(run.plan, f"run {run.run_id}")):
            yield case, target, bool(probes)


def interval(low: float, high: float, unit: str) -> str:
    """``low .. high`` in the unit's own scale, or a word where too few deployments give none."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return "too few deployments"
    return f"{quantity(low, unit)} .. {quantity(high, unit)}"


def _demand_kind(run: RunRecord, kind: str | None) -> None:
    """Raises UsageError for a kind of case that the run's plan does not have."""
    kinds = sorted({case["kind"] for case in run.plan["cases"]})
    if kind is not None and kind not in kinds:
        raise UsageError(
            f"--only {kind}: run {run.run_id} has no such case", remedy=f"it has: {', '.join(kinds)}"
        )


def show_cells(store: Store, run: RunRecord, kind: str | None, _all: bool, json: bool) -> None:
    """Every cell in the order run, with its outcome and reason."""
    _demand_kind(run, kind)
    cells = [cell for cell in store.cells(run.run_id) if kind in (None, cell.kind)]
    if json:
        print_json(finite([asdict(cell) for cell in cells]))
        return
    print_table(
        f"run {run.run_id} ({run.state})",
        ["cell", "block", "target", "case", "probes", "outcome", "s", "reason"],
        [
            (
                *(c.index, c.block + 1, c.target, c.case, " ".join(c.probes)),
                *(c.outcome, f"{c.duration_s:.2f}", c.reason),
            )
            for c in cells
        ],
        right=("cell", "block", "s"),
    )


def show_run(store: Store, run: RunRecord, kind: str | None, all_: bool, json: bool) -> None:
    """The figures of a run: by default those of cells without probes that have a better and a worse, without
    counts of what did not happen."""
    _demand_kind(run, kind)
    with working("reading samples"):
        summary = summary_of(run, replicates_of(store, run.run_id))
    rows = [
        row
        for row in summary
        if kind in (None, row.kind)
        and (all_ or (not row.probed and row.better != "neither" and row.maximum != 0))
    ]
    if json:
        print_json([as_json(row) for row in rows])
        return
    _figures(f"run {run.run_id} ({run.state}), plan {run.plan_name}", rows)
    if not all_:
        err.print("  (judged figures of cells without probes; --all shows every series)", markup=False)


def _figures(title: str, rows: list[SummaryRow]) -> None:
    print_table(
        title,
        ["target", "case", "series", "median", "95 % interval", "deployments", ""],
        [
            (
                *(row.target, row.case + (" (probed)" if row.probed else ""), row.series),
                *(
                    quantity(row.estimate, row.unit),
                    interval(row.low, row.high, row.unit),
                    row.deployments,
                    row.note,
                ),
            )
            for row in rows
        ],
        right=("median", "deployments"),
    )


def comparisons_within(run: RunRecord, replicates: Replicates) -> list[ComparisonRow]:
    """The run's first target against each of the others, block by block; without those that measured nothing
    in common with it."""
    first, *others = dict.fromkeys(run.plan["targets"])
    return _compared(replicates, [(first, other) for other in others])


def _with_twins(run: RunRecord, replicates: Replicates) -> list[ComparisonRow]:
    """Another commit's code against the target's own, where the run deployed both (``run --beside``)."""
    first, *others = dict.fromkeys(run.plan["targets"])
    twins = [(name, name.partition("@")[0]) for name in (first, *others) if commit_in(name)]
    return _compared(replicates, [(twin, target) for twin, target in twins if target in others])


def _compared(replicates: Replicates, pairs: Iterable[tuple[str, str]]) -> list[ComparisonRow]:
    rows: list[ComparisonRow] = []
    for a, b in pairs:
        try:
            rows += statistics.compare(replicates, a, b)
        except UsageError as error:
            err.print(f"  {a} and {b} are not compared: {error}", markup=False)
    return rows


def show_comparison(store: Store, a: RunRecord, b: RunRecord | None, all_: bool, json: bool) -> None:
    """Two runs, or the targets of one. Raises UsageError when they have nothing in common."""
    if b is None:
        if len(set(a.plan["targets"])) < 2:
            raise UsageError(
                f"run {a.run_id} has one target: nothing to compare within it",
                remedy="name a second run, or run a plan with two targets (process@again is process again)",
            )
        with working("reading samples"):
            replicates = replicates_of(store, a.run_id)
        rows = [*_with_twins(a, replicates), *comparisons_within(a, replicates)]
    else:
        with working("reading samples"):
            sides = replicates_of(store, a.run_id), replicates_of(store, b.run_id)
        rows = statistics.compare_runs(*sides, names=(a.run_id, b.run_id))
        for difference in differences(a.environment, b.environment):
            err.print(f"  the machines differ: {difference}", markup=False)
    apart = [row for row in rows if math.isnan(row.ratio)]  # of different clocks: side by side all the same
    listed = [row for row in rows if row.significant or (row.better != "neither" and (all_ or row in apart))]
    if json:
        print_json([as_json(row) for row in listed])
        return
    if listed:
        _differences(listed)
    found = sum(row.significant for row in rows)
    judged = sum(not row.note for row in rows)
    unjudged = Counter(row.note for row in rows if row.note and row.better != "neither")
    out.print(f"{found} of {judged} judged series differ significantly (5 % over all of them together)")
    for note, count in unjudged.most_common(3):
        out.print(f"  {count} not judged: {note}", markup=False)
    if not all_ and judged:
        out.print("  --all shows every series")


def _differences(rows: list[ComparisonRow]) -> None:
    """Which two: above the table, or in it where there are several pairs."""
    pairs = sorted({f"a: {row.a}, b: {row.b}" for row in rows})
    one = len(pairs) == 1
    print_table(
        pairs[0] if one else "",
        [*([] if one else ["of"]), "case", "series", "a", "b", "b/a", "95 % interval", "p (Holm)", "verdict"],
        [
            (
                *([] if one else [f"a: {row.a}, b: {row.b}"]),
                *(
                    row.case,
                    row.series,
                    quantity(row.estimate_a, row.unit),
                    quantity(row.estimate_b, row.unit_b or row.unit),
                ),
                *_ratio(row),
                "significant" if row.significant else row.note,
            )
            for row in rows
        ],
        right=("a", "b", "b/a", "p (Holm)"),
    )


def _ratio(row: ComparisonRow) -> tuple[str, str, str]:
    if math.isnan(row.ratio):
        return "–", "–", "–"
    return f"{row.ratio:.3f}", f"{row.low:.3f} .. {row.high:.3f}", f"{row.p_adjusted:.3g}"


def export_path(store: Store, run: RunRecord, format_: str) -> Path:
    """Where an export goes unless told: beside the store, named after the run."""
    name = f"{run.run_id}.json" if format_ == "json" else f"{run.run_id}-{format_}"
    return store.samples_dir.parent / EXPORTS / name


def report_folder(store: Store, run_id: str) -> Path:
    """Where a run's report goes unless told: beside its samples."""
    return store.samples_dir.parent / REPORTS / run_id


def forget(store: Store, run_id: str) -> None:
    """Remove a run with its report. The report goes first: it can be made again should the rest fail.
    Raises StoreError."""
    folder = report_folder(store, run_id)
    with storing("the report was not removed", str(folder)), suppress(FileNotFoundError):
        shutil.rmtree(folder)
    store.delete_run(run_id)


def write_reports(
    store: Store,
    run: RunRecord,
    replicates: Replicates,
    comparisons: list[ComparisonRow],
    out_dir: Path | None = None,
) -> tuple[Path, Path]:
    """``report.html`` and ``report.md`` of a run. Raises StoreError."""
    return write_report(
        out_dir or report_folder(store, run.run_id),
        run,
        list(store.cells(run.run_id)),
        summary_of(run, replicates),
        comparisons,
        curves_of(store.samples(run.run_id)),
        overheads=[as_comparison(row) for row in statistics.overheads(replicates)],
        environment=shown(run.environment),
        sources=statistics.source_differences(replicates),
    )
