"""Verdicts on claims for people: a table, and markdown."""

import math
from collections import Counter
from collections.abc import Sequence

from bench.claims.judging import Holding, Verdict
from bench.console import err, out, print_table, quantity
from results.units import ratio


def value_of(verdict: Verdict) -> str:
    """The ratio or figure with its interval."""
    if not math.isfinite(verdict.value):
        return "–"
    show = (lambda x: quantity(x, verdict.unit)) if verdict.unit else ratio
    if not math.isfinite(verdict.low + verdict.high):
        return show(verdict.value)
    if verdict.low == verdict.high:
        return f"{show(verdict.value)}, exact"
    return f"{show(verdict.value)} ({show(verdict.low)} to {show(verdict.high)})"


def published_of(verdict: Verdict) -> str:
    """As published: the ratio with what it is made of, a figure, or words."""
    said = verdict.claim.published
    figures = [quantity(x, said.unit) for x in (said.measured, said.against) if x is not None]
    if said.of_both is not None:
        return f"{ratio(said.of_both)}" + (f" ({' / '.join(figures)})" if figures else "")
    return figures[0] if figures else said.words or "–"


def relation_of(verdict: Verdict) -> str:
    relation = verdict.claim.relation
    if relation is None:
        return "–"
    unit = verdict.unit or (verdict.claim.published.unit if verdict.claim.against is None else "")
    if not unit:
        return relation.words()
    low, high = relation.bounds()
    parts = [f"at least {quantity(low, unit)}"] if low else []
    parts += [f"at most {quantity(high, unit)}"] if math.isfinite(high) else []
    return " and ".join(parts)


def headline(verdicts: Sequence[Verdict]) -> str:
    found = Counter(one.holding for one in verdicts)
    return ", ".join(f"{found[holding]} {holding}" for holding in Holding if found[holding])


def show(run_id: str, verdicts: Sequence[Verdict]) -> None:
    print_table(
        f"published claims and run {run_id}",
        ["claim", "says", "claimed", "measured here", "published", "verdict", ""],
        [
            (
                *(one.claim.id, one.claim.says, relation_of(one), value_of(one), published_of(one)),
                *(str(one.holding), one.why),
            )
            for one in verdicts
        ],
        whole=("claim",),
    )
    out.print(headline(verdicts))
    lacking = sum(one.holding is Holding.NOT_MEASURABLE and not one.claim.cannot for one in verdicts)
    if lacking:
        err.print(
            f"  {lacking} for want of figures in this run; --measure makes a run that has what claims need"
        )


def markdown(run_id: str, verdicts: Sequence[Verdict]) -> str:
    lines = [f"## Published claims and run `{run_id}`", "", f"{headline(verdicts)}.", ""]
    lines += ["| claim | claimed | measured here | published | verdict |", "|---|---|---|---|---|"]
    for one in verdicts:
        claim = one.claim
        where = ", ".join(filter(None, (claim.source, claim.where)))
        verdict = f"**{one.holding}**" + (f": {one.why}" if one.why else "")
        cells = (
            f"{claim.id}: {claim.says} ({where})",
            relation_of(one),
            value_of(one),
            published_of(one),
            verdict,
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    notes = [f"- {one.claim.id}: {one.claim.note}" for one in verdicts if one.claim.note]
    return "\n".join([*lines, "", *notes]).rstrip() + "\n"
