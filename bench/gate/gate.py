"""A gate from its two runs to its report."""

from collections.abc import Sequence
from dataclasses import replace

from bench.engine import Reporter
from bench.gate.beside import not_beside, twins_in, uncommitted
from bench.gate.choosing import (
    Chosen,
    choose,
    demand_apart,
    demand_over,
    demand_same_machine,
    named_baseline,
    runs_of,
)
from bench.gate.confirming import after, confirmable, measure_again
from bench.gate.judging import Judgement, judge
from bench.gate.report import FailedCell, GateReport
from bench.gate.settings import GateSettings
from bench.gate.sides import Side, drift, read_side
from bench.gate.thresholds import Thresholds
from bench.plan import cells_of_block, parse
from results.baselines import baselines, calibrations
from results.store import Store
from results.tables import machine_of
from vocabulary import Outcome, RunRecord, RunState, UsageError


def gate(
    store: Store,
    run: RunRecord,
    wanted: str,
    *,
    confirm: bool | None = None,
    other_machine: bool = False,
    reporter: Reporter,
) -> GateReport:
    """Judge ``run`` by the baseline ``wanted``. ``confirm``: whether what looks like a regression is measured
    again; None: if it can be. Raises UsageError, HostError (another machine; a re-run was asked for and
    cannot be made) and StoreError."""
    chosen = choose(store, wanted, run)
    demand_over(run)
    demand_apart(run, chosen)
    if not other_machine:
        demand_same_machine(run, chosen)
    report, baseline, thresholds = _report(store, run, chosen)
    return _confirmed(report, store, run, chosen, baseline, thresholds, confirm, reporter)


def difference(store: Store, a: str, b: str | None, *, other_machine: bool = False) -> GateReport:
    """Baseline ``b`` (by default the newest of ``a``'s name) against baseline ``a``. Raises UsageError, and
    HostError where they are of two machines."""
    first, second = (named_baseline(store, one) for one in (a, b or a.partition("@")[0]))
    if set(first.runs) == set(second.runs):
        versions = ", ".join(one.called for one in baselines(store, first.name))
        raise UsageError(
            f"{first.called} and {second.called} are the same run",
            remedy=f"name two that differ: there are {versions}",
        )
    runs = runs_of(store, second)
    chosen = choose(store, first.called, runs[0])
    if not other_machine:
        demand_same_machine(runs[0], chosen)
    report = _report(store, runs[0], chosen, runs)[0]
    return replace(report, run=f"{second.called} ({', '.join(second.runs)})")


def _report(
    store: Store, run: RunRecord, chosen: Chosen, runs: Sequence[RunRecord] = ()
) -> tuple[GateReport, Side, Thresholds]:
    """Both sides judged, with nothing measured again. ``runs``: all of this side, where ``run`` is one of
    several."""
    runs = runs or [run]
    plan = parse(run.plan, where=f"run {run.run_id}")
    thresholds = Thresholds.of(plan.gate, calibrations(store, machine_of(run.environment)), len(chosen.runs))
    control = plan.targets[0] if len(plan.targets) > 1 else None
    sides = [read_side(store, [one.run_id for one in some]) for some in (chosen.runs, runs)]
    planned = {(target, case) for target, case, *_ in cells_of_block(plan)}
    twins = twins_in(run, chosen.runs[0].commit) if not uncommitted(chosen.runs) else {}
    judged = judge(sides[0], sides[1], thresholds, control, planned, seed=run.seed, twins=twins)
    failed = [cell for one in runs for cell in _failed(store, one)]
    _demand_common(judged, sides, chosen, run, failed)
    report = GateReport(
        run=run.run_id,
        plan=run.plan_name,
        commit=run.commit,
        code=run.code,
        machine=machine_of(run.environment),
        baseline=chosen.told,
        control=control,
        metrics=judged.metrics,
        failed=tuple(failed),
        missing=judged.missing,
        unjudged=judged.unjudged,
        notes=tuple(_notes(run, chosen, plan.gate, control, judged)),
        drift=drift(sides[0].units(control, True), sides[1].units(control, True), control),
    )
    return report, sides[0], thresholds


