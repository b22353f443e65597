"""Where a series changed over many runs: change points, each with how sure it is and by what factor.

PELT (Killick, Fearnhead and Eckley, JASA 107, 2012; ruptures' C one, of the squared error of logarithms)
proposes them: it finds the best segments for a penalty of so much for each. What it proposes is then tested,
as the best of all splits of noise looks like a change, too: within the stretch from the change point before
to the one after, runs are shuffled and the best split of each shuffle is sought. The share of shuffles that
look at least as much like a change is p (Matteson and James, JASA 109, 2014, in their divisive search)."""

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bench.statistics.permutation import estimated

LEAST = 3
"""Runs on either side: fewer are as likely a bad hour."""
ALPHA = 0.05
SHUFFLES = 999
NEAREST = 60
"""Runs of each side that the test and the factor are of: what was before those is no news."""
RESAMPLES = 200
"""Of a factor's interval: its width is then known within 5 %, and a page of trends need not wait for more."""
LONGEST = 1500
"""Values that PELT is given at once (its time grows with their square); of more, medians of neighbours."""
PENALTY = 3.0
"""Of a change, in variances times ln(runs): BIC's 2 for where it is, and 1 for the new level."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Change:
    """``at`` is the place of the first value of the new level. ``ratio`` is new over old level with its 95 %
    interval; 1 - ``p`` is how sure it is."""

    at: int
    ratio: float
    low: float
    high: float
    p: float


def steps(values: Sequence[float] | Floats) -> list[Change]:
    """Of positive counts that chance has no part in: wherever one differs from the one before."""
    return [
        Change(at, now / before, now / before, now / before, 0.0)
        for at, (before, now) in enumerate(pairwise(np.asarray(values, np.float64).tolist()), start=1)
        if now != before and before > 0 and now > 0
    ]


def changes(values: Sequence[float] | Floats, alpha: float = ALPHA) -> list[Change]:
    """Of positive values in order of time; values that are not are left out. Empty for fewer than six."""
    given = np.asarray(values, np.float64)
    used = np.flatnonzero(np.isfinite(given) & (given > 0))
    logs = np.log(given[used])
    if len(logs) < 2 * LEAST:
        return []
    rng = np.random.default_rng(zlib.crc32(logs.tobytes()))
    places = _proposed(logs)
    tested = _tested(logs, places, rng)
    while tested and max(tested.values()) >= alpha:
        places.remove(max(tested, key=lambda place: tested[place]))
        tested = _tested(logs, places, rng)
    return [_change(logs, int(used[place]), place, places, p, rng) for place, p in tested.items()]


def noise(logs: Floats) -> float:
    """The standard deviation from value to value, however the level moves: of differences of neighbours."""
    return float(stats.median_abs_deviation(np.diff(logs), scale="normal")) / math.sqrt(2)


def _proposed(logs: Floats) -> list[int]:
    import ruptures  # slow to import, and most commands do without

    together = -(-len(logs) // LONGEST)
    whole = len(logs) // together * together
    coarse = np.median(logs[:whole].reshape(-1, together), axis=1)
    penalty = max(PENALTY * noise(coarse) ** 2 * math.log(len(coarse)), 1e-9)
    search = ruptures.KernelCPD(kernel="linear", min_size=LEAST).fit(coarse[:, None])
    places = [int(place) * together for place in search.predict(pen=penalty)[:-1]]
    return places if together == 1 else [_refined(logs, places, place, together) for place in places]


def _refined(logs: Floats, places: Sequence[int], place: int, together: int) -> int:
    """The best split within a few medians' reach of where the medians have it."""
    start, end = _window(places, place, len(logs))
    near = np.arange(max(start + LEAST, place - 2 * together), min(end - LEAST, place + 2 * together) + 1)
    part = logs[start:end] - logs[start:end].mean()
    left, size = np.cumsum(part)[near - start - 1], near - start
    return int(near[np.argmax(left**2 / (size * (end - start - size)))])


def _window(places: Sequence[int], place: int, size: int) -> tuple[int, int]:
    """From the change point before to the one after, at most ``NEAREST`` each way."""
    before = max((p for p in places if p < place), default=0)
    after = min((p for p in places if p > place), default=size)
    return max(before, place - NEAREST), min(after, place + NEAREST)


def _tested(logs: Floats, places: Sequence[int], rng: np.random.Generator) -> dict[int, float]:
    found = {}
    for place in places:
        start, end = _window(places, place, len(logs))
        ranks = stats.rankdata(logs[start:end])
        observed = float(_best_split(ranks[None, :])[0])
        shuffled = rng.permuted(np.broadcast_to(ranks, (SHUFFLES, len(ranks))), axis=1)
        beyond = int((_best_split(shuffled) >= observed - 1e-9).sum())
        found[place] = (1 + beyond) / (1 + SHUFFLES)
    return found


def _best_split(ranks: Floats) -> Floats:
    """How far apart the two parts are at the best split of each row; shape (rows, n) to (rows,)."""
    n = ranks.shape[1]
    left = np.cumsum(ranks, axis=1)[:, LEAST - 1 : n - LEAST]
    size = np.arange(LEAST, n - LEAST + 1)
    apart = left - size * (n + 1) / 2  # the left part's sum of ranks beyond what it would be by chance
    return np.asarray((apart**2 / (size * (n - size))).max(axis=1), np.float64)


def _change(
    logs: Floats, at: int, place: int, places: Sequence[int], p: float, rng: np.random.Generator
) -> Change:
    start, end = _window(places, place, len(logs))
    found = estimated(logs[start:place], logs[place:end], rng, resamples=RESAMPLES)
    ratio, low, high = (math.exp(min(x, 700)) for x in found)
    return Change(at, ratio, low, high, p)
