"""The histogram: its bins, its error, percentiles, and equality with the C of eBPF and the generator."""

import math
import subprocess
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vocabulary.histogram
from vocabulary.histogram import BINS, EDGES, Histogram, bin_of

U64 = st.integers(0, 2**64 - 1)
TIMES = st.lists(st.integers(0, 2**63 - 1), max_size=60)

C_MAIN = """
#include <stdio.h>
#include "loglinear.h"
int main(void)
{
	unsigned long long v;
	printf("%d\\n", KXB_BINS);
	while (scanf("%llu", &v) == 1)
		printf("%u\\n", kxb_bin(v));
	return 0;
}
"""


def whole(values: list[int]) -> np.ndarray:
    return np.array(values, np.uint64)


def edges_as_integers() -> list[int]:
    return [int(edge) for edge in EDGES]


def awkward_values() -> list[int]:
    near = {e + d for e in edges_as_integers() for d in (-1, 0, 1)}
    powers = {2**k + d for k in range(64) for d in (-1, 0, 1)}
    shifts = np.arange(5000, dtype=np.uint64) % np.uint64(63)
    random = np.random.default_rng(7).integers(0, 2**63, 5000, np.uint64) >> shifts
    return sorted(v for v in near | powers | {int(r) for r in random} if 0 <= v < 2**64)


def test_edges_are_integers_and_cover_u64_without_gap() -> None:
    edges = edges_as_integers()
    assert len(edges) == BINS + 1
    assert edges[0] == 0 and edges[-1] == 2**64
    assert edges[:33] == list(range(33))
    assert edges[33:35] == [34, 36]
    assert all(low < high for low, high in pairwise(edges))


def test_each_edge_begins_its_bin_and_its_predecessor_ends_the_one_before() -> None:
    edges = edges_as_integers()[:-1]
    assert bin_of(whole(edges)).tolist() == list(range(BINS))
    assert bin_of(whole([e - 1 for e in edges[1:]])).tolist() == list(range(BINS - 1))
    assert bin_of(whole([2**64 - 1])).tolist() == [BINS - 1]


def test_a_bin_is_at_most_a_sixteenth_of_its_lower_edge_wide() -> None:
    lower, upper = EDGES[16:-1], EDGES[17:]
    assert ((upper - lower) / lower).max() <= 1 / 16
    assert (np.diff(EDGES[:17]) == 1).all()


@given(U64)
def test_a_value_lies_in_its_bin_and_the_bin_stands_for_it_within_the_error(value: int) -> None:
    index = int(bin_of(whole([value]))[0])
    edges = edges_as_integers()
    assert edges[index] <= value < edges[index + 1]
    assert abs(Histogram().midpoints()[index] - value) <= 0.0625 * value


@given(U64, U64)
def test_bins_are_monotone(a: int, b: int) -> None:
    first, second = bin_of(whole(sorted((a, b))))
    assert first <= second


def test_fractions_are_cut_off_and_shape_is_kept() -> None:
    assert bin_of([[1.9, 15.999], [16.5, 33.9]]).tolist() == [[1, 15], [16, 32]]
    assert bin_of([]).shape == (0,)


@pytest.mark.parametrize("bad", [-1, -0.5, math.nan, math.inf, 2.0**64])
def test_what_is_not_a_value_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="histogram values"):
        bin_of([1.0, bad])


def test_c_has_the_same_bins(tmp_path: Path) -> None:
    source, program = tmp_path / "bins.c", tmp_path / "bins"
    source.write_text(C_MAIN)
    include = Path(vocabulary.histogram.__file__).parent
    flags = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-Wshadow", f"-I{include}"]
    subprocess.run(["gcc", *flags, "-o", program, source], check=True, timeout=60)
    values = awkward_values()
    text = "\n".join(map(str, values))
    done = subprocess.run([program], input=text, capture_output=True, text=True, check=True, timeout=60)
    bins, *answers = map(int, done.stdout.split())
    assert bins == BINS
    assert answers == bin_of(whole(values)).tolist()
    assert len(answers) > 6000


@given(TIMES, TIMES)
def test_a_sum_is_the_histogram_of_both(a: list[int], b: list[int]) -> None:
    assert Histogram.of(whole(a)) + Histogram.of(whole(b)) == Histogram.of(whole(a + b))
    assert Histogram.of(whole(a + b)).count == len(a) + len(b)


@given(TIMES.filter(bool), st.integers(0, 1000))
def test_a_percentile_is_in_the_bin_of_the_nearest_rank(values: list[int], permille: int) -> None:
    rank = max(-(-permille * len(values) // 1000), 1)  # ceil, in integers
    expected = sorted(values)[rank - 1]
    found = Histogram.of(whole(values)).percentile(permille / 10)
    assert bin_of(found).tolist() == bin_of(whole([expected])).tolist()


def test_percentiles_agree_with_numpy_on_a_latency_like_sample() -> None:
    values = np.random.default_rng(3).lognormal(11, 0.8, 100_003).astype(np.int64)
    wanted = [0, 1, 50, 90, 99, 99.9, 99.99, 100]
    ours = Histogram.of(values).percentile(wanted)
    theirs = np.percentile(values, wanted, method="inverted_cdf")
    assert np.abs(ours / theirs - 1).max() <= 0.0625
    assert Histogram.of(values).mean() == pytest.approx(values.mean(), rel=0.0625)


def test_percentiles_of_nothing_and_outside_their_range() -> None:
    assert np.isnan(Histogram().percentile([0, 100])).all()
    assert math.isnan(Histogram().mean())
    for bad in (-0.1, 100.1, math.nan):
        with pytest.raises(ValueError, match=r"0\.\.100"):
            Histogram.of([1]).percentile(bad)


@given(TIMES)
def test_sparse_goes_round(values: list[int]) -> None:
    histogram = Histogram.of(whole(values))
    assert Histogram.from_sparse(histogram.sparse()) == histogram
    assert Histogram.from_sparse(histogram.sparse().items()) == histogram


@pytest.mark.parametrize("pairs", [{-1: 1}, {BINS: 1}, {3: -1}])
def test_sparse_out_of_range_is_refused(pairs: dict[int, int]) -> None:
    with pytest.raises(ValueError, match=r"outside|negative"):
        Histogram.from_sparse(pairs)


@settings(max_examples=30)
@given(TIMES, st.integers(1, 40))
def test_expansion_is_sorted_bounded_and_keeps_the_bins(values: list[int], most: int) -> None:
    histogram = Histogram.of(whole(values))
    spread = histogram.expand(most)
    assert len(spread) == (min(most, len(values)))
    assert (np.diff(spread) >= 0).all()
    assert set(bin_of(spread).tolist()) <= set(histogram.sparse())
    if len(values) <= most:
        assert Histogram.of(spread) == histogram