def _confirmed(
    report: GateReport,
    store: Store,
    run: RunRecord,
    chosen: Chosen,
    baseline: Side,
    thresholds: Thresholds,
    confirm: bool | None,
    reporter: Reporter,
) -> GateReport:
    suspects = [one for one in report.metrics if one.suspect]
    if not suspects or confirm is False:
        note = ("not confirmed by a re-run: --no-confirm",) if suspects else ()
        return replace(report, notes=(*report.notes, *note))
    if why := confirmable(run):
        if confirm:
            raise why
        return replace(report, notes=(*report.notes, f"not confirmed by a re-run: {why.what}"))
    commit = chosen.runs[0].commit if not uncommitted(chosen.runs) else ""
    again = measure_again(store, run, suspects, commit, reporter)
    fresh = judge(
        baseline,
        read_side(store, [again.run_id]),
        thresholds,
        report.control,
        (),
        only={(one.target, one.case, one.series) for one in suspects},
        seed=run.seed + 1,
        twins=again.twins,
    )
    return replace(
        report,
        metrics=after(report.metrics, fresh.metrics, thresholds.settings),
        notes=(*report.notes, again.without) if again.without else report.notes,
        confirmed_by=again.run_id,
        interrupted=again.exit_code,
    )


def _failed(store: Store, run: RunRecord) -> list[FailedCell]:
    cells = store.cells(run.run_id)
    return [
        FailedCell(cell.target, cell.case, cell.block, _printable(cell.reason))
        for cell in cells
        if cell.outcome is Outcome.FAILED
    ]


def _printable(text: str) -> str:
    """A reason may hold what a target printed: no control codes, no halves of characters, one line."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)


def _demand_common(
    judged: Judgement, sides: Sequence[Side], chosen: Chosen, run: RunRecord, failed: Sequence[FailedCell]
) -> None:
    """Raises UsageError when there is nothing that both have; failed cells are told instead if there are."""
    if judged.metrics or judged.missing or failed:
        return
    have = [{(r.target, r.case, r.series) for part in side.parts for r in part} for side in sides]
    where = f"{chosen.called} and run {run.run_id}"
    if not have[0] & have[1]:
        plans = chosen.runs[0].plan_name, run.plan_name
        of = f": they are of plans {plans[0]} and {plans[1]}" if plans[0] != plans[1] else ""
        raise UsageError(
            f"the two have no series in common{of}",
            where=where,
            remedy="gate a run of the baseline's plan; kxbench show RUN tells what each measured",
        )
    why = "; ".join(f"{count} {reason}" for reason, count in judged.unjudged.items())
    raise UsageError(
        f"nothing that both have can be judged ({why})",
        where=where,
        remedy="run a plan with a control (its first target) beside the target, see docs/gate.md",
    )


def _notes(
    run: RunRecord, chosen: Chosen, settings: GateSettings, control: str | None, judged: Judgement
) -> list[str]:
    notes = []
    if run.state is RunState.INTERRUPTED:
        notes.append("the run was interrupted: its deployments so far are judged")
    if any(one.plan_name != run.plan_name for one in chosen.runs):
        names = ", ".join(sorted({one.plan_name for one in chosen.runs}))
        notes.append(f"the baseline is of plan {names}, the run of {run.plan_name}: what both have is judged")
    if any(machine_of(one.environment) != machine_of(run.environment) for one in chosen.runs):
        notes.append("the baseline is of another machine: trust ratios to the control and exact counts alone")
    if control is None and any(not one.exact and one.unit not in ("bytes", "1") for one in judged.metrics):
        notes.append("one target, no control: times themselves are compared, and only large changes are seen")
    if unused := not_beside(run, chosen.runs):
        notes.append(unused)
    if settings.noisy:
        notes.append("noisy deployments are used, as the plan says")
    return notes
