"""What a run says of a claim."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np

from bench.claims.file import Claim, Measured, Relation
from bench.statistics import Replicate, Replicates
from bench.statistics.comparison import pair_up, ratio_of
from bench.statistics.inference import paired
from bench.statistics.interval import estimate_of, interval
from bench.statistics.replicates import trusted
from vocabulary import (
    EXIT_INCONCLUSIVE,
    EXIT_NEGATIVE,
    EXIT_OK,
    CellRecord,
    Clock,
    Outcome,
    RunRecord,
    Source,
)
from workloads import case_kind

LEAST = 3  # blocks for an interval worth holding against anything

_SOURCES = (Source.PROGRAM, Source.GENERATOR, Source.NATIVE, Source.HOST)
"""Whose figure is taken where several measured one metric; a probe's never, for it adds its own cost."""


class Holding(StrEnum):
    HOLDS = "holds"
    FAILS = "fails"
    INCONCLUSIVE = "inconclusive"
    NOT_MEASURABLE = "not measurable here"


@dataclass(frozen=True, slots=True)
class Verdict:
    """``value`` with its 95 % interval is the ratio, or the figure in ``unit`` of a claim about one (``unit``
    is empty for a ratio). ``figures`` are the two sides', as measured."""

    claim: Claim
    holding: Holding
    why: str = ""
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    unit: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)
    blocks: int = 0

    def as_json(self) -> dict[str, Any]:
        claim = self.claim.model_dump(mode="json")
        told = {key: value for key, value in asdict(self).items() if key != "claim"}
        told = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in told.items()}
        ratio = self.claim.published.of_both
        return {"claim": claim, "published_ratio": ratio} | told | {"holding": str(self.holding)}


class _CannotError(Exception):
    """Why a side has no figure."""


def verify(
    claims: Sequence[Claim], run: RunRecord, replicates: Replicates, cells: Sequence[CellRecord]
) -> list[Verdict]:
    """Each claim's verdict, in their order."""
    return [_verdict(claim, run, replicates, cells) for claim in claims]


def exit_code(verdicts: Sequence[Verdict]) -> int:
    """1 if a claim fails; 3 if one is inconclusive or none could be measured; else 0."""
    found = {one.holding for one in verdicts}
    if Holding.FAILS in found:
        return EXIT_NEGATIVE
    return EXIT_INCONCLUSIVE if Holding.INCONCLUSIVE in found or Holding.HOLDS not in found else EXIT_OK


def _verdict(claim: Claim, run: RunRecord, replicates: Replicates, cells: Sequence[CellRecord]) -> Verdict:
    if claim.measured is None or claim.relation is None:
        return Verdict(claim, Holding.NOT_MEASURABLE, claim.cannot)
    one, other = claim.sides()
    try:
        measured = _series(one, run, replicates, cells)
        base = _series(other, run, replicates, cells) if other else None
    except _CannotError as error:
        return Verdict(claim, Holding.NOT_MEASURABLE, str(error))
    judged = _ratio(claim, base, measured) if base else _figure(claim, measured)
    return _held(judged, claim.relation)


def _held(judged: Verdict, relation: Relation) -> Verdict:
    """The interval against what is claimed: wholly inside, wholly outside, or neither."""
    if judged.holding is Holding.NOT_MEASURABLE or judged.why:
        return judged
    least, most = relation.bounds()
    if judged.low >= least and judged.high <= most:
        return replace(judged, holding=Holding.HOLDS)
    if judged.high < least or judged.low > most:
        return replace(judged, holding=Holding.FAILS)
    return replace(judged, why="the interval is on both sides of what is claimed")


def _ratio(claim: Claim, base: list[Replicate], measured: list[Replicate]) -> Verdict:
    a, b = base[0].metric, measured[0].metric
    if a.unit != b.unit or not a.clock.like(b.clock):
        why = f"{b.unit} by {b.clock} against {a.unit} by {a.clock}: no ratio"
        return Verdict(claim, Holding.NOT_MEASURABLE, why)
    match = pair_up(base, measured)
    if match is None:
        return Verdict(claim, Holding.INCONCLUSIVE, "never measured in one block")
    ratio = ratio_of(match, paired)
    value, low, high = ratio.bounds()
    told = {
        "measured": ratio.estimate_b,
        "against": ratio.estimate_a,
        "unit": b.unit,
        "clock": str(b.clock),
    }
    verdict = Verdict(claim, Holding.INCONCLUSIVE, "", value, low, high, figures=told, blocks=len(match.a))
    dropped = 0 if match.noisy else match.dropped
    return _doubted(verdict, dropped, match.noisy, exact=ratio.contrast.exact, emulated=b.clock)


