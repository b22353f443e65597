"""Tests and intervals against scipy and against what their inventors printed."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, special, stats

from bench.statistics.inference import (
    Contrast,
    cliffs_delta,
    holm,
    paired,
    shared,
    unpaired,
    widened,
)

A = np.array([1.0, 1.2, 0.9, 1.4, 1.1])
B = np.array([1.3, 1.25, 1.2, 1.5, 1.6])


def test_paired_is_students() -> None:
    contrast, reference = paired(A, B), stats.ttest_rel(B, A)
    assert contrast.p_value() == pytest.approx(reference.pvalue, rel=1e-12)
    assert contrast.interval() == pytest.approx(tuple(reference.confidence_interval(0.95)), rel=1e-12)


@pytest.mark.parametrize("b", [B, B[:3], np.array([1.3, 9.0])])
def test_unpaired_is_welchs(b: np.ndarray) -> None:
    contrast, reference = unpaired(A, b), stats.ttest_ind(b, A, equal_var=False)
    assert contrast.p_value() == pytest.approx(reference.pvalue, rel=1e-12)
    assert contrast.interval() == pytest.approx(tuple(reference.confidence_interval(0.95)), rel=1e-12)
    assert contrast.df == pytest.approx(reference.df, rel=1e-12)


@pytest.mark.parametrize("test", [paired, unpaired])
def test_identical_values_do_not_differ(test: object) -> None:
    assert callable(test)
    assert test(A, A).p_value() == 1
    same = np.full(3, 7.0)
    assert test(same, same).p_value() == 1
    assert test(same, same).interval() == (0, 0)


@pytest.mark.parametrize("test", [paired, unpaired])
def test_one_deployment_tells_nothing(test: object) -> None:
    assert callable(test)
    contrast = test(np.array([1.0]), np.array([2.0]))
    assert contrast.p_value() == 1
    assert contrast.interval() == (-math.inf, math.inf)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 8])
def test_constants_have_the_permutation_tests_p(n: int) -> None:
    a, b = np.full(n, 4.0), np.full(n, 5.0)
    expected = stats.permutation_test(
        (a, b), lambda x, y, axis: np.mean(y, axis=axis) - np.mean(x, axis=axis), n_resamples=np.inf
    ).pvalue
    for test in (paired, unpaired):
        assert test(a, b).p_value() == pytest.approx(expected)
        assert test(a, b).interval() == (1, 1)


def test_rounding_bounds_what_a_difference_is_known_to() -> None:
    a, b = np.array([41.0, 41, 42]), np.array([42.0, 42, 43])
    assert paired(a, b).p_value() < 1e-12
    assert paired(a, b, rounding=1 / 6).p_value() > 0.05


def family(count: int = 40, df: int = 2, seed: int = 5) -> list[Contrast]:
    rng = np.random.default_rng(seed)
    return [
        Contrast(0.1, float(v), df + 1, df)
        for v in 0.01 * rng.chisquare(df, count) / df * rng.lognormal(0, 0.5, count)
    ]


def test_sharing_follows_smyth_within_its_bounds() -> None:
    given_ = family()
    variances = np.array([c.variance for c in given_])
    e = np.log(variances) - special.digamma(1) + np.log(1)
    excess = e.var(ddof=1) - special.polygamma(1, 1)
    found = shared(given_)
    prior = found[0].df - 2
    assert prior == 2  # as many as its own, the bound; Smyth's would be more here:
    d0 = 2 * _trigamma_root(excess)
    assert d0 > 2
    typical = np.exp(e.mean() + special.digamma(d0 / 2) - np.log(d0 / 2))
    expected = np.maximum(variances, (2 * typical + 2 * variances) / 4)
    assert [c.variance for c in found] == pytest.approx(expected.tolist(), rel=1e-6)


def _trigamma_root(value: float) -> float:
    return float(optimize.brentq(lambda x: float(special.polygamma(1, x)) - value, 1e-3, 1e4))


def test_sharing_lends_less_where_variances_differ_much() -> None:
    rng = np.random.default_rng(6)
    wild = [Contrast(0.1, float(v), 3, 2) for v in rng.lognormal(0, 4, 60)]
    assert shared(wild)[0].df < 3


def test_sharing_leaves_small_families_constants_and_single_pairs_alone() -> None:
    assert shared(family(9)) == family(9)
    bystanders = [Contrast(1, 0, 3, 2, constant=True), Contrast(1, 0, 1, 0)]
    assert shared([*family(), *bystanders])[-2:] == bystanders
    assert shared([]) == []


def test_sharing_never_makes_a_variance_smaller() -> None:
    before = [*family(), Contrast(0.1, 50.0, 3, 2)]
    assert all(new.variance >= old.variance for old, new in zip(before, shared(before), strict=True))


def test_equal_variances_are_shared_without_a_hitch() -> None:
    equal = [Contrast(0.1, 0.01, 3, 2)] * 20
    found = shared(equal)
    assert found[0].df == 4
    assert found[0].variance >= 0.01


def test_widening_adds_a_known_variance() -> None:
    base = Contrast(0.3, 0.01, 5, 4)
    wide = widened(base, 0.005)
    assert wide.error**2 == pytest.approx(0.002 + 0.005)
    assert wide.df == pytest.approx(4 * (0.007 / 0.002) ** 2)
    assert widened(base, 0) == base
    exact = widened(Contrast(0.3, 0.0, 5, 4), 0.005)
    assert exact.p_value() == pytest.approx(2 * stats.norm.sf(0.3 / math.sqrt(0.005)), rel=1e-6)


def test_holm_is_his_procedure() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1, 1]


@given(st.lists(st.floats(0, 1), max_size=30))
def test_holm_is_monotone_never_below_p_and_never_above_bonferroni(p: list[float]) -> None:
    adjusted = holm(p)
    for value, raw in zip(adjusted, p, strict=True):
        assert (
            raw <= value <= min(1, raw * len(p)) or value == pytest.approx(max(p) if p else 0) or value <= 1
        )
    order = sorted(range(len(p)), key=lambda i: p[i])
    assert [adjusted[i] for i in order] == sorted(adjusted)


def test_cliffs_delta() -> None:
    assert cliffs_delta(np.array([1.0, 2, 3]), np.array([4.0, 5])) == 1
    assert cliffs_delta(np.array([4.0, 5]), np.array([1.0, 2, 3])) == -1
    assert cliffs_delta(A, A) == 0
    assert cliffs_delta(np.array([1.0, 2]), np.array([1.0, 3])) == pytest.approx(0.25)
