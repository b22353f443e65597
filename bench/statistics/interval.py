"""The 95 % interval of one series over its deployments: a bootstrap on both levels, fit for few deployments.

1. Deployments are resampled with replacement; the standard deviation of the resampled medians of medians is
   the standard error. Samples are not resampled inside that: the medians of deployments differ by what
   deployments and samples do, and drawing the samples again counts theirs twice (Davison and Hinkley,
   Bootstrap Methods, 1997, section 3.8; Ren et al., J. Appl. Stat. 37, 2010).
2. Samples are resampled within the deployments at hand. That error is a floor, for when few deployments agree
   by chance. It is drawn exactly and without resampling anything: the median of N values drawn with
   replacement is their quantile at a Beta((N+1)/2, (N+1)/2) variate (Maritz and Jarrett, JASA 73, 1978), so
   that 200,000 samples cost as much as 20.
3. The interval is the estimate -+ the larger of t(n-1) times the first and z times the second, on logarithms
   where all is positive. Percentiles of the resampled medians are NOT used: with n deployments they cannot
   leave the range of the data, which holds the true median in 1 - 2^(1-n) of cases (75 % at n = 3, 93.75 %
   at n = 5). Hesterberg (What Teachers Should Know about the Bootstrap, American Statistician 69, 2015,
   sections 4 and 5) calls this narrowness bias and takes t quantiles and a factor sqrt(n / (n-1)). The factor
   is right for means, thus for n = 2, where the median is the mean; the bootstrap error of a median of three
   and more is wide enough without.

``python -m bench.statistics.simulate coverage`` shows what comes of it."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bench.statistics.replicates import Replicate

LEVEL = 0.95
DRAWS = 1000  # the standard error is then known within 2 %


def estimate_of(replicates: Sequence[Replicate]) -> float:
    """The median over deployments of their medians."""
    return float(np.median([r.median for r in replicates]))


def deployments_resampled(
    replicates: Sequence[Replicate], rng: np.random.Generator, draws: int
) -> NDArray[np.float64]:
    """The estimate in ``draws`` resamples of the deployments, shape (draws,)."""
    medians = np.array([r.median for r in replicates])
    chosen = rng.integers(len(medians), size=(draws, len(medians)))
    return np.asarray(np.median(medians[chosen], axis=1), np.float64)


def samples_resampled(
    replicates: Sequence[Replicate], rng: np.random.Generator, draws: int
) -> NDArray[np.float64]:
    """The estimate in ``draws`` resamples of the samples of each deployment, shape (draws,)."""
    medians = np.empty((draws, len(replicates)))
    for index, r in enumerate(replicates):
        size = r.values.size
        half = (r.count + 1) / 2
        # a table of quantiles stands at (i + 0.5) / size of the samples' distribution
        grid = (np.arange(size) + 0.5) / size
        medians[:, index] = np.interp(rng.beta(half, half, draws), grid, r.values)
    return np.asarray(np.median(medians, axis=1), np.float64)


def interval(
    replicates: Sequence[Replicate], rng: np.random.Generator, draws: int = DRAWS
) -> tuple[float, float]:
    """``(low, high)``, 95 %, in the metric's unit. NaN for one deployment: it says nothing of the next."""
    n = len(replicates)
    if n < 2:
        return math.nan, math.nan
    estimate = estimate_of(replicates)
    between = deployments_resampled(replicates, rng, draws)
    within = samples_resampled(replicates, rng, draws)
    logarithmic = estimate > 0 and bool((between > 0).all() and (within > 0).all())
    if logarithmic:
        between, within = np.log(between / estimate), np.log(within / estimate)
    error = float(between.std()) * (math.sqrt(2) if n == 2 else 1)
    half = max(
        float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * error,
        float(stats.norm.ppf((1 + LEVEL) / 2)) * float(within.std()),
    )
    if logarithmic:
        # a factor beyond a float's range is no bound at all, and must not overflow
        return estimate * math.exp(-min(half, 700)), estimate * math.exp(min(half, 700))
    floor = 0.0 if min(r.minimum for r in replicates) >= 0 else -math.inf  # no negative rates or counts
    return max(estimate - half, floor), estimate + half
