from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gradewise.evaluation.estimates import estimate
from gradewise.evaluation.intervals import Deletions, Spread, effective, interval, spread, wilson


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_agrees_with_the_published_examples(hits: int, trials: int, low: float, high: float) -> None:
    """Newcombe (1998), Statistics in Medicine 17:857, Table I, method 3."""
    assert wilson(hits / trials, trials, 1.959964) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 500), st.data())
def test_wilson_agrees_with_scipy(trials: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, trials))
    expected = stats.binomtest(hits, trials).proportion_ci(method="wilson")
    assert wilson(hits / trials, trials, stats.norm.ppf(0.975)) == pytest.approx(tuple(expected), abs=1e-9)


def deletions_of_means(values: np.ndarray) -> Deletions:
    """Of the mean of values (repeats, groups)."""
    repeats, groups = values.shape
    total, mean = values.sum(), values.mean()
    without_repeat = (total - values.sum(axis=1)) / (values.size - groups) - mean if repeats > 1 else np.zeros(1)
    return Deletions(
        mean,
        (total - values.sum(axis=0)) / (values.size - repeats) - mean,
        without_repeat,
        (total - values) / (values.size - 1) - mean,
    )


def test_standard_error_of_a_mean_is_the_textbooks() -> None:
    values = np.random.default_rng(0).normal(size=(1, 30))
    found = spread(deletions_of_means(values), 30)
    assert found.error == pytest.approx(stats.sem(values[0]))


def test_repeating_a_test_on_the_same_images_is_no_new_evidence() -> None:
    values = np.random.default_rng(0).normal(size=(1, 30))
    once, again = (spread(deletions_of_means(np.repeat(values, times, axis=0)), 30) for times in (1, 5))
    assert again.error == pytest.approx(once.error, rel=0.01)
    assert again.freedom == pytest.approx(once.freedom, rel=0.02)


def test_repeats_that_differ_as_wholes_widen_the_error() -> None:
    values = np.repeat(np.random.default_rng(0).normal(size=(1, 30)), 5, axis=0)
    moved = values + np.array([-1.0, -0.5, 0.0, 0.5, 1.0])[:, None]
    found = spread(deletions_of_means(moved), 30)
    of_repeats = np.var([-1.0, -0.5, 0.0, 0.5, 1.0], ddof=1) / 5
    assert found.error**2 == pytest.approx(stats.sem(values[0]) ** 2 + of_repeats, rel=0.05)
    assert found.freedom < 8


def test_a_variance_that_one_group_carries_has_few_degrees_of_freedom() -> None:
    even, lone = np.tile([[0.0, 1.0]], 25), np.eye(1, 50)
    assert spread(deletions_of_means(even), 50).freedom == 49
    assert spread(deletions_of_means(lone), 50).freedom < 3


def test_one_group_says_nothing_of_others() -> None:
    alone = Deletions(0.8, np.array([np.nan]), np.zeros(1), np.array([[np.nan]]))
    found = interval(0.8, spread(alone, 1), (0.0, 1.0), 1)
    assert np.isnan(found).all()


def test_effective_number_of_groups() -> None:
    assert effective(np.array([5.0, 5.0, 5.0])) == 3
    assert effective(np.array([100.0, 1.0, 1.0])) == pytest.approx(1.04, abs=0.01)
    assert effective(np.zeros(3)) == 0


@given(st.floats(0, 1), st.floats(0, 0.5), st.floats(1, 50), st.sampled_from([(0.0, 1.0), (-1.0, 1.0), (0.0, 3.0)]))
def test_an_interval_holds_its_value_and_stays_in_bounds(
    share: float, error: float, freedom: float, bounds: tuple[float, float]
) -> None:
    low, high = bounds
    value = low + share * (high - low)
    ends = interval(value, Spread(error, freedom), bounds, groups=10)
    assert low - 1e-9 <= ends[0] <= value + 1e-9
    assert value - 1e-9 <= ends[1] <= high + 1e-9


def test_all_right_in_five_groups_is_not_certainty(simulated: ModuleType) -> None:
    totals = simulated.outcomes(1.0, 5, 20, 0.0, 1, 0.0, np.random.default_rng(0))
    found = estimate(totals, simulated.CLASSES, ordered=False)["accuracy", None]
    assert found.high == 1
    assert found.low < 0.6


def test_a_single_test_of_lone_images_has_wilsons_interval(simulated: ModuleType) -> None:
    totals = simulated.outcomes(0.8, 48, 1, 0.0, 1, 0.0, np.random.default_rng(0))
    found = estimate(totals, simulated.CLASSES, ordered=False)["accuracy", None]
    assert (found.low, found.high) == pytest.approx(wilson(found.value, 48, 1.959964), abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("groups", "size", "correlation", "repeats"), [(5, 10, 0.1, 1), (16, 10, 0.3, 1), (16, 10, 0.1, 5), (48, 1, 0.0, 5)]
)
def test_intervals_cover_the_truth(
    groups: int, size: int, correlation: float, repeats: int, simulated: ModuleType
) -> None:
    rng = np.random.default_rng(2020)
    held = 0
    for _ in range(150):
        totals = simulated.outcomes(0.8, groups, size, correlation, repeats, 1 / 3, rng)
        found = estimate(totals, simulated.CLASSES, ordered=False)["accuracy", None]
        held += found.low <= 0.8 <= found.high
    assert held / 150 >= 0.9
