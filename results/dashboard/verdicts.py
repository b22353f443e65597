"""What the gate and the check of claims said of runs, as tables. Their reports are JSON of ``bench``; what a
newer one words otherwise is left out, not an error."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from results.baselines import Verdict, verdicts
from results.dashboard.hooks import Block
from results.families import family_of
from results.store import Store
from results.units import quantity, ratio, ratio_between

_CLASS = {
    **dict.fromkeys(("pass", "holds", "improved"), "better"),
    **dict.fromkeys(("regression", "fails", "failed"), "worse"),
}
_MOST_ROWS = 40
_SHOWN_FINDINGS = ("regression", "inconclusive", "refuted", "improved")


@dataclass(frozen=True, slots=True)
class Decision:
    """The gate's word on a run."""

    text: str
    kind: str  # a class of the style sheet
    against: str


def decision_of(verdict: Verdict) -> Decision:
    decision = str(verdict.report.get("decision", f"exit code {verdict.exit_code}"))
    baseline = verdict.report.get("baseline")
    name = ""
    if isinstance(baseline, Mapping):
        name = str(
            baseline.get("name") or baseline.get("called") or ", ".join(map(str, baseline.get("runs", ())))
        )
    return Decision(decision, _CLASS.get(decision, "unjudged"), name)


def decisions(store: Store, run_ids: Sequence[str]) -> dict[str, Decision]:
    return {run: decision_of(verdict) for run, verdict in verdicts(store, run_ids, "gate").items()}


def gate_table(store: Store, run_id: str) -> list[Block]:
    """The metrics that the gate found otherwise than the same, the worst first."""
    verdict = verdicts(store, [run_id], "gate").get(run_id)
    if verdict is None:
        return []
    decision = decision_of(verdict)
    metrics = [m for m in _mappings(verdict.report.get("metrics")) if m.get("finding") in _SHOWN_FINDINGS]
    same = len(_mappings(verdict.report.get("metrics"))) - len(metrics)
    metrics.sort(key=lambda m: _SHOWN_FINDINGS.index(str(m["finding"])))
    rows = [
        (
            f"{m.get('case', '')} on {m.get('target', '')}",
            str(m.get("series", "")),
            (str(m["finding"]), _CLASS.get(str(m["finding"]), "unjudged")),
            f"{_ratio(m, 'ratio')} ({_interval(m)})",
            _quantity(m, "baseline"),
            _quantity(m, "run"),
            str(m.get("why", "")),
        )
        for m in metrics[:_MOST_ROWS]
    ]
    against = f" against {decision.against}" if decision.against else ""
    note = f"The gate{against}: {decision.text}. {same} metrics are the same."
    columns = ("Case", "Series", "Finding", "Ratio, 95 % interval", "Baseline", "Run", "Why")
    return [Block("Gate", columns, tuple(rows), note)]


def claims_table(store: Store, run_ids: Sequence[str]) -> list[Block]:
    """Published claims with what was measured, as the newest check of each of the runs said."""
    rows: list[tuple[str | tuple[str, str], ...]] = []
    for run_id, verdict in verdicts(store, run_ids, "claims").items():
        for claim in _mappings(verdict.report.get("claims")):
            word = str(claim.get("verdict", ""))
            measured = (
                f"{_ratio(claim, 'ratio')} ({_interval(claim)})" if claim.get("ratio") is not None else "–"
            )
            told = [claim.get("claim") or claim.get("title") or claim.get("id") or claim.get("name") or ""]
            where = ", ".join(str(claim[k]) for k in ("source", "paper", "where") if claim.get(k))
            published = str(claim.get("published") or claim.get("relation") or "")
            kind = _CLASS.get(word, "unjudged")
            rows.append(
                (str(told[0]), where, published, measured, (word, kind), str(claim.get("why") or ""), run_id)
            )
    if not rows:
        return []
    columns = ("Claim", "Published in", "Claimed", "Measured, 95 % interval", "Verdict", "Why", "Run")
    return [Block("Published claims", columns, tuple(rows[:_MOST_ROWS]))]


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _real(found: Mapping[str, Any], name: str) -> float:
    value = found.get(name)
    return float(value) if isinstance(value, (int, float)) else float("nan")


def _ratio(found: Mapping[str, Any], name: str) -> str:
    return ratio(_real(found, name))


def _interval(found: Mapping[str, Any]) -> str:
    return ratio_between(_real(found, "low"), _real(found, "high"))


def _quantity(found: Mapping[str, Any], name: str) -> str:
    return quantity(
        _real(found, name), str(found.get("unit", "1")), family_of(str(found.get("kind", ""))).key
    )
