"""One side against the other, series by series: which are worse, and how sure that is."""

import math
import zlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from bench.gate.report import Finding, Judged
from bench.gate.settings import GateSettings, fits, names_of
from bench.gate.sides import Key, Series, Side, has_no_speed, is_exact, is_judged
from bench.gate.thresholds import Thresholds
from bench.statistics.inference import holm
from bench.statistics.permutation import one_sample, shift, smallest_p, smallest_paired_p
from vocabulary import Metric, commit_in

LEAST = 6
"""Deployments a side below which nothing is judged: at five, not even seven series that differ entirely could
be told from chance (2 / C(10, 5) = 0.008 each)."""

Planned = Collection[tuple[str, str]]  # (target, case) that the run was to measure
NO_TWINS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Judgement:
    metrics: tuple[Judged, ...]
    missing: tuple[str, ...]
    unjudged: Mapping[str, int]


def judge(
    a: Side,
    b: Side,
    thresholds: Thresholds,
    control: str | None,
    planned: Planned,
    only: Collection[Key] | None = None,
    seed: int = 0,
    twins: Mapping[str, str] = NO_TWINS,
) -> Judgement:
    """``b`` against the baseline ``a``. ``control`` is the target whose deployments the others' are set in
    ratio to. ``only`` some series, if given. Series that the baseline has and ``b`` should (``planned``) and
    does not are ``missing``. ``twins``: targets whose baseline was deployed in ``b`` beside them, and what it
    is called there; of those, ``a`` has no part in what is found."""
    settings = thresholds.settings
    sides = a.units(control, settings.noisy), b.units(control, settings.noisy)
    for target, twin in twins.items():
        _set_beside(sides, b.units(twin, settings.noisy), target, twin)
    shared = [key for key in sides[1] if key in sides[0] and (only is None or key in only)]
    absolute = control is None if settings.absolute is None else settings.absolute
    choose = _Choosing(settings, control, absolute)
    chosen: list[tuple[Series, Series, bool]] = []
    for key in shared:
        pair = choose(sides[0][key], sides[1][key])
        if pair is not None:
            chosen.append(pair)
    missing: list[str] = []
    for key in sides[0] if only is None else ():
        if key not in sides[1] and choose.why_not(sides[0][key]) is None:
            if key[:2] in planned:
                missing.append(" ".join(key))
            else:
                choose.unjudged["not in this run's plan"] += 1
    by_chance = sum(not is_exact(b.metric) for _, b, _ in chosen)
    thresholds = replace(thresholds, metrics=by_chance)
    measured = [_measured(*pair, thresholds, seed) for pair in chosen]
    return Judgement(tuple(_found(measured, settings)), tuple(missing), dict(choose.unjudged))


def _set_beside(
    sides: tuple[dict[Key, Series], dict[Key, Series]], pairs: Mapping[Key, Series], target: str, twin: str
) -> None:
    """The twin's deployments for the baseline's, and each of the target's with its twin's of the block."""
    for key in [key for key in sides[1] if key[0] == twin]:
        own, other = (target, *key[1:]), sides[1].pop(key)
        sides[0].pop(key, None)
        if own in sides[1]:
            sides[0][own] = replace(other, beside=twin)
            sides[1][own] = replace(pairs[own], beside=twin)


