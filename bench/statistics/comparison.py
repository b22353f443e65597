"""Two targets of one run, or two runs: which series differ, by what factor, and how sure that is.

Targets of one run are paired within blocks, so that what drifts from block to block cancels. The factor is
the geometric mean of the blocks' ratios: interval and p-value are then of the figure that is shown, which
with a median of ratios they would not be.

Two runs are compared unpaired, and what changed between them (time of day, neighbours, a boot) is part of
the difference. Nothing in two runs tells how much that is, so it is assumed (``SESSION``)."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.statistics.inference import Contrast, cliffs_delta, holm, paired, shared, unpaired, widened
from bench.statistics.replicates import Cells, Replicate, Replicates, gather
from vocabulary import Better, Clock, ComparisonRow, UsageError

ALPHA = 0.05

SESSION = 0.05
"""Standard deviation of the logarithm of one and the same series from run to run. Small shared machines are
some per cent faster or slower from hour to hour; on a quiet machine of one's own 0.01 will do."""

Test = Callable[[NDArray[np.float64], NDArray[np.float64], float], Contrast]


@dataclass(frozen=True, slots=True)
class Match:
    """One series of both sides: replicates in the same order where they are paired. ``dropped`` pairs had a
    noisy cell; ``noisy`` is when none had not, and they are all here."""

    a: list[Replicate]
    b: list[Replicate]
    dropped: int = 0
    noisy: bool = False


def compare(
    cells: Cells, a: str, b: str, *, alpha: float = ALPHA, practical: float = 0.0
) -> list[ComparisonRow]:
    """Target ``b`` against target ``a`` of one run, one row a (case, series) that both have, in the order
    first met. A series of plain cells is compared in those, one that only probes give in probed cells.
    Of clocks that are not alike (``Clock.like``) there is a row, but no ratio.

    Judged are series with a direction of better and two blocks or more; ``p_adjusted`` is Holm's over all
    of them. ``significant``: p_adjusted < alpha and the interval is beyond 1 by the factor 1 + practical.
    Series that are constant on both sides are not a matter of noise: they stand outside the family, and
    differ from four blocks on, instruction counts from the first (see ``Contrast.p_value``).

    Raises UsageError when the run lacks a target, or a and b have no case in common."""
    replicates = gather(cells)
    _demand_targets(replicates, a, b)
    matches = []
    for side_a, side_b in _grouped(replicates, a, b).values():
        match = pair_up(*_plain_or_probed(side_a, side_b))
        if match is not None:
            matches.append(match)
    if not matches:
        raise UsageError(
            f"targets {a} and {b} have no series in common in any block",
            remedy="run a plan in which both have the same cases; kxbench show RUN tells which cells failed",
        )
    return _judged(matches, paired, a, b, alpha, practical)


def compare_runs(
    cells_a: Cells,
    cells_b: Cells,
    *,
    names: tuple[str, str] = ("a", "b"),
    session: float = SESSION,
    alpha: float = ALPHA,
    practical: float = 0.0,
) -> list[ComparisonRow]:
    """Run b against run a, one row a (target, case, series) that both have; otherwise as ``compare``. Rows
    carry ``names``, with the target where there are several (``RUN/TARGET``). ``session`` is the standard
    deviation of a series' logarithm that runs have between them whatever is measured: with 0.05, two runs do
    not tell apart what differs by less than some 20 %. Whether the machines are the same is not asked here
    (``bench.environment.differences``).

    Raises UsageError when the runs have no series in common."""
    first, second = gather(cells_a), gather(cells_b)
    sides: dict[tuple[str, str, str], tuple[list[Replicate], list[Replicate]]] = {}
    for side, replicates in enumerate((first, second)):
        for r in replicates:
            sides.setdefault((r.target, r.case, r.series), ([], []))[side].append(r)
    sides = {key: both for key, both in sides.items() if both[0] and both[1]}
    if not sides:
        raise UsageError(
            "the runs have no series in common",
            where=f"{names[0]} and {names[1]}",
            remedy="compare runs of the same plan; kxbench show RUN tells what each measured",
        )
    several = len({target for target, _, _ in sides}) > 1
    matches = [m for both in sides.values() if (m := _loose_match(*both)) is not None]
    rows = _judged(matches, unpaired, *names, alpha, practical, session)
    if not several:
        return rows
    return [
        replace(row, a=f"{names[0]}/{match.a[0].target}", b=f"{names[1]}/{match.a[0].target}")
        for row, match in zip(rows, matches, strict=True)
    ]


