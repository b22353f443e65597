"""The 95 % interval of one series over its deployments: a hierarchical bootstrap, made fit for few of them.

1. Resample deployments with replacement, and within each its samples (Kalibera and Jones, Rigorous
   Benchmarking in Reasonable Time, ISMM 2013, section 7; Davison and Hinkley, Bootstrap Methods, 1997,
   section 3.8). The second level is drawn exactly and without resampling anything: the median of N values
   drawn with replacement is the quantile of them at a Beta((N+1)/2, (N+1)/2) variate (Maritz and Jarrett,
   JASA 73, 1978), so that 200,000 samples cost as much as 20.
2. The standard deviation of the resampled medians of medians is the standard error; the interval is
   estimate -+ t(n-1) standard errors, of logarithms where all is positive. Percentiles of the resampled
   medians are NOT used: with n deployments they cannot leave the range of the data, and that range holds
   the true median in 1 - 2^(1-n) of cases only (75 % at n = 3, 93.75 % at n = 5). Hesterberg (What Teachers
   Should Know about the Bootstrap, American Statistician 69, 2015, sections 4 and 5) calls this narrowness
   bias and takes t quantiles and a factor sqrt(n / (n-1)). The factor is right for means, thus for n = 2,
   where the median is the mean; for medians of three and more the bootstrap error is wide enough without.

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


def resampled(replicates: Sequence[Replicate], rng: np.random.Generator, draws: int) -> NDArray[np.float64]:
    """Medians of medians of ``draws`` hierarchical resamples, shape (draws,)."""
    n = len(replicates)
    chosen = rng.integers(n, size=(draws, n))
    half = np.array([(r.count + 1) / 2 for r in replicates])
    place = rng.beta(half[chosen], half[chosen])
    medians = np.empty((draws, n))
    for index, replicate in enumerate(replicates):
        mine = chosen == index
        size = replicate.values.size
        if size == 1:
            medians[mine] = replicate.median
        else:  # the samples stand at (i + 0.5) / size of their distribution
            grid = (np.arange(size) + 0.5) / size
            medians[mine] = np.interp(place[mine], grid, replicate.values)
    return np.asarray(np.median(medians, axis=1), np.float64)


def interval(
    replicates: Sequence[Replicate], rng: np.random.Generator, draws: int = DRAWS
) -> tuple[float, float]:
    """``(low, high)``, 95 %, in the metric's unit. NaN for one deployment: it says nothing of the next."""
    n = len(replicates)
    if n < 2:
        return math.nan, math.nan
    estimate = estimate_of(replicates)
    medians = resampled(replicates, rng, draws)
    logarithmic = estimate > 0 and bool((medians > 0).all())
    error = float(np.std(np.log(medians) if logarithmic else medians))
    if n == 2:
        error *= math.sqrt(2)
    half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * error
    if logarithmic:
        # an exponent beyond a float's range is no bound at all, and must not overflow
        return estimate * math.exp(-min(half, 700)), estimate * math.exp(min(half, 700))
    return estimate - half, estimate + half
