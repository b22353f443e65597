"""Two sides whose deployments could have changed places: is one slower, and by what factor?

The test permutes deployments between the sides, so that it assumes no distribution: with n and m of them the
smallest two-sided p is 2 / C(n+m, n), thus 0.0022 at six a side. Its statistic is Wilcoxon's sum of ranks, by
its permutation distribution, ties included: three deployments in a hundred are off by half for reasons of
their own and would drown a difference of means.

The factor is the median of all ratios of a deployment of one side to one of the other (Hodges and Lehmann,
Ann. Math. Statist. 34, 1963), the estimate that goes with that test: as little moved by outliers as a ratio
of medians, and nearly as sharp as a ratio of means. Its interval is a bootstrap over deployments, widened by
Student's quantile as in ``interval.py``, for the percentiles of a bootstrap of six are too narrow.

``one_sample`` is the same where each deployment has a partner in its block, from which alone it could have
been exchanged: Wilcoxon's signed ranks, the median of all means of two differences, blocks drawn anew."""

import itertools
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

LEVEL = 0.95
EXACT = 200_000
"""As many arrangements are all looked at (ten a side: 184,756); of more, ``DRAWS`` are drawn."""
DRAWS = 19_999
RESAMPLES = 1000
_AT_ONCE = 2_000_000  # differences in memory

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shift:
    """By how much ``b`` is above ``a`` (of logarithms: the logarithm of a ratio), with its 95 % interval."""

    estimate: float
    low: float
    high: float
    p_value: float


def smallest_p(n: int, m: int) -> float:
    """The least two-sided p that the test can give of so many deployments."""
    return min(1.0, 2 / math.comb(n + m, n))


@lru_cache(maxsize=8)
def _arrangements(total: int, chosen: int) -> NDArray[np.intp]:
    """Every choice of ``chosen`` of ``total`` places, shape (C(total, chosen), chosen)."""
    count = math.comb(total, chosen)
    flat = itertools.chain.from_iterable(itertools.combinations(range(total), chosen))
    return np.fromiter(flat, np.intp, count * chosen).reshape(count, chosen)


def permutation_p(a: Floats, b: Floats, rng: np.random.Generator) -> float:
    """Two-sided p of the rank sum, shapes (n,) and (m,): exact up to ``EXACT`` arrangements, else of random
    ones with the observed one among them (Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 9, 2010)."""
    ranks = stats.rankdata(np.concatenate([a, b]))
    total, chosen = len(ranks), len(b)
    middle = chosen * (total + 1) / 2
    observed = abs(float(ranks[len(a) :].sum()) - middle) - 1e-9
    if math.comb(total, chosen) <= EXACT:
        sums = ranks[_arrangements(total, chosen)].sum(axis=1)
        return float((np.abs(sums - middle) >= observed).mean())
    shuffled = rng.permuted(np.broadcast_to(ranks, (DRAWS, total)), axis=1)[:, :chosen]
    beyond = int((np.abs(shuffled.sum(axis=1) - middle) >= observed).sum())
    return (1 + beyond) / (1 + DRAWS)


def hodges_lehmann(a: Floats, b: Floats) -> Floats:
    """The median of all differences b - a; shapes (..., n) and (..., m) to (...)."""
    differences = b[..., None, :] - a[..., :, None]
    return np.asarray(np.median(differences.reshape(*differences.shape[:-2], -1), axis=-1), np.float64)


def shift(a: Floats, b: Floats, rng: np.random.Generator, resolution: float = 0.0) -> Shift:
    """``resolution`` is the least standard error that the figures can be known with. Needs two a side."""
    estimate, low, high = estimated(a, b, rng, resolution)
    return Shift(estimate, low, high, permutation_p(a, b, rng))


def estimated(
    a: Floats, b: Floats, rng: np.random.Generator, resolution: float = 0.0, resamples: int = RESAMPLES
) -> tuple[float, float, float]:
    """``shift`` without its test: estimate, low, high. ``resamples`` tell the error to within a share of
    1 / sqrt(2 * resamples)."""
    estimate = float(hodges_lehmann(a, b))
    at_once = max(1, min(resamples, _AT_ONCE // (len(a) * len(b))))
    drawn = np.concatenate(
        [
            hodges_lehmann(
                a[rng.integers(len(a), size=(at_once, len(a)))],
                b[rng.integers(len(b), size=(at_once, len(b)))],
            )
            for _ in range(-(-resamples // at_once))
        ]
    )
    error = max(float(drawn.std()), resolution)
    half = float(stats.t.ppf((1 + LEVEL) / 2, min(len(a), len(b)) - 1)) * error
    return estimate, estimate - half, estimate + half


def smallest_paired_p(n: int) -> float:
    """The least two-sided p that the test of ``one_sample`` can give of so many pairs."""
    return float(min(1.0, 2.0 ** (1 - n)))


@lru_cache(maxsize=4)
def _signs(n: int) -> NDArray[np.bool_]:
    """Every way in which n pairs could have lain, shape (2^n, n)."""
    return (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(bool)


def signed_rank_p(differences: Floats, rng: np.random.Generator) -> float:
    """Two-sided p of Wilcoxon's signed ranks, shape (n,), by its permutation distribution: each pair could
    have lain the other way round. Exact up to ``EXACT`` ways, else of random ones and the observed. Zeros
    take ranks and have no sign (Pratt, J. Amer. Statist. Assoc. 54, 1959)."""
    ranks = np.where(differences == 0, 0.0, stats.rankdata(np.abs(differences)))
    middle = float(ranks.sum()) / 2
    observed = abs(float(ranks[differences > 0].sum()) - middle) - 1e-9
    n = len(differences)
    if 2**n <= EXACT:
        sums = _signs(n) @ ranks
        return float((np.abs(sums - middle) >= observed).mean())
    sums = (rng.random((DRAWS, n)) < 0.5) @ ranks
    return float((1 + (np.abs(sums - middle) >= observed).sum()) / (1 + DRAWS))


def pseudo_median(differences: Floats) -> Floats:
    """The median of all means of two, with themselves as well (Hodges and Lehmann); (..., n) to (...)."""
    i, j = np.triu_indices(differences.shape[-1])
    return np.asarray(np.median((differences[..., i] + differences[..., j]) / 2, axis=-1), np.float64)


def one_sample(differences: Floats, rng: np.random.Generator, resolution: float = 0.0) -> Shift:
    """How far differences of pairs, shape (n,), lie from 0. ``resolution`` as in ``shift``. Needs two."""
    n = len(differences)
    estimate = float(pseudo_median(differences))
    at_once = max(1, min(RESAMPLES, _AT_ONCE // (n * (n + 1) // 2)))
    drawn = np.concatenate(
        [
            pseudo_median(differences[rng.integers(n, size=(at_once, n))])
            for _ in range(-(-RESAMPLES // at_once))
        ]
    )
    half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * max(float(drawn.std()), resolution)
    return Shift(estimate, estimate - half, estimate + half, signed_rank_p(differences, rng))
