"""Change points: found where they are, and not where there are none."""

import numpy as np
import pytest

from bench.statistics.changepoints import LONGEST, changes

RNG = np.random.default_rng(7)


def walk(*levels: tuple[int, float], noise: float = 0.03) -> np.ndarray:
    """Segments of (how many, level)."""
    means = np.concatenate([np.full(count, level) for count, level in levels])
    return np.asarray(1000 * means * np.exp(RNG.normal(0, noise, len(means))))


def test_noise_has_no_change_points() -> None:
    """Each stretch of noise has its best split; one in twenty may pass the test."""
    assert sum(bool(changes(walk((50, 1.0)))) for _ in range(60)) <= 4


def test_a_tenth_more_is_found_where_it_is_with_its_factor() -> None:
    found = 0
    for _ in range(20):
        several = changes(walk((20, 1.0), (20, 1.1)))
        found += len(several) == 1 and abs(several[0].at - 20) <= 2
        assert all(one.low < one.ratio < one.high and one.p < 0.05 for one in several)
    assert found >= 17


def test_two_changes_and_one_bad_night_between() -> None:
    values = walk((25, 1.0), (25, 1.3), (25, 0.9), noise=0.02)
    values[10] *= 3
    found = changes(values)
    assert [change.at for change in found] == [25, 50]
    assert found[0].ratio == pytest.approx(1.3, rel=0.05)
    assert found[1].ratio == pytest.approx(0.9 / 1.3, rel=0.05)


def test_counts_that_step_are_found_exactly() -> None:
    (found,) = changes([500.0] * 10 + [501.0] * 10)
    assert found.at == 10 and found.ratio == pytest.approx(501 / 500)


@pytest.mark.parametrize(
    "values", [[], [1.0] * 5, [3.0] * 30, [0.0] * 30, [float("nan")] * 30, [-1.0] * 30, [float("inf")] * 9]
)
def test_what_cannot_change_or_be_set_in_ratio_has_none(values: list[float]) -> None:
    assert changes(values) == []


def test_places_count_values_that_are_left_out() -> None:
    values = walk((20, 1.0), (20, 2.0))
    values[[3, 7]] = np.nan
    (found,) = changes(values)
    assert found.at == 20


def test_long_histories() -> None:
    size = 2 * LONGEST
    (found,) = changes(walk((size, 1.0), (size, 1.1)))
    assert abs(found.at - size) <= 5 and found.ratio == pytest.approx(1.1, rel=0.02)
