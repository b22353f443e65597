"""What the gate and the check of claims said of runs, as tables. Their reports are JSON of ``bench``; what a
newer one words otherwise is left out, not an error."""

import math
from collections import Counter
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
_MOST_ROWS = 200  # of each table; the gate's own JSON has all
_CLAIM_ORDER = {"fails": 0, "inconclusive": 1, "holds": 2}
_TOLD_FINDINGS = ("regression", "refuted", "improved")


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
    """The metrics that the gate found otherwise than the same, the worst first; those it could not tell are
    folded away."""
    verdict = verdicts(store, [run_id], "gate").get(run_id)
    if verdict is None:
        return []
    decision = decision_of(verdict)
    every = _mappings(verdict.report.get("metrics"))
    counted = Counter(str(m.get("finding")) for m in every)
    told = [m for finding in _TOLD_FINDINGS for m in every if m.get("finding") == finding]
    open_ = [m for m in every if m.get("finding") == "inconclusive"]
    against = f" against {decision.against}" if decision.against else ""
    found = ", ".join(f"{count} {finding}" for finding, count in counted.items())
    first = f", the first {_MOST_ROWS}" if len(open_) > _MOST_ROWS else ""
    return [
        Block(
            title="Gate",
            columns=("Case", "Series", "Finding", "Ratio, 95 % interval", "Baseline", "Run", "Why"),
            rows=tuple(map(_finding, told[:_MOST_ROWS])),
            note=f"The gate{against}: {decision.text}. Metrics: {found or 'none judged'}.",
            rest=tuple(map(_finding, open_[:_MOST_ROWS])),
            rest_is=f"{len(open_)} inconclusive, each with why{first}",
            prose=("Series", "Why"),
        )
    ]


def _finding(told: Mapping[str, Any]) -> tuple[str | tuple[str, str], ...]:
    finding = str(told["finding"])
    known = math.isfinite(_real(told, "ratio"))
    return (
        f"{told.get('case', '')} on {told.get('target', '')}",
        str(told.get("series", "")),
        (finding, _CLASS.get(finding, "unjudged")),
        f"{_ratio(told, 'ratio')} ({_interval(told)})" if known else "–",
        _quantity(told, "baseline"),
        _quantity(told, "run"),
        str(told.get("why", "")),
    )


def claims_table(store: Store, run_ids: Sequence[str]) -> list[Block]:
    """Published claims with what was measured, as the newest check of each of the runs said."""
    found = verdicts(store, run_ids, "claims")
    rows = [_claim(run, claim) for run, one in found.items() for claim in _mappings(one.report.get("claims"))]
    if not rows:
        return []
    rows.sort(key=lambda row: _CLAIM_ORDER.get(row[1][0], 9))
    judged = tuple(row for row in rows if row[1][0] in _CLAIM_ORDER)
    rest = tuple(row for row in rows if row[1][0] not in _CLAIM_ORDER)
    columns = ("Claim", "Verdict", "Claimed", "Measured, 95 % interval", "Published", "Why", "Run")
    words = f"{len(rest)} claims that could not be measured"
    prose = ("Published", "Why")
    return [Block("Published claims", columns, judged, rest=rest, rest_is=words, prose=prose)]


def _claim(run_id: str, told: Mapping[str, Any]) -> tuple[str | tuple[str, str], ...]:
    claim = told.get("claim")
    said = claim if isinstance(claim, Mapping) else {}
    word = str(told.get("holding", ""))
    source = ", ".join(str(said[name]) for name in ("source", "where") if said.get(name))
    return (
        f"{said.get('says') or said.get('id') or ''}" + (f" ({source})" if source else ""),
        (word, _CLASS.get(word, "unjudged")),
        _relation(said.get("relation"), str(told.get("unit") or _own_unit(said))),
        _value(told),
        _published(told, said.get("published")),
        str(told.get("why") or ""),
        (run_id, "run"),
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