class _Choosing:
    """Which series are judged, and on what; counts the others by why."""

    def __init__(self, settings: GateSettings, control: str | None, absolute: bool) -> None:
        self.settings, self.control, self.absolute = settings, control, absolute
        self.unjudged: Counter[str] = Counter()

    def why_not(self, series: Series) -> str | None:
        r = series.first
        if commit_in(r.target):
            return "another commit's code, deployed beside the target"
        if not is_judged(r.metric):
            emulated = r.metric.better != "neither"
            return (
                "wall time of an emulated machine" if emulated else "descriptions, neither better nor worse"
            )
        if any(
            fits(p, names_of(r.target, r.case, r.kind, r.series, r.metric.name)) for p in self.settings.ignore
        ):
            return "ignored by the plan"
        if r.target == self.control and not self.absolute and not series.beside:
            return "the control's own: the others are measured by them"
        return None

    def __call__(self, a: Series, b: Series) -> tuple[Series, Series, bool] | None:
        """Both sides' deployments and whether they are paired with the control's."""
        why = self.why_not(b)
        if why is None and (is_exact(b.metric) or has_no_speed(b.metric)):
            return a, b, False
        if why is None and b.beside:
            with_twin = b.paired()
            return replace(a, units=[(twin, None) for _, twin in with_twin.units if twin]), with_twin, True
        paired = a.paired(), b.paired()
        if why is None and (all(one.units for one in paired) or any(one.unfit for one in paired)):
            return *paired, True
        if why is None and not self.absolute and (a.units and b.units):
            why = "times without a control to be set in ratio to"
        if why is None:
            return a, b, self.control is not None and not self.absolute
        self.unjudged[why] += 1
        return None


def _blank(a: Series, b: Series, paired: bool, thresholds: Thresholds) -> Judged:
    r = b.first
    names = names_of(r.target, r.case, r.kind, r.series, r.metric.name)
    threshold, source = thresholds.find(names, paired, has_no_speed(r.metric), paired and bool(b.beside))
    exact = is_exact(r.metric)

    def middle(series: Series) -> float:
        return float(np.median(series.medians)) if series.units else math.nan

    return Judged(
        target=r.target,
        case=r.case,
        kind=r.kind,
        series=r.series,
        metric=r.metric.name,
        unit=r.metric.unit,
        better=str(r.metric.better),
        finding=Finding.SAME,
        why="",
        paired=paired,
        exact=exact,
        baseline=middle(a),
        run=middle(b),
        threshold=0.0 if exact else threshold,
        threshold_from="exact" if exact else source,
        deployments=(len(a.units), len(b.units)),
        beside=b.beside,
    )


def _measured(a: Series, b: Series, paired: bool, thresholds: Thresholds, seed: int) -> Judged:
    """With ratio and p where there are any; ``INCONCLUSIVE`` with why where there cannot be."""
    judged = _blank(a, b, paired, thresholds)
    if why := _unlike(a.metric, b.metric):
        return replace(judged, finding=Finding.INCONCLUSIVE, why=why)
    if judged.exact and _counted(a) and _counted(b):
        return _exactly(judged)
    if unfit := a.unfit + b.unfit:
        where = f"{unfit} deployment{'' if unfit == 1 else 's'}"
        why = f"values below zero in {where}: a ratio of them means nothing"
        return replace(judged, finding=Finding.INCONCLUSIVE, why=why)
    if min(judged.deployments) < LEAST:
        return replace(judged, finding=Finding.INCONCLUSIVE, why=_too_few(a, b, judged.deployments))
    rng = np.random.default_rng([seed, zlib.crc32(judged.name.encode())])
    lowest = min(float(a.medians.min()), float(b.medians.min()))
    if lowest < 0:
        return replace(
            judged, finding=Finding.INCONCLUSIVE, why="values below zero: a ratio of them means nothing"
        )
    if lowest == 0:  # no logarithm: ranks decide, and there is no interval
        p = shift(a.medians, b.medians, rng).p_value
        ratio = (
            1.0
            if judged.run == judged.baseline
            else judged.run / judged.baseline
            if judged.baseline
            else math.inf
        )
        return replace(judged, ratio=ratio, low=0.0, high=math.inf, p_value=p)
    if b.beside and paired:
        found = one_sample(b.logarithms(), rng, b.resolution())
    else:
        resolution = math.hypot(a.resolution(), b.resolution())
        found = shift(a.logarithms(), b.logarithms(), rng, resolution)
    ratio, low, high = (math.exp(min(x, 700)) for x in (found.estimate, found.low, found.high))
    return replace(judged, ratio=ratio, low=low, high=high, p_value=found.p_value)


