"""The run that claims need: their cases on their targets, and nothing else."""

from collections.abc import Sequence
from typing import Any

from bench import engine
from bench.claims.file import Claim
from bench.engine import Reporter
from bench.plan import LONGEST_S, Plan, parse
from results.store import Store
from targets import TARGETS
from vocabulary import HostError, RunRecord, UsageError, case_id

CELL_S = 20  # what a cell is given in the budget: services take longest


def plan_of(claims: Sequence[Claim], blocks: int) -> Plan:
    """Raises UsageError when no claim can be measured."""
    cases: dict[str, dict[str, Any]] = {}
    for claim in claims:
        for side in claim.sides() if claim.measured else ():
            if side is None or side.target.partition("@")[0] not in TARGETS:
                continue
            case = cases.setdefault(
                case_id(side.case, side.params), {"kind": side.case, "params": side.params, "targets": []}
            )
            if side.target not in case["targets"]:
                case["targets"].append(side.target)
    targets = list(dict.fromkeys(target for case in cases.values() for target in case["targets"]))
    if not targets:
        raise UsageError("none of the claims can be measured", remedy="see `kxbench verify` for why")
    targets.sort(key=lambda name: name != "process")  # the first is what others are compared with
    cells = sum(len(case["targets"]) for case in cases.values())
    return parse(
        {
            "name": "claims",
            "summary": "what published claims need",
            "targets": targets,
            "blocks": blocks,
            "retries": 2,
            "budget_s": min(cells * blocks * CELL_S, LONGEST_S),
            "cases": list(cases.values()),
        },
        where="claims",
    )


def measured(store: Store, claims: Sequence[Claim], blocks: int, reporter: Reporter) -> RunRecord:
    """Raises HostError when the run was interrupted (it can be resumed), and what a run raises."""
    engine.demand_root()
    finished = engine.start(plan_of(claims, blocks), "claims", store, reporter)
    if finished.exit_code:
        error = HostError(
            "the run was interrupted: nothing is judged by half of it",
            remedy=f"kxbench resume {finished.run_id}, then kxbench verify {finished.run_id}",
        )
        error.exit_code = finished.exit_code
        raise error
    return store.run(finished.run_id)
