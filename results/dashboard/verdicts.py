"""What the gate and the check of claims said of runs, as tables. Their reports are JSON of ``bench``; what a
newer one words otherwise is left out, not an error."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from results.baselines import Verdict, verdicts
from results.dashboard.hooks import Block
from results.families import family_of
from results.store import Store
from results.units import between, quantity, ratio, ratio_between, scale

_CLASS = {
    **dict.fromkeys(("pass", "holds", "improved"), "better"),
    **dict.fromkeys(("regression", "fails", "failed"), "worse"),
}
_MOST_ROWS = 40
_CLAIM_ORDER = {"fails": 0, "inconclusive": 1, "holds": 2}
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
    found = verdicts(store, run_ids, "claims")
    rows = [_claim(run, claim) for run, one in found.items() for claim in _mappings(one.report.get("claims"))]
    if not rows:
        return []
    rows.sort(key=lambda row: _CLAIM_ORDER.get(row[4][0], 9))
    judged = tuple(row for row in rows if row[4][0] in _CLAIM_ORDER)
    rest = tuple(row for row in rows if row[4][0] not in _CLAIM_ORDER)
    columns = ("Claim", "Claimed", "Published", "Measured, 95 % interval", "Verdict", "Why", "Run")
    words = f"{len(rest)} claims that could not be measured"
    return [Block("Published claims", columns, judged, rest=rest, rest_is=words)]


def _claim(run_id: str, told: Mapping[str, Any]) -> tuple[str | tuple[str, str], ...]:
    claim = told.get("claim")
    said = claim if isinstance(claim, Mapping) else {}
    word = str(told.get("holding", ""))
    source = ", ".join(str(said[name]) for name in ("source", "where") if said.get(name))
    return (
        f"{said.get('says') or said.get('id') or ''}" + (f" ({source})" if source else ""),
        _relation(said.get("relation"), str(told.get("unit") or _own_unit(said))),
        _published(told, said.get("published")),
        _value(told),
        (word, _CLASS.get(word, "unjudged")),
        str(told.get("why") or ""),
        run_id,
    )


def _own_unit(claim: Mapping[str, Any]) -> str:
    """Of a claim about a figure; empty for one about a ratio."""
    published = claim.get("published")
    about_a_figure = isinstance(published, Mapping) and not claim.get("against")
    return str(published.get("unit") or "") if about_a_figure and published else ""


def _relation(found: Any, unit: str) -> str:
    if not isinstance(found, Mapping):
        return "–"
    if isinstance(found.get("within"), (int, float)):
        return f"within {found['within']:.0%} of {found.get('of') or 1:g}"
    names = (("at_least", "at least"), ("at_most", "at most"))

    def show(bound: float) -> str:
        return quantity(bound, unit) if unit else f"{bound:g}×"

    return " and ".join(f"{w} {show(float(found[n]))}" for n, w in names if found.get(n) is not None) or "–"


def _published(told: Mapping[str, Any], found: Any) -> str:
    if math.isfinite(published := _real(told, "published_ratio")):
        return ratio(published)
    said = found if isinstance(found, Mapping) else {}
    if math.isfinite(measured := _real(said, "measured")):
        return quantity(measured, str(said.get("unit") or "1"))
    return str(said.get("words") or "–")


def _value(told: Mapping[str, Any]) -> str:
    value, low, high = (_real(told, name) for name in ("value", "low", "high"))
    if not math.isfinite(value):
        return "–"
    unit = str(told.get("unit") or "")
    if not unit:
        return f"{ratio(value)} ({ratio_between(low, high)})"
    by = scale(value, unit)
    return f"{by.text(value)} ({between(low, high, by, value)} {by.name})"


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