def _unlike(a: Metric, b: Metric) -> str:
    if a.unit != b.unit or not a.clock.like(b.clock):
        return f"{a.unit} by {a.clock} in the baseline, {b.unit} by {b.clock} here: no ratio"
    if a.better != b.better:
        return f"{a.better} was better in the baseline, {b.better} is here"
    return ""


def _too_few(a: Series, b: Series, deployments: tuple[int, int]) -> str:
    dropped = a.dropped + b.dropped
    noisy = f" ({dropped} noisy ones left out: see noisy = true in docs/gate.md)" if dropped else ""
    return f"{deployments[0]} and {deployments[1]} deployments: {LEAST} a side are needed{noisy}"


def _counted(series: Series) -> bool:
    return len({r.median for r, _ in series.units}) == 1


def _exactly(judged: Judged) -> Judged:
    """Chance has no part: one deployment a side tells."""
    a, b = judged.baseline, judged.run
    ratio = b / a if a else (1.0 if b == a else math.inf)
    judged = replace(judged, ratio=ratio, low=ratio, high=ratio)
    if a == b:
        return replace(judged, p_value=1.0, p_adjusted=1.0)
    worse = (b > a) is (judged.better == "lower")
    return replace(
        judged,
        p_value=0.0,
        p_adjusted=0.0,
        finding=Finding.REGRESSION if worse else Finding.IMPROVED,
        why=f"counted: {a:.10g} before, {b:.10g} now",
    )


def _found(measured: list[Judged], settings: GateSettings) -> Iterator[Judged]:
    """Holm's correction over all that chance has a part in, then each one's finding."""
    family = [
        i for i, one in enumerate(measured) if math.isfinite(one.p_value) and math.isnan(one.p_adjusted)
    ]
    adjusted = dict(zip(family, holm([measured[i].p_value for i in family]), strict=True)) if family else {}
    for i, judged in enumerate(measured):
        if i in adjusted:
            yield _decided(replace(judged, p_adjusted=adjusted[i]), len(family), settings)
        else:
            yield judged


def needed(metrics: int, alpha: float, beside: bool = False) -> int:
    """Deployments a side with which a series that differs entirely is significant among so many."""
    return next(n for n in range(LEAST, 1000) if _smallest((n, n), beside) * metrics < alpha)


def _smallest(deployments: tuple[int, int], beside: bool) -> float:
    return smallest_paired_p(deployments[1]) if beside else smallest_p(*deployments)


def _decided(judged: Judged, family: int, settings: GateSettings) -> Judged:
    beside = bool(judged.beside) and judged.paired
    if _smallest(judged.deployments, beside) * family >= settings.alpha:
        return replace(
            judged,
            finding=Finding.INCONCLUSIVE,
            why=f"{family} metrics need {needed(family, settings.alpha, beside)} deployments a side, "
            f"these are {judged.deployments[0]} and {judged.deployments[1]}",
        )
    no_interval = math.isinf(judged.high)
    if judged.p_adjusted < settings.alpha:
        if judged.worse > 1 + judged.threshold and (no_interval or judged.least() > 1 + judged.threshold):
            return replace(judged, finding=Finding.REGRESSION, suspect=True, why=_told(judged))
        if judged.worse < 1 and (no_interval or judged.worst() < 1 / (1 + judged.threshold)):
            return replace(judged, finding=Finding.IMPROVED, why=_told(judged))
    if judged.worst() > 1 + settings.blind and not no_interval:
        why = f"too noisy: it could be {judged.worst():.2g} times as bad, and that would not be seen"
        return replace(judged, finding=Finding.INCONCLUSIVE, why=why)
    if judged.p_adjusted < settings.alpha:
        within = f"differs, but its interval is not beyond the threshold of {judged.threshold:.1%}"
        return replace(judged, finding=Finding.SAME, why=within)
    return judged


def _told(judged: Judged) -> str:
    if math.isinf(judged.high):
        return f"{judged.baseline:.4g} before, {judged.run:.4g} now"
    over = f", over {judged.beside} beside it" if judged.beside else f", {judged.target} over its control"
    return f"{judged.ratio:.3f} times ({judged.low:.3f} to {judged.high:.3f})" + over * judged.paired
