"""The third condition of a regression: measured again, the cell says the same (docs/gate.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from bench import engine, environment
from bench.engine import Reporter
from bench.gate.beside import twins_in, with_twins
from bench.gate.choosing import AGAIN
from bench.gate.judging import LEAST
from bench.gate.report import Finding, Judged
from bench.gate.settings import GateSettings
from bench.plan import LONGEST_S, Plan, parse
from results.store import Store
from targets import OF_COMMITS
from vocabulary import HostError, RunRecord, TargetError, UsageError


@dataclass(frozen=True, slots=True)
class Again:
    """The re-run, kept in the store like any run. ``exit_code`` is not 0 when it was interrupted. ``twins``:
    which targets it deployed with the baseline's code as well, and what they are called; ``without``: why it
    could not, where it should have."""

    run_id: str
    exit_code: int
    twins: Mapping[str, str]
    without: str = ""


def confirmable(run: RunRecord) -> HostError | None:
    """Why the run's cells cannot be measured again here; None if they can. The code of the working tree must
    be the run's, for it is that which is deployed."""
    remedy = "gate where the run was made, at its commit and as root; or say --no-confirm"
    try:
        engine.demand_root()
    except HostError as error:
        return HostError("measuring again needs root", remedy=error.remedy)
    now = environment.describe()
    if environment.fingerprint(now) != run.environment.get("fingerprint"):
        return HostError("the run is of another machine", remedy=remedy)
    if now.get("git_commit") != run.environment.get("git_commit"):
        return HostError("the run is of another commit than the working tree", remedy=remedy)
    ours, theirs = _changes(now), _changes(run.environment)
    if ours is None or ours != theirs:
        return HostError("the run is of other uncommitted changes than the working tree", remedy=remedy)
    return None


def _changes(environment: Mapping[str, Any]) -> str | None:
    """Which uncommitted changes; empty without any, None where it is not told which."""
    return str(environment.get("git_changes") or "") or (None if environment.get("git_dirty") else "")


def measure_again(
    store: Store, run: RunRecord, suspects: Sequence[Judged], commit: str, reporter: Reporter
) -> Again:
    """Beside the code of ``commit``, the baseline's, where a target can be built of it. Raises what
    ``engine.start`` does: UsageError where a case of the plan is not known any more."""
    where, plan = f"re-run of {run.run_id}", plan_of(store, run, suspects)
    finished, without = None, ""
    if commit and OF_COMMITS.intersection(plan.targets):
        try:
            finished = engine.start(with_twins(plan, commit), where, store, reporter)
        except (UsageError, TargetError) as error:  # nothing was measured yet
            without = f"the re-run is judged by the baseline's figures, its code cannot be deployed: {error}"
    if finished is None:
        finished = engine.start(plan, where, store, reporter)
    twins = twins_in(store.run(finished.run_id), commit)
    return Again(finished.run_id, finished.exit_code, twins, without)


def plan_of(store: Store, run: RunRecord, suspects: Sequence[Judged]) -> Plan:
    """The cells of the suspects and of the control beside them, as often as in the run."""
    whole = parse(run.plan, where=f"run {run.run_id}")
    control = whole.targets[0]
    cells = {(c.target, c.case): c for c in store.cells(run.run_id) if not c.probes}
    probed = {(c.target, c.case): c for c in store.cells(run.run_id) if c.probes}
    by_case: dict[str, list[str]] = {}
    for one in suspects:
        targets = by_case.setdefault(one.case, [control] if len(whole.targets) > 1 else [])
        if one.target not in targets:
            targets.append(one.target)
    cases = []
    for case, targets in by_case.items():
        cell = cells.get((targets[-1], case)) or probed[targets[-1], case]
        probes = [] if (targets[-1], case) in cells else [list(cell.probes)]
        cases.append({"kind": cell.kind, "params": dict(cell.params), "targets": targets, "probes": probes})
    changed = whole.model_dump(mode="json") | {
        "name": f"{whole.name[:50]}-again",
        "summary": f"{AGAIN}{run.run_id}",
        "targets": list(dict.fromkeys(t for targets in by_case.values() for t in targets)),
        "blocks": max(whole.blocks, LEAST),
        "warmup": 0,
        "seed": (whole.seed + 1) % 2**32,
        "budget_s": min(max(whole.budget_s, 3600), LONGEST_S),
        "cases": cases,
    }
    return parse(changed, where=f"re-run of {run.run_id}")


def after(metrics: Sequence[Judged], fresh: Sequence[Judged], settings: GateSettings) -> tuple[Judged, ...]:
    """The metrics with the suspects' last word."""
    again = {(one.target, one.case, one.series): one for one in fresh}
    return tuple(
        _after(one, again.get((one.target, one.case, one.series)), settings) if one.suspect else one
        for one in metrics
    )


def _after(first: Judged, second: Judged | None, settings: GateSettings) -> Judged:
    if second is None:
        why = "looked like a regression, but the re-run did not measure it"
        return replace(first, finding=Finding.INCONCLUSIVE, why=why)
    told = {key: asdict(second)[key] for key in ("ratio", "low", "high", "p_value", "p_adjusted")}
    told |= {"deployments": list(second.deployments)}
    first = replace(first, again=told)
    if second.finding is Finding.INCONCLUSIVE and second.p_adjusted != second.p_adjusted:
        return replace(
            first, finding=Finding.INCONCLUSIVE, why=f"looked like a regression; the re-run: {second.why}"
        )
    if second.worse <= 1 + first.threshold:
        why = f"{first.why}; measured again: {second.ratio:.3f}{_over(second)}, within the threshold"
        return replace(first, finding=Finding.REFUTED, why=why)
    clear = second.p_adjusted < settings.alpha and (second.least() > 1 or second.high == float("inf"))
    word = "measured again" if clear else "the re-run neither confirms nor refutes it"
    span = f"{second.ratio:.3f} ({second.low:.3f} to {second.high:.3f}){_over(second)}"
    return replace(
        first,
        finding=Finding.REGRESSION if clear else Finding.INCONCLUSIVE,
        why=f"{first.why}; {word}: {span}",
    )


def _over(second: Judged) -> str:
    return f" over {second.beside}" if second.beside else ""
