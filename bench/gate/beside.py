"""The baseline's code deployed in the same blocks as the run's: `kxbench run PLAN --beside BASELINE`.

Two runs differ by what the machine was like in each; two targets in the same blocks do not. So where git has
the baseline's code and a target can be built of a commit, the gate need not trust figures of another hour."""

from collections.abc import Mapping, Sequence

from bench.environment.software import commit_of
from bench.gate.choosing import LEAST_COMMIT, baseline_or_run
from bench.plan import LONGEST_S, Plan, parse
from results.store import Store
from targets import OF_COMMITS, at_commit
from vocabulary import RunRecord, UsageError, commit_in


def code_wanted(store: Store, wanted: str) -> tuple[str, str]:
    """The commit, 40 digits, of a baseline's name, a run, or whatever names a commit to git; and which of
    these it was, for people. Raises UsageError: nothing of that name, or code that was never committed."""
    called, runs = baseline_or_run(store, wanted)
    if runs:
        if why := uncommitted(runs):
            raise UsageError(
                f"{wanted} cannot be deployed again: {why}",
                where=f"run {runs[0].run_id}",
                remedy="commit first, then measure the baseline; or name a commit: --beside HEAD",
            )
        return runs[0].commit, called
    try:
        return commit_of(wanted), f"git's {wanted}; no baseline and no run is called that"
    except LookupError as error:
        raise UsageError(
            f"--beside {wanted}: no baseline, run or commit is called that ({error})",
            where=store.where,
            remedy="kxbench baseline list; a commit must be in this clone (git fetch --unshallow)",
        ) from None


def uncommitted(runs: Sequence[RunRecord]) -> str:
    """Why the code of these runs (of one code) is in no commit; empty if it is."""
    run = runs[0]
    if len(run.commit) < LEAST_COMMIT:
        return "its commit is not known"
    return f"it is of {run.code}" if run.environment.get("git_dirty") else ""


def with_twins(plan: Plan, commit: str) -> Plan:
    """The plan with each of its targets that can be built of a commit once more, so built. Raises UsageError
    where there is none."""
    wanted = [name for name in plan.targets if name in OF_COMMITS]
    if not wanted:
        raise UsageError(
            f"none of the plan's targets can be built of a commit: {', '.join(plan.targets)}",
            where=f"plan {plan.name}",
            remedy=f"these can: {', '.join(sorted(OF_COMMITS))}; leave out --beside",
        )
    names = list(dict.fromkeys((*plan.targets, *(at_commit(name, commit) for name in wanted))))
    more = len(names) / len(plan.targets)
    changed = plan.model_dump(mode="json") | {
        "targets": names,
        "budget_s": min(plan.budget_s * more, LONGEST_S),
    }
    changed["cases"] = [
        case | {"targets": [*case["targets"], *_twins_of(case["targets"], names)]}
        if case["targets"]
        else case
        for case in changed["cases"]
    ]
    return parse(changed, where=f"plan {plan.name} beside {commit[:12]}")


def _twins_of(some: Sequence[str], names: Sequence[str]) -> list[str]:
    return [name for name in names if commit_in(name) and name.partition("@")[0] in some and name not in some]


def twins_in(run: RunRecord, commit: str) -> Mapping[str, str]:
    """The run's targets whose code of ``commit`` it deployed as well, and what that is called."""
    twins = {name: commit_in(name) for name in run.plan["targets"] if commit_in(name)}
    return {
        name: twin
        for name in run.plan["targets"]
        for twin, digits in twins.items()
        if name == twin.partition("@")[0] and commit.startswith(digits)
    }


def not_beside(run: RunRecord, runs: Sequence[RunRecord]) -> str:
    """Why what a run deployed of another commit is not the baseline's (``runs``); empty where it is, or where
    there is nothing of the kind."""
    others = [name for name in run.plan["targets"] if commit_in(name)]
    if not others or (not uncommitted(runs) and twins_in(run, runs[0].commit)):
        return ""
    why = uncommitted(runs) or f"it is of commit {runs[0].commit[:12]}"
    return f"{', '.join(others)} is not the baseline's code, and not used: {why}"