def _demand_targets(replicates: Replicates, a: str, b: str) -> None:
    present = dict.fromkeys(r.target for r in replicates)
    for name in (a, b):
        if name not in present:
            raise UsageError(
                f"the run has no measured cell of target {name!r}",
                remedy=f"targets it has: {', '.join(present) or 'none'}",
            )
    if a == b:
        raise UsageError(
            f"target {a} would be compared with itself, in the same cells",
            remedy=f"run a plan that has a second instance of it, {a}@again",
        )


def _grouped(
    replicates: Replicates, a: str, b: str
) -> dict[tuple[str, str], tuple[list[Replicate], list[Replicate]]]:
    groups: dict[tuple[str, str], tuple[list[Replicate], list[Replicate]]] = {}
    for r in replicates:
        if r.target in (a, b):
            groups.setdefault((r.case, r.series), ([], []))[r.target == b].append(r)
    return groups


def _plain_or_probed(
    a: Sequence[Replicate], b: Sequence[Replicate]
) -> tuple[list[Replicate], list[Replicate]]:
    """Both sides from plain cells if both have some, else from probed ones."""
    for probed in (False, True):
        one = [r for r in a if bool(r.probes) is probed]
        other = [r for r in b if bool(r.probes) is probed]
        if one and other:
            return one, other
    return [], []


def pair_up(a: Sequence[Replicate], b: Sequence[Replicate]) -> Match | None:
    """By block; pairs of cells that are both ``ok``, or if there are none, of whatever there is."""
    by_block = {r.block: r for r in b}
    pairs = [(r, by_block[r.block]) for r in a if r.block in by_block]
    fine = [(one, other) for one, other in pairs if not one.noisy and not other.noisy]
    used = fine or pairs
    if not used:
        return None
    return Match([p[0] for p in used], [p[1] for p in used], len(pairs) - len(fine), noisy=not fine)


def _loose_match(a: Sequence[Replicate], b: Sequence[Replicate]) -> Match | None:
    a, b = _plain_or_probed(a, b)
    if not a:
        return None
    fine_a, fine_b = [r for r in a if not r.noisy], [r for r in b if not r.noisy]
    if fine_a and fine_b:
        return Match(fine_a, fine_b, len(a) + len(b) - len(fine_a) - len(fine_b))
    return Match(a, b, noisy=True)


@dataclass(frozen=True, slots=True)
class Ratio:
    """What two sides say of one series: the contrast, on logarithms or, where some value is not positive,
    on the figures themselves."""

    contrast: Contrast
    logarithmic: bool
    estimate_a: float
    estimate_b: float

    def bounds(self) -> tuple[float, float, float]:
        """``(ratio, low, high)``, none of them NaN; 0..inf where nothing is known."""
        low, high = self.contrast.interval()
        if self.logarithmic:
            return _factor(self.contrast.mean), _factor(low), _factor(high)
        if self.estimate_a > 0:
            ratio, low, high = (
                (self.estimate_a + x) / self.estimate_a for x in (self.contrast.mean, low, high)
            )
            return ratio, low, high
        same = self.contrast.mean == 0
        return (1.0 if same else math.inf), 0.0, math.inf


def _factor(logarithm: float) -> float:
    """exp, without its overflow."""
    return math.exp(logarithm) if logarithm < 709 else math.inf


def ratio_of(match: Match, test: Test) -> Ratio:
    """With the variance that rounding to a tick leaves in any figure, tick^2 / 12 (Sheppard), as the least:
    medians of 41 and 42 ns in every block are one tick apart, not infinitely many standard errors."""
    a = np.array([r.median for r in match.a])
    b = np.array([r.median for r in match.b])
    ticks = [r.tick for r in (*match.a, *match.b) if r.tick is not None]
    step = math.gcd(*ticks) / math.sqrt(12) if len(ticks) == len(a) + len(b) else 0.0
    middle_a, middle_b = float(np.median(a)), float(np.median(b))
    if (a > 0).all() and (b > 0).all():
        rounding = (step / middle_a) ** 2 + (step / middle_b) ** 2
        return Ratio(_exact(match, test(np.log(a), np.log(b), rounding)), True, middle_a, middle_b)
    return Ratio(_exact(match, test(a, b, 2 * step**2)), False, middle_a, middle_b)


