"""Which baseline a person means, whether it may be compared with a run, and how one is made."""

import getpass
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.environment import differences
from bench.plan import parse
from results.baselines import Baseline, baseline, baselines, keep_baseline
from results.store import Store
from results.tables import machine_of
from vocabulary import HostError, Outcome, RunRecord, RunState, StoreError, UsageError

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,62}")
_RUN = re.compile(r"\d{8}-")  # how a run's id begins
AGAIN = "measured again for the gate of run "  # how a re-run's summary begins
LEAST_COMMIT = 7  # hexadecimal digits: what git shows, and no run id (they have a dash at the ninth place)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The other side of a gate. ``told`` is for people and reports."""

    called: str
    runs: tuple[RunRecord, ...]
    told: Mapping[str, Any]


def judged_run(store: Store, name: str) -> RunRecord:
    """As ``store.run``, but the ``latest`` is never a gate's own re-run: asked twice, it is the same run."""
    if name == "latest":
        for run in reversed(store.runs()):
            if not str(run.plan.get("summary") or "").startswith(AGAIN):
                return run
    return store.run(name)


def choose(store: Store, wanted: str, run: RunRecord) -> Chosen:
    """``NAME``, ``NAME@VERSION``, a run's id or the beginning of one, or a commit (the last finished run of
    it, of the same plan and machine, without uncommitted changes if there is one). Raises UsageError: nothing
    of that name, a baseline whose run is gone."""
    named = baseline(store, wanted)
    if named is not None:
        runs = runs_of(store, named)
        return Chosen(named.called, runs, _told(named) | {"code": runs[0].code})
    by_commit = _of_commit(store, wanted, run)
    if by_commit is not None:
        return Chosen(by_commit.run_id, (by_commit,), _told_run(by_commit, f"commit {wanted}"))
    try:
        found = store.run(wanted)
    except UsageError as error:
        names = ", ".join(dict.fromkeys(one.name for one in baselines(store))) or "none yet"
        raise UsageError(
            f"no baseline, run or commit {wanted!r}",
            where=store.where,
            remedy=f"baselines: {names}; runs: `kxbench list runs`; "
            "make one: kxbench baseline set NAME RUN --why ...",
        ) from error
    return Chosen(found.run_id, (found,), _told_run(found, "run"))


def baseline_or_run(store: Store, wanted: str) -> tuple[str, tuple[RunRecord, ...]]:
    """What it is called in full, and the runs of a baseline, or one run (``latest``, an id, its beginning
    with the time); nothing where the store has neither."""
    named = baseline(store, wanted)
    if named is not None:
        return f"baseline {named.called}", runs_of(store, named)
    if wanted == "latest" or _RUN.match(wanted):
        run = judged_run(store, wanted)
        return f"run {run.run_id}", (run,)
    return "", ()


def named_baseline(store: Store, called: str) -> Baseline:
    """Raises UsageError when there is none of that name."""
    found = baseline(store, called)
    if found is None:
        names = ", ".join(dict.fromkeys(one.name for one in baselines(store)))
        remedy = f"there are: {names}; a run by a baseline: kxbench gate RUN --baseline NAME"
        raise UsageError(
            f"no baseline {called!r}",
            where=store.where,
            remedy=remedy if names else "there is none yet: kxbench baseline set NAME RUN --why ...",
        )
    return found


def runs_of(store: Store, named: Baseline) -> tuple[RunRecord, ...]:
    """Raises UsageError when one of them is gone."""
    there = {run.run_id: run for run in store.runs()}
    gone = [run_id for run_id in named.runs if run_id not in there]
    if gone:
        raise UsageError(
            f"baseline {named.called} is of run {', '.join(gone)}, which the store does not have any more",
            where=store.where,
            remedy=f"import the run again, or make it anew: kxbench baseline set {named.name} RUN --why ...",
        )
    return tuple(there[run_id] for run_id in named.runs)


def _of_commit(store: Store, wanted: str, run: RunRecord) -> RunRecord | None:
    if len(wanted) < LEAST_COMMIT or not re.fullmatch("[0-9a-fA-F]+", wanted):
        return None
    of_it = [
        one for one in store.runs() if one.commit.startswith(wanted.lower()) and one.run_id != run.run_id
    ]
    fitting = [
        one
        for one in of_it
        if one.state is RunState.FINISHED
        and one.plan_name == run.plan_name
        and machine_of(one.environment) == machine_of(run.environment)
    ]
    if of_it and not fitting:
        raise UsageError(
            f"commit {wanted} has runs, but none of plan {run.plan_name} that finished on this machine",
            remedy=f"name a run: {', '.join(one.run_id for one in of_it[-5:])}",
        )
    clean = [one for one in fitting if not one.environment.get("git_dirty")]
    return (clean or fitting)[-1] if fitting else None


