"""Log-linear histogram of non-negative integers: 16 sub-buckets an octave (error at most 6.25 %).

The bins are those of ``loglinear.h`` in eBPF and in the generator, so counts travel between the three
without re-binning. They are also those of an HdrHistogram (Tene, hdrhistogram.org) of one significant digit
and a lowest unit of 1, bin for bin: 2 * 10**1 values of single-unit resolution round up to 32 = 2 * 16
sub-buckets. HdrHistogram's values are Java longs, so its bins end at 2**63 where ours end at 2**64."""

import base64
import binascii
import math
import struct
import zlib
from collections.abc import Iterable, Mapping
from typing import Self

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import ArrayLike, NDArray

BINS = 976
HDR_BINS = 960
"""The bins that an HdrHistogram has too: those of values below 2**63."""

_SUB = 16
_HDR_DIGITS = 1  # 16 sub-buckets an octave, as ours
_HDR_HIGHEST = 2**63 - 1
_HDR_LARGEST = 1 << 24  # bytes of an unpacked payload; ours need under 9 KiB
_HDR_HEAD = struct.Struct(">IIIIQQd")  # V2 payload: cookie, length, offset, digits, lowest, highest, ratio
_HDR_PACKED, _HDR_PLAIN = 0x1C849304, 0x1C849303  # V2 cookies, the word-size nibble cleared


def bin_of(values: ArrayLike) -> NDArray[np.int64]:
    """Bin number of each value, shape as given; fractions are cut off.

    Raises ValueError on values that are negative, not finite, or 2**64 and above."""
    given = np.asarray(values)
    if given.dtype.kind not in "uif":
        given = given.astype(np.float64)
    # an integer type holds nothing from 2**64 on; its largest value must not meet a float's rounding here
    below = given.dtype.kind != "f" or (np.isfinite(given) & (given < 2.0**64)).all()
    if not below or (given < 0).any():
        raise ValueError("histogram values must be finite, not negative and below 2**64")
    whole = given.astype(np.uint64)
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
        """Nearest-rank percentiles (0..100) as bin midpoints, shape of ``percent`` (at least 1-d); NaN when
        empty. Each lies in the bin of the sample that has that rank. Raises ValueError outside 0..100."""
        wanted = np.atleast_1d(np.asarray(percent, float))
        if not ((wanted >= 0) & (wanted <= 100)).all():
            raise ValueError("a percentile is within 0..100")
        if not self.count:
            return np.full(wanted.shape, np.nan)
        # 1e-9: 99.9 / 100 * 1000 is a little above 999 in binary, and its rank is 999
        ranks = np.clip(np.ceil(wanted * self.count / 100 - 1e-9), 1, self.count)
        return self.midpoints()[np.searchsorted(np.cumsum(self.counts), ranks)]

    def quantiles(self, fractions: ArrayLike) -> NDArray[np.float64]:
        """Quantiles (0..1) with the samples of a bin spread evenly over it, shape of ``fractions``: unlike
        ``percentile`` they do not move in steps of a bin. Exact where bins are one wide; NaN when empty."""
        wanted = np.atleast_1d(np.asarray(fractions, float))
        if not self.count:
            return np.full(wanted.shape, np.nan)
        total = np.cumsum(self.counts)
        rank = np.clip(wanted * self.count, 0.5, self.count - 0.5)
        index = np.searchsorted(total, rank, side="left")
        inside = (rank - (total[index] - self.counts[index])) / self.counts[index]
        width = EDGES[index + 1] - EDGES[index]
        return np.asarray(EDGES[index] + np.where(width > 1, width * inside, 0.0), np.float64)

    def mean(self) -> float:
        return float((self.counts * self.midpoints()).sum() / self.count) if self.count else float("nan")

    def expand(self, most: int = 10_000) -> NDArray[np.float64]:
        """At most ``most`` values spread as the counts are, sorted: for statistics on raw samples."""
        if self.count <= most:
            return np.repeat(self.midpoints(), self.counts)
        return self.percentile((np.arange(most) + 0.5) / most * 100)

    def to_hdr(self) -> HdrHistogram:
        """As an HdrHistogram(1, 2**63 - 1, 1): the same bins and counts, so nothing is lost below 2**63
        (0 included). What we hold in the 16 bins from there on is counted in its last bin."""
        hdr = HdrHistogram(1, _HDR_HIGHEST, _HDR_DIGITS)
        for index in np.flatnonzero(self.counts):
            hdr.record_value(int(EDGES[min(int(index), HDR_BINS - 1)]), int(self.counts[index]))
        return hdr

    @classmethod
    def from_hdr(cls, hdr: HdrHistogram) -> Self:
        """From an HdrHistogram of any precision, each of its buckets by its middle value.

        Counts are exact. One of one digit or more and a lowest unit of 1 has buckets that lie inside ours,
        so no value changes bin; a coarser lowest unit adds its own error to small values."""
        recorded = np.ctypeslib.as_array(hdr.counts)
        counts = np.zeros(BINS, np.int64)
        for index in np.flatnonzero(recorded):
            lowest = hdr.get_value_from_index(int(index))
            middle = (lowest + hdr.get_highest_equivalent_value(lowest)) // 2
            counts[int(bin_of(np.uint64(middle)))] += int(recorded[index])
        return cls(counts)

    def encode_hdr(self) -> str:
        """HdrHistogram's exchange format: V2, compressed, base64 (what its log files hold)."""
        return bytes(self.to_hdr().encode()).decode("ascii")

    @classmethod
    def decode_hdr(cls, text: str) -> Self:
        """From the exchange format, of any precision (see ``from_hdr``).

        Raises ValueError on text that is not that format, or that unpacks to more than 16 MiB."""
        _check_hdr(text)
        try:
            return cls.from_hdr(HdrHistogram.decode(text.encode("ascii")))
        except Exception as error:  # hdrh raises plain Exceptions of its own
            raise ValueError(f"not an HdrHistogram: {error}") from error


