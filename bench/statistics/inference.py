"""From differences to intervals and p-values: Student, Welch, shared variances, Holm, Cliff.

Differences are of log medians of deployments, so that their mean is the log of a ratio. A t-test is used as
it has power at three to six blocks, where a permutation test has none (its smallest p is 2^(1-n)); log
medians of many samples are close enough to normal, and outliers make a t-test timid rather than rash (Hoefler
and Belli, Scientific Benchmarking of Parallel Computing Systems, SC'15, rules 5 to 8; Kalibera and Jones,
ISMM 2013)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

LEVEL = 0.95
LEAST_SERIES = 10
"""Fewer do not tell how variances are distributed."""
_EXACT = 1e-12  # a variance of logs below this is rounding of floats


@dataclass(frozen=True, slots=True)
class Contrast:
    """A difference and how well it is known: ``variance`` is that of ``mean`` times ``size`` (one pair's),
    with ``df`` degrees of freedom. ``constant`` when each side gave one value in every deployment; ``exact``
    when it could give no other, so that chance has no part in the difference."""

    mean: float
    variance: float
    size: float
    df: float
    constant: bool = False
    exact: bool = False

    @property
    def error(self) -> float:
        return math.sqrt(self.variance / self.size)

    def p_value(self) -> float:
        """Two-sided. For constants the exact permutation test's, 2 / C(2n, n): how often n equal values and n
        others would fall on one side each by chance. 1 if nothing differs or there is one pair."""
        if self.mean == 0 or self.df <= 0:
            return 1.0
        if self.exact:
            return 0.0
        if self.constant:
            return 2 / math.comb(2 * round(self.size), round(self.size))
        if self.variance == 0:
            return 0.0
        return float(2 * special.stdtr(self.df, -abs(self.mean) / self.error))

    def interval(self) -> tuple[float, float]:
        """95 %; unbounded where there is one pair."""
        if self.df <= 0:
            return -math.inf, math.inf
        half = 0.0 if self.constant else float(special.stdtrit(self.df, (1 + LEVEL) / 2)) * self.error
        return self.mean - half, self.mean + half


def paired(a: NDArray[np.float64], b: NDArray[np.float64], rounding: float = 0.0) -> Contrast:
    """Student's of b - a, shape (n,) each, n >= 1. ``rounding`` is the least variance a difference can be
    known with."""
    difference = b - a
    n = len(difference)
    variance = float(difference.var(ddof=1)) if n > 1 else 0.0
    return Contrast(
        mean=float(difference.mean()),
        variance=max(variance, rounding),
        size=n,
        df=n - 1,
        constant=_constant(a) and _constant(b),
    )


def unpaired(a: NDArray[np.float64], b: NDArray[np.float64], rounding: float = 0.0) -> Contrast:
    """Welch's of mean(b) - mean(a), with Satterthwaite's degrees of freedom (Welch, Biometrika 34, 1947)."""
    na, nb = len(a), len(b)
    size = 2 / (1 / na + 1 / nb)
    mean = float(b.mean() - a.mean())
    if min(na, nb) < 2:
        return Contrast(mean, 0.0, size, 0)
    va, vb = max(float(a.var(ddof=1)), rounding / 2) / na, max(float(b.var(ddof=1)), rounding / 2) / nb
    df = (va + vb) ** 2 / (va**2 / (na - 1) + vb**2 / (nb - 1)) if va + vb else na + nb - 2
    return Contrast(mean, (va + vb) * size, size, df, _constant(a) and _constant(b))


def _constant(values: NDArray[np.float64]) -> bool:
    return len(values) > 1 and bool((values == values[0]).all())


def shared(contrasts: Sequence[Contrast]) -> list[Contrast]:
    """The same with variances moderated by one another (Smyth, Linear Models and Empirical Bayes Methods,
    Stat. Appl. Genet. Mol. Biol. 3, 2004, section 6.2): each is pulled towards the family's typical one, and
    gains the degrees of freedom with which that is known. With three blocks and forty series this is what
    finds differences at all: alone, two degrees would need t > 28.

    Two bounds that his method lacks keep false alarms in their place where variances differ much or some
    deployments are disturbed (simulated): no series is lent more degrees than it has of its own, and no
    variance gets smaller than it is by itself.

    Families of fewer than ten series are given back as they are."""
    fit = [c for c in contrasts if c.df > 0 and not c.constant and c.variance > _EXACT]
    if len(fit) < LEAST_SERIES:
        return list(contrasts)
    df = np.array([c.df for c in fit])
    centred = np.log([c.variance for c in fit]) - special.digamma(df / 2) + np.log(df / 2)
    level = float(centred.mean())
    excess = float(centred.var(ddof=1) - special.polygamma(1, df / 2).mean())
    prior = 2 * _inverse_trigamma(max(excess, 1e-6))
    typical = math.exp(level + float(special.digamma(prior / 2)) - math.log(prior / 2))

    def moderated(c: Contrast) -> Contrast:
        if c.df <= 0 or c.constant:
            return c
        lent = min(prior, c.df)
        pulled = (lent * typical + c.df * c.variance) / (lent + c.df)
        return replace(c, variance=max(c.variance, pulled), df=c.df + lent)

    return [moderated(c) for c in contrasts]


def widened(contrast: Contrast, variance: float) -> Contrast:
    """With a variance of the mean added that is known beforehand (infinite degrees of freedom);
    Satterthwaite's degrees for the sum. Constants stay as they are."""
    if contrast.df <= 0 or contrast.constant or variance <= 0:
        return contrast
    own = contrast.variance / contrast.size
    total = own + variance
    df = contrast.df * (total / own) ** 2 if own else math.inf
    return replace(contrast, variance=total * contrast.size, df=min(df, 1e9))


def _inverse_trigamma(value: float) -> float:
    """Newton's method on 1/trigamma, which is convex (Smyth 2004, appendix); ``value`` > 0."""
    if value > 1e7:
        return 1 / math.sqrt(value)
    if value < 1e-6:
        return 1 / value
    x = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(special.polygamma(1, x))
        step = trigamma * (1 - trigamma / value) / float(special.polygamma(2, x))
        x += step
        if -step / x < 1e-8:
            break
    return x


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted for as many tests (Holm, Scand. J. Statist. 6, 1979): the chance that any true equality is
    called a difference stays below the level, whatever hangs together with what."""
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return [float(value) for value in adjusted]


def cliffs_delta(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """P(b > a) - P(b < a) over all pairs, -1..1 (Cliff, Psychol. Bull. 114, 1993): an effect size that needs
    neither a variance nor a distribution. Beyond 0.474 is called large (Romano et al., 2006)."""
    sign = np.sign(b[None, :] - a[:, None])
    return float(sign.mean())