def _told(named: Baseline) -> dict[str, Any]:
    return {
        "name": named.called,
        "runs": list(named.runs),
        "commit": named.commit,
        "machine": named.machine,
        "made_by": named.made_by,
        "made_s": named.made_s,
        "why": named.why,
    }


def _told_run(run: RunRecord, why: str) -> dict[str, Any]:
    return {
        "name": run.run_id,
        "runs": [run.run_id],
        "commit": run.commit,
        "machine": machine_of(run.environment),
        "made_by": "",
        "made_s": run.started_s,
        "why": why,
        "code": run.code,
    }


def demand_same_machine(run: RunRecord, chosen: Chosen) -> None:
    """Raises HostError (exit code 4) naming what differs."""
    for other in chosen.runs:
        if machine_of(other.environment) != machine_of(run.environment):
            found = differences(other.environment, run.environment)
            raise HostError(
                f"the baseline is of another machine, or this one changed: {'; '.join(found) or 'unknown'}",
                where=f"{chosen.called} and run {run.run_id}",
                remedy="set a baseline on this machine; or, if you know what you compare: --other-machine",
            )


def demand_apart(run: RunRecord, chosen: Chosen) -> None:
    if run.run_id in {one.run_id for one in chosen.runs}:
        raise UsageError(
            f"run {run.run_id} is the baseline itself", remedy="run its plan again, and gate that"
        )


def demand_over(run: RunRecord) -> None:
    """Raises UsageError for a run that is going on: what it lacks is yet to come."""
    if run.state is RunState.RUNNING:
        raise UsageError(f"run {run.run_id} is going on", remedy="wait until it has finished, then ask again")


def set_baseline(store: Store, name: str, runs: Sequence[RunRecord], why: str) -> Baseline:
    """The next version of ``name``. Raises UsageError: not a name, runs of several machines or plans."""
    if not _NAME.fullmatch(name) or re.fullmatch("[0-9a-fA-F]{7,}", name) or name == "latest":
        raise UsageError(
            f"{name!r} cannot name a baseline",
            remedy="a letter, then letters, digits, '_', '.', '-'; not 'latest', nor what reads as a commit",
        )
    if not why.strip():
        raise UsageError("a baseline needs its reason", remedy='say why: --why "release 1.2"')
    for run in runs:
        demand_over(run)
    first = runs[0]
    for what, said in (
        ("machines", {machine_of(run.environment) for run in runs}),
        ("plans", {run.plan_name for run in runs}),
        ("commits", {run.code for run in runs}),
    ):
        if len(said) > 1:
            raise UsageError(
                f"the runs are of several {what}: {', '.join(sorted(said))}",
                remedy="a baseline is of one code on one machine: name runs of it alone",
            )
    made = Baseline(
        name=name,
        version=0,
        runs=tuple(dict.fromkeys(run.run_id for run in runs)),
        machine=machine_of(first.environment),
        host=str(first.environment.get("host") or ""),
        commit=first.commit,
        made_by=who(),
        made_s=time.time(),
        why=why.strip(),
    )
    try:
        return keep_baseline(store, made)
    except StoreError as error:
        if "UNIQUE" not in error.what.upper():
            raise
        return keep_baseline(store, made)  # somebody else set it in the same moment: theirs came first


def doubts(store: Store, runs: Sequence[RunRecord]) -> list[str]:
    """Why little or nothing could be judged by these runs, if there is a reason."""
    cells = [cell for run in runs for cell in store.cells(run.run_id)]
    failed = sum(cell.outcome is Outcome.FAILED for cell in cells)
    noisy = sum(cell.outcome is Outcome.NOISY for cell in cells)
    told = [
        f"run {run.run_id} was interrupted: kxbench resume {run.run_id}, then set it again"
        for run in runs
        if run.state is RunState.INTERRUPTED
    ]
    if failed:
        told.append(f"{failed} of {len(cells)} cells failed: they are no part of it")
    if noisy and not all(parse(run.plan, run.run_id).gate.noisy for run in runs):
        told.append(f"{noisy} of {len(cells)} cells are noisy: nothing is judged by those (docs/gate.md)")
    return told


def who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user in the container
        return "unknown"
