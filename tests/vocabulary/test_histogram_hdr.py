"""Import and export of the HdrHistogram format, and hostile input to it."""

import base64
import struct
import zlib

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vocabulary.histogram import BINS, HDR_BINS, Histogram, bin_of

COUNTS = st.dictionaries(st.integers(0, HDR_BINS - 1), st.integers(1, 2**40), max_size=40)

# The V2 payload's header: cookie, length, normalising offset, digits, lowest, highest, conversion ratio
HEAD = struct.Struct(">IIIIQQd")


def packed(plain: bytes, cookie: int = 0x1C849314) -> str:
    body = zlib.compress(plain)
    return base64.b64encode(struct.pack(">II", cookie, len(body)) + body).decode()


def payload(
    varints: bytes, *, digits: int = 1, lowest: int = 1, highest: int = 2**40, offset: int = 0
) -> bytes:
    return HEAD.pack(0x1C849313, len(varints), offset, digits, lowest, highest, 1.0) + varints


@example({0: 1})
@example({})
@example({0: 5, HDR_BINS - 1: 7})
@given(COUNTS)
def test_export_and_import_lose_nothing(sparse: dict[int, int]) -> None:
    histogram = Histogram.from_sparse(sparse)
    assert Histogram.from_hdr(histogram.to_hdr()) == histogram
    assert Histogram.decode_hdr(histogram.encode_hdr()) == histogram
    assert histogram.to_hdr().get_total_count() == histogram.count


def test_every_bin_that_hdr_has_goes_round() -> None:
    counts = np.arange(1, BINS + 1)
    counts[HDR_BINS:] = 0
    assert Histogram.decode_hdr(Histogram(counts).encode_hdr()) == Histogram(counts)


def test_bins_past_a_java_long_keep_their_count_in_the_last_one() -> None:
    histogram = Histogram.from_sparse({10: 1, HDR_BINS: 3, BINS - 1: 4})
    assert Histogram.decode_hdr(histogram.encode_hdr()).sparse() == {10: 1, HDR_BINS - 1: 7}


@given(st.lists(st.integers(0, 2**62), max_size=30), st.integers(1, 3))
def test_a_finer_histogram_made_by_others_changes_no_bin(values: list[int], digits: int) -> None:
    hdr = HdrHistogram(1, 2**62, digits)
    for value in values:
        hdr.record_value(value)
    expected = Histogram.of(np.array(values, np.uint64))
    assert Histogram.from_hdr(hdr) == expected
    assert Histogram.decode_hdr(hdr.encode().decode()) == expected


def test_a_coarser_lowest_unit_errs_by_no_more_than_that_unit() -> None:
    hdr = HdrHistogram(1000, 3_600_000_000, 3)
    hdr.record_value(5_000_000, 4)
    hdr.record_value(10_000)
    read = Histogram.from_hdr(hdr)
    assert read.count == 5
    assert read.counts[bin_of(5_000_000)] == 4
    assert abs(read.percentile(0)[0] - 10_000) <= 1000


def test_ours_is_read_by_the_library_with_values_within_the_error() -> None:
    values = np.random.default_rng(5).lognormal(11, 1, 20_000).astype(np.int64)
    hdr = HdrHistogram.decode(Histogram.of(values).encode_hdr())
    assert hdr.get_total_count() == len(values)
    for percent in (1, 50, 99, 99.9):
        exact = float(np.percentile(values, percent, method="inverted_cdf"))
        assert hdr.get_value_at_percentile(percent) == pytest.approx(exact, rel=0.0625)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "ÄÖÜ",
        "HISTFAAAACx4nJNpmSzMwMAgyAABTFCa0Q==",
        packed(b"short"),
        packed(payload(b""), cookie=0x1C849404),
        packed(payload(b"", digits=0)),
        packed(payload(b"", digits=6)),
        packed(payload(b"", lowest=0)),
        packed(payload(b"", lowest=2**63)),
        packed(payload(b"", highest=1)),
        packed(payload(b"", highest=2**63)),
        packed(payload(b"", offset=3)),
        packed(payload(b"\x02" * 1000)),  # more counts than bins
        packed(payload(b"\x83\x80\x80\x80\x10")),  # a run of zeros over the end
        packed(payload(b"\x80")),  # cut inside a count
        packed(payload(b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f" * 3)),  # their sum is past an int64
        packed(payload(b"\x00" * (1 << 25))),  # unpacks to 32 MiB
        packed(payload(b"\x02")[:-1]),
        packed(payload(b"\x02") + b"\x02"),
    ],
)
def test_hostile_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="HdrHistogram"):
        Histogram.decode_hdr(text)


@settings(max_examples=300)
@given(st.binary(max_size=80), st.integers(1, 5), st.integers(1, 2000), st.integers(1, 2**20))
def test_random_counts_are_read_or_refused(varints: bytes, digits: int, lowest: int, highest: int) -> None:
    text = packed(payload(varints, digits=digits, lowest=lowest, highest=highest))
    try:
        histogram = Histogram.decode_hdr(text)
    except ValueError:
        return
    assert 0 <= histogram.count < 2**63


@settings(max_examples=200)
@given(st.integers(0, 200), st.integers(0, 255))
def test_a_flipped_byte_is_read_or_refused(place: int, byte: int) -> None:
    good = bytearray(base64.b64decode(Histogram.of(np.arange(0, 100_000, 37)).encode_hdr()))
    good[place % len(good)] = byte
    try:
        histogram = Histogram.decode_hdr(base64.b64encode(good).decode())
    except ValueError:
        return
    assert histogram.count >= 0
