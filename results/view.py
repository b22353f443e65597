"""What the report says, as plain rows and words: both templates show the same view."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from results.agreement import Agreement, agreement_of, agreements
from results.costs import Costs, costs_of
from results.curves import Curves
from results.figures import Difference, difference_of
from results.references import Reference
from results.sections import Section, outcomes_of, sections_of
from results.troubles import Trouble, troubles_of
from results.units import duration, quantity
from vocabulary import CellRecord, ComparisonRow, RunRecord, SourceRow, SummaryRow


@dataclass(frozen=True, slots=True)
class View:
    run: RunRecord
    facts: tuple[tuple[str, str], ...]
    targets: tuple[str, ...]
    outcomes: Mapping[str, int]
    sections: tuple[Section, ...]
    comparisons: tuple[Difference, ...]
    agreements: tuple[Agreement, ...]
    costs: tuple[Costs, ...]
    troubles: tuple[Trouble, ...]
    environment: tuple[tuple[str, str], ...]
    curves: Curves = field(default_factory=Curves)


def view(
    run: RunRecord,
    cells: Sequence[CellRecord],
    summary: Sequence[SummaryRow],
    comparisons: Sequence[ComparisonRow],
    overheads: Sequence[ComparisonRow],
    curves: Curves,
    references: Sequence[Reference],
    environment: Sequence[tuple[str, str]] | None,
    sources: Sequence[SourceRow] | None,
) -> View:
    targets = _targets(run, cells)
    return View(
        run=run,
        facts=_facts(run, cells),
        targets=targets,
        outcomes=outcomes_of(cells),
        sections=sections_of(cells, summary, comparisons, references, targets),
        comparisons=tuple(difference_of(row) for row in comparisons),
        agreements=tuple(agreements(summary) if sources is None else map(agreement_of, sources)),
        costs=costs_of(overheads),
        troubles=troubles_of(cells),
        environment=tuple(environment or _flat(run.environment)),
        curves=curves,
    )


def in_short(warning: str) -> str:
    """What a warning says before its details and advice."""
    return min(warning.partition(" (")[0], warning.partition(": ")[0], key=len)


def when(seconds: float | None) -> str:
    if seconds is None:
        return "not yet"
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return f"{seconds} s"


def _targets(run: RunRecord, cells: Sequence[CellRecord]) -> tuple[str, ...]:
    """In the order of the plan: the first is the baseline."""
    planned = run.plan.get("targets")
    order = [str(name) for name in planned] if isinstance(planned, (list, tuple)) else []
    return tuple(dict.fromkeys([*order, *sorted({cell.target for cell in cells})]))


def _facts(run: RunRecord, cells: Sequence[CellRecord]) -> tuple[tuple[str, str], ...]:
    environment = run.environment
    busy = sum(cell.duration_s for cell in cells)
    lasted = duration(run.finished_s - run.started_s) if run.finished_s else "unknown"
    planned = f" of {run.cells_planned} planned" if run.cells_planned else ""
    processors = environment.get("cpus")
    memory = environment.get("memory_bytes")
    machine = [
        environment.get("cpu_model"),
        f"{processors} CPUs" if processors else None,
        quantity(float(memory), "bytes") + " memory" if isinstance(memory, (int, float)) else None,
        environment.get("virtualisation") if environment.get("virtualisation") != "none" else None,
    ]
    system = [environment.get("distribution"), environment.get("kernel")]
    blocks = {cell.block for cell in cells if cell.block >= 0}
    return (
        ("Machine", ", ".join(str(part) for part in machine if part) or "not recorded"),
        ("System", ", ".join(str(part) for part in system if part) or "not recorded"),
        ("Plan", f"{run.plan_name}, seed {run.seed}, {len(blocks)} blocks"),
        ("Started", when(run.started_s)),
        ("Took", f"{lasted} ({duration(busy)} inside cells)"),
        ("State", f"{run.state}, {len(cells)} cells{planned}"),
        ("Commit", run.code if run.commit else "not recorded"),
    )


def _flat(environment: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    rows = []
    for key, value in environment.items():
        name = f"{before}{key}".replace("_", " ")
        if isinstance(value, Mapping):
            rows += _flat(value, f"{name}: ")
        else:
            text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
            rows.append((name, "unknown" if value is None else text or "none"))
    return rows