def _check_hdr(text: str) -> None:
    """Hold the text to what hdrh's decoder takes on trust: size, header and settings. Raises ValueError.

    The layout is that of HdrHistogram's AbstractHistogram.encodeIntoByteBuffer (V2)."""
    try:
        packed = base64.b64decode(text.encode("ascii"), validate=True)
        cookie, length = struct.unpack_from(">II", packed)
        unpacker = zlib.decompressobj()
        plain = unpacker.decompress(packed[8:], _HDR_LARGEST)
        inner, size, offset, digits, lowest, highest, _ = _HDR_HEAD.unpack_from(plain)
    except (UnicodeEncodeError, binascii.Error, struct.error, zlib.error) as error:
        raise ValueError(f"not an HdrHistogram: {error}") from error
    if (cookie & ~0xF0, inner & ~0xF0) != (_HDR_PACKED, _HDR_PLAIN):
        raise ValueError("not an HdrHistogram of the compressed V2 format")
    if length != len(packed) - 8 or not unpacker.eof or size != len(plain) - _HDR_HEAD.size:
        raise ValueError("not a whole HdrHistogram: its lengths do not fit, or it is over 16 MiB")
    if offset:
        raise ValueError("an HdrHistogram with shifted values is not supported")
    if not 1 <= digits <= 5 or not 1 <= lowest <= 2**40 or not 2 * lowest <= highest < 2**63:
        raise ValueError("an HdrHistogram with impossible settings")
    _check_counts(plain[_HDR_HEAD.size :], digits, lowest, highest)


def _check_counts(varints: bytes, digits: int, lowest: int, highest: int) -> None:
    """The ZigZag LEB128 counts fill no more bins than the settings give and stay below 2**63 in all."""
    half = 1 << (math.ceil(math.log2(2 * 10**digits)) - 1)
    unit = lowest.bit_length() - 1
    # as hdrh's get_bucket_count: octaves from the first half, up to the one that holds ``highest``
    octaves = max(highest.bit_length() - unit - half.bit_length(), 0) + 1
    index = total = value = shift = 0
    for byte in varints:
        value |= (byte & (0x7F if shift < 56 else 0xFF)) << shift
        shift += 7
        if byte & 0x80 and shift < 63:
            continue
        signed = (value >> 1) ^ -(value & 1)
        index += -signed if signed < 0 else 1
        total += max(signed, 0)
        value = shift = 0
    if shift or index > (octaves + 1) * half or total >= 2**63:
        raise ValueError("an HdrHistogram whose counts do not fit its settings")