def _exact(match: Match, contrast: Contrast) -> Contrast:
    """Instructions are counted, not sampled: where each side has one count, one deployment tells it."""
    one = all(r.metric.clock is Clock.ICOUNT for r in (*match.a, *match.b))
    for side in (match.a, match.b):
        one = one and len({r.median for r in side}) == 1
    return replace(contrast, constant=True, exact=True, df=max(contrast.df, 1)) if one else contrast


def _judged(
    matches: Sequence[Match],
    test: Test,
    a: str,
    b: str,
    alpha: float,
    practical: float,
    session: float = 0.0,
) -> list[ComparisonRow]:
    ratios = [ratio_of(match, test) for match in matches]
    reasons = [_unjudged(match, ratio) for match, ratio in zip(matches, ratios, strict=True)]
    judged = [i for i, reason in enumerate(reasons) if not reason]
    logs = [i for i in judged if ratios[i].logarithmic]
    for i, contrast in zip(logs, shared([ratios[i].contrast for i in logs]), strict=True):
        ratios[i] = replace(ratios[i], contrast=contrast)
    for i in judged:
        scale = 1.0 if ratios[i].logarithmic else ratios[i].estimate_a
        ratios[i] = replace(ratios[i], contrast=widened(ratios[i].contrast, 2 * (session * scale) ** 2))
    family = [i for i in judged if not ratios[i].contrast.constant]
    adjusted = dict(zip(family, holm([ratios[i].contrast.p_value() for i in family]), strict=True))
    adjusted |= {i: ratios[i].contrast.p_value() for i in judged if i not in adjusted}
    return [
        _row(match, ratio, reason, adjusted.get(i, 1.0), a, b, alpha, practical)
        for i, (match, ratio, reason) in enumerate(zip(matches, ratios, reasons, strict=True))
    ]


def _unjudged(match: Match, ratio: Ratio) -> str:
    """Why a series is not judged; empty when it is."""
    if not _alike(match):
        return f"different clocks, {match.a[0].metric.clock} and {match.b[0].metric.clock}: no ratio"
    if match.a[0].metric.better is Better.NEITHER:
        return "a description"
    if match.noisy:
        return "noisy cells only"
    if ratio.contrast.df <= 0:
        return "one deployment on a side" + (f", {match.dropped} noisy left out" if match.dropped else "")
    return ""


def _alike(match: Match) -> bool:
    """Whether a ratio of the two means anything."""
    a, b = match.a[0].metric, match.b[0].metric
    return a.unit == b.unit and a.clock.like(b.clock)


def _row(
    match: Match,
    ratio: Ratio,
    reason: str,
    adjusted: float,
    a: str,
    b: str,
    alpha: float,
    practical: float,
) -> ComparisonRow:
    first = match.a[0]
    second = match.b[0]
    alike = _alike(match)
    factor, low, high = ratio.bounds() if alike else (math.nan, math.nan, math.nan)
    margin = 1 + practical
    # the interval of what is not all positive is 0..inf if the baseline is 0: there p alone decides
    beyond = low > margin or high < 1 / margin or not ratio.logarithmic
    return ComparisonRow(
        case=first.case,
        kind=first.kind,
        series=first.series,
        metric=first.metric.name,
        unit=first.metric.unit,
        better=str(first.metric.better),
        a=a,
        b=b,
        estimate_a=ratio.estimate_a,
        estimate_b=ratio.estimate_b,
        ratio=factor,
        low=low,
        high=high,
        p_value=1.0 if reason else ratio.contrast.p_value(),
        p_adjusted=adjusted,
        effect_size=cliffs_delta(np.array([r.median for r in match.a]), np.array([r.median for r in match.b]))
        if alike
        else math.nan,
        pairs=min(len(match.a), len(match.b)),
        significant=adjusted < alpha and beyond,
        note=reason,
        clock_a=str(first.metric.clock),
        clock_b=str(second.metric.clock),
        unit_b=second.metric.unit,
    )
