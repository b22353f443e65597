"""Log-linear histogram of non-negative integers: 16 sub-buckets an octave (error at most 6.25 %).

The bins are those of ``loglinear.h`` in eBPF and in the generator, so counts travel between the three
without re-binning. The scheme is HdrHistogram's (Tene) with four significant bits."""

from collections.abc import Iterable, Mapping
from typing import Self

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import ArrayLike, NDArray

BINS = 976
_SUB = 16


def bin_of(values: ArrayLike) -> NDArray[np.int64]:
    """Bin number of each value, shape as given. Raises ValueError on negative or non-finite values."""
    floats = np.asarray(values)
    if floats.size and (not np.all(np.isfinite(floats)) or floats.min() < 0):
        raise ValueError("histogram values must be finite and not negative")
    whole = floats.astype(np.uint64)
    # float64 rounds 2**53 and above, so the exponent comes from the integer's bits in two halves
    high = (whole >> np.uint64(32)).astype(np.float64)
    low = (whole & np.uint64(0xFFFFFFFF)).astype(np.float64)
    exponent = np.where(high > 0, np.frexp(high)[1] + 31, np.frexp(low)[1] - 1).astype(np.int64)
    shift = np.maximum(exponent - 4, 0).astype(np.uint64)
    sub = ((whole >> shift) & np.uint64(_SUB - 1)).astype(np.int64)
    linear = np.minimum(whole, np.uint64(_SUB)).astype(np.int64)
    return np.where(whole < _SUB, linear, (exponent - 3) * _SUB + sub)


def _edges() -> NDArray[np.float64]:
    index = np.arange(BINS)
    octave, sub = index // _SUB, index % _SUB
    lower = np.where(index < _SUB, index.astype(float), (_SUB + sub) * np.exp2(octave - 1.0))
    return np.append(lower, 2.0**64)


EDGES = _edges()
"""Lower edges of the bins and the last upper edge, shape (977,)."""


class Histogram:
    """Counts over the bins; ``counts`` has shape (976,), int64."""

    __slots__ = ("counts",)

    def __init__(self, counts: ArrayLike | None = None) -> None:
        self.counts: NDArray[np.int64] = (
            np.zeros(BINS, np.int64) if counts is None else np.array(counts, np.int64)
        )
        if self.counts.shape != (BINS,) or (self.counts < 0).any():
            raise ValueError(f"a histogram has {BINS} counts, none negative")

    @classmethod
    def of(cls, values: ArrayLike) -> Self:
        return cls(np.bincount(bin_of(values).ravel(), minlength=BINS))

    @classmethod
    def from_sparse(cls, pairs: Mapping[int, int] | Iterable[tuple[int, int]]) -> Self:
        """From {bin: count}. Raises ValueError on a bin out of range or a negative count."""
        items = pairs.items() if isinstance(pairs, Mapping) else pairs
        counts = np.zeros(BINS, np.int64)
        for index, count in items:
            if not 0 <= int(index) < BINS:
                raise ValueError(f"bin {index} is outside 0..{BINS - 1}")
            counts[int(index)] += int(count)
        return cls(counts)

    def sparse(self) -> dict[int, int]:
        return {int(i): int(self.counts[i]) for i in np.flatnonzero(self.counts)}

    @property
    def count(self) -> int:
        return int(self.counts.sum())

    def __add__(self, other: "Histogram") -> "Histogram":
        return Histogram(self.counts + other.counts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and bool((self.counts == other.counts).all())

    __hash__ = None  # type: ignore[assignment]

    def midpoints(self) -> NDArray[np.float64]:
        """The value that stands for each bin: exact below 16, else the bin's middle."""
        middle = (EDGES[:-1] + EDGES[1:] - 1) / 2
        return np.where(np.arange(BINS) < _SUB, EDGES[:-1], middle)

    def percentile(self, percent: ArrayLike) -> NDArray[np.float64]:
        """Nearest-rank percentiles (0..100) as bin midpoints; NaN when empty."""
        wanted = np.atleast_1d(np.asarray(percent, float))
        if not self.count:
            return np.full(wanted.shape, np.nan)
        ranks = np.maximum(np.ceil(wanted / 100 * self.count), 1)
        return self.midpoints()[np.searchsorted(np.cumsum(self.counts), ranks)]

    def mean(self) -> float:
        return float((self.counts * self.midpoints()).sum() / self.count) if self.count else float("nan")

    def expand(self, most: int = 10_000) -> NDArray[np.float64]:
        """At most ``most`` values spread as the counts are, sorted: for statistics on raw samples."""
        if self.count <= most:
            return np.repeat(self.midpoints(), self.counts)
        return self.percentile((np.arange(most) + 0.5) / most * 100)

    def to_hdr(self) -> HdrHistogram:
        """As an HdrHistogram of two significant digits (its encode() gives the exchange format)."""
        hdr = HdrHistogram(1, 2**62, 2)
        for index in np.flatnonzero(self.counts):
            value = min(int(self.midpoints()[index]), 2**62)
            hdr.record_value(max(value, 1), int(self.counts[index]))
        return hdr

    @classmethod
    def from_hdr(cls, hdr: HdrHistogram) -> Self:
        counts = np.zeros(BINS, np.int64)
        for item in hdr.get_recorded_iterator():
            value = hdr.get_median_equivalent_value(item.value_iterated_to)
            counts[int(bin_of(np.uint64(value)))] += item.count_at_value_iterated_to
        return cls(counts)