def _figure(claim: Claim, measured: list[Replicate]) -> Verdict:
    used, note = trusted(measured)
    exact = used[0].metric.clock is Clock.ICOUNT and len({r.median for r in used}) == 1
    value = estimate_of(used)
    low, high = (value, value) if exact else interval(used, np.random.default_rng(len(used)))
    unit = used[0].metric.unit
    verdict = Verdict(
        claim,
        Holding.INCONCLUSIVE,
        "",
        *(value, low, high, unit),
        {"measured": value, "unit": unit, "clock": str(used[0].metric.clock)},
        len(used),
    )
    noisy = bool(note) and all(r.noisy for r in used)
    return _doubted(verdict, len(measured) - len(used), noisy, exact, used[0].metric.clock)


def _doubted(verdict: Verdict, dropped: int, noisy: bool, exact: bool, emulated: Clock) -> Verdict:
    """Not to be decided, where there is a reason; ``dropped`` blocks were noisy and left out."""
    if emulated is Clock.EMULATED:
        why = "the machine is emulated: its wall time is indicative"
        return replace(verdict, holding=Holding.NOT_MEASURABLE, why=why)
    if noisy:
        return replace(verdict, why="every deployment was noisy")
    if verdict.blocks < LEAST and not exact:
        blocks = f"{verdict.blocks} block{'' if verdict.blocks == 1 else 's'}"
        noise = f" ({dropped} noisy left out)" if dropped else ""
        return replace(verdict, why=f"{blocks}{noise}: {LEAST} are needed")
    return verdict


def _series(
    side: Measured, run: RunRecord, replicates: Replicates, cells: Sequence[CellRecord]
) -> list[Replicate]:
    """The deployments of the one series that is meant. Raises _CannotError."""
    of_target = [cell for cell in cells if cell.target == side.target]
    if not of_target:
        has = ", ".join(dict.fromkeys(cell.target for cell in cells)) or "none"
        raise _CannotError(f"run {run.run_id} has no cell of target {side.target} (it has {has})")
    fitting = [cell for cell in of_target if cell.kind == side.case and not cell.probes and _fits(side, cell)]
    if not fitting:
        said = ", ".join(f"{key}={value}" for key, value in side.params.items())
        raise _CannotError(
            f"run {run.run_id} has no case {side.case}{f' with {said}' if said else ''} on {side.target}"
        )
    case = min(fitting, key=lambda cell: len(cell.params)).case
    return list(_one_series(side, case, replicates)) or _why_not(side, case, fitting)


def _fits(side: Measured, cell: CellRecord) -> bool:
    """Whether the case's parameters, defaults among them, are those that the claim names."""
    model = case_kind(side.case).params
    whole = model.model_validate(dict(cell.params)).model_dump(mode="json")
    wanted = model.model_validate(side.params).model_dump(mode="json")
    return all(whole[key] == wanted[key] for key in side.params)


def _one_series(side: Measured, case: str, replicates: Replicates) -> Iterator[Replicate]:
    wanted = {key: str(value) for key, value in side.labels.items()}
    found: dict[str, list[Replicate]] = {}
    for r in replicates:
        labels = {key: str(value) for key, value in r.labels.items()}
        mine = (r.target, r.case, r.metric.name) == (side.target, case, side.metric) and not r.probes
        if mine and r.source in _SOURCES and wanted.items() <= labels.items():
            found.setdefault(r.series, []).append(r)
    best = min(found.values(), key=lambda group: _SOURCES.index(group[0].source), default=[])
    alike = [g for g in found.values() if g[0].source is best[0].source] if best else []
    if len(alike) > 1:
        names = ", ".join(group[0].series for group in alike[:4])
        raise _CannotError(f"several series are called {side.metric}: {names}; say which by its labels")
    yield from best


def _why_not(side: Measured, case: str, cells: Sequence[CellRecord]) -> list[Replicate]:
    mine = [cell for cell in cells if cell.case == case]
    for outcome in (Outcome.UNSUPPORTED, Outcome.FAILED):
        told = [cell.reason for cell in mine if cell.outcome is outcome]
        if told:
            raise _CannotError(f"{case} on {side.target} {outcome}: {told[0]}")
    raise _CannotError(f"{case} on {side.target} measures no {side.metric}")
