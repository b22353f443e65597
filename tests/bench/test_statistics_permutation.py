"""The permutation test and the ratio that goes with it."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy import stats

from bench.statistics.permutation import (
    hodges_lehmann,
    one_sample,
    permutation_p,
    pseudo_median,
    shift,
    signed_rank_p,
    smallest_p,
    smallest_paired_p,
)

RNG = np.random.default_rng(1)


def test_p_is_that_of_all_arrangements() -> None:
    a, b = np.array([1.0, 2, 3, 4, 5, 6]), np.array([7.0, 8, 9, 10, 11, 12])
    assert permutation_p(a, b, RNG) == pytest.approx(2 / 924) == pytest.approx(smallest_p(6, 6))
    assert permutation_p(a, a, RNG) == 1.0


@given(
    some.lists(some.integers(0, 9), min_size=2, max_size=5),
    some.lists(some.integers(0, 9), min_size=2, max_size=5),
)
@settings(max_examples=50)
def test_p_equals_counting_with_ties(first: list[int], second: list[int]) -> None:
    a, b = np.array(first, float), np.array(second, float)
    ranks = stats.rankdata(np.concatenate([a, b]))
    middle = len(b) * (len(ranks) + 1) / 2
    observed = abs(ranks[len(a) :].sum() - middle)
    sums = [abs(sum(c) - middle) >= observed - 1e-9 for c in itertools.combinations(ranks, len(b))]
    assert permutation_p(a, b, RNG) == pytest.approx(sum(sums) / len(sums))


def test_drawn_arrangements_agree_with_the_exact_test() -> None:
    a, b = RNG.normal(0, 1, 14), RNG.normal(0.9, 1, 14)
    exact = stats.mannwhitneyu(a, b, method="exact").pvalue
    assert permutation_p(a, b, RNG) == pytest.approx(exact, rel=0.1)


def test_the_estimate_is_the_median_of_all_differences() -> None:
    a, b = np.array([1.0, 2, 4]), np.array([3.0, 7])
    assert hodges_lehmann(a, b) == np.median([2, 6, 1, 5, -1, 3])


def test_one_deployment_that_is_far_off_moves_little() -> None:
    a, b = RNG.normal(0, 0.03, 10), RNG.normal(0.1, 0.03, 10)
    before = shift(a, b, RNG)
    b[0] = 50
    assert abs(shift(a, b, RNG).estimate - before.estimate) < 0.03


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    hits = 0
    for _ in range(200):
        found = shift(RNG.normal(0, 0.05, 8), RNG.normal(0.1, 0.05, 8), RNG)
        hits += found.low <= 0.1 <= found.high
    assert hits >= 184  # 95 % of 200 less two standard errors


def test_resolution_is_the_least_error() -> None:
    same = np.full(8, 1.0)
    found = shift(same, same, RNG, resolution=0.01)
    assert found.low < -0.02 < 0.02 < found.high


# pairs


@given(some.lists(some.integers(-5, 5), min_size=2, max_size=8))
@settings(max_examples=50)
def test_p_of_pairs_equals_counting_all_signs(given_: list[int]) -> None:
    d = np.array(given_, float)
    ranks = np.where(d == 0, 0.0, stats.rankdata(np.abs(d)))
    observed = abs(float(np.sign(d) @ ranks))
    sums = [abs(float(np.array(s) @ ranks)) for s in itertools.product((-1, 1), repeat=len(d))]
    assert signed_rank_p(d, RNG) == pytest.approx(np.mean([one >= observed - 1e-9 for one in sums]))


def test_p_of_pairs_is_scipys_and_the_least_is_two_in_all_ways() -> None:
    d = RNG.normal(0.5, 1, 12)
    assert signed_rank_p(d, RNG) == pytest.approx(stats.wilcoxon(d, method="exact").pvalue)
    assert signed_rank_p(np.arange(1.0, 7), RNG) == smallest_paired_p(6) == 2 / 64


def test_drawn_signs_agree_with_the_exact_test() -> None:
    d = RNG.normal(0.4, 1, 30)
    assert signed_rank_p(d, RNG) == pytest.approx(stats.wilcoxon(d, method="exact").pvalue, rel=0.2, abs=2e-4)


def test_the_estimate_of_pairs_is_the_median_of_means_of_two() -> None:
    assert pseudo_median(np.array([1.0, 2, 6])) == np.median([1, 2, 6, 1.5, 3.5, 4])


def test_intervals_of_pairs_hold_the_truth_as_often_as_they_say() -> None:
    hits = 0
    for _ in range(200):
        found = one_sample(0.1 + 0.05 * RNG.standard_t(4, 12), RNG)
        hits += found.low <= 0.1 <= found.high
    assert hits >= 184  # 95 % of 200 less two standard errors


def test_resolution_is_the_least_error_of_pairs() -> None:
    found = one_sample(np.zeros(8), RNG, resolution=0.01)
    assert found.low < -0.02 < 0.02 < found.high and found.p_value == 1.0
