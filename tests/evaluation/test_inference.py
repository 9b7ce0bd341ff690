"""Interval, p value and power of differences come from one calculation and never contradict each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from gradewise.evaluation.inference import (
    LEAST_GROUPS,
    UNKNOWN,
    Difference,
    adjust,
    difference,
    groups_for_equivalence,
    infer,
    judge,
)
from gradewise.evaluation.intervals import Deletions, Spread, delete_each, spread
from gradewise.images.foresight import POWER


def one(value: float, changes: np.ndarray, error: float = 0.1, freedom: float = 12.0) -> Difference:
    return Difference(Deletions(value, changes, np.zeros(1), changes[None]), Spread(error, freedom), 1.0)


def changes(pairs: int, groups: int = 13, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(pairs, groups))


def test_a_single_difference_is_judged_by_students_t() -> None:
    (alone,) = infer([one(0.25, changes(1)[0])])
    assert alone.p_value == alone.p_adjusted == pytest.approx(2 * stats.t.sf(2.5, 12))
    half = stats.t.ppf(0.975, 12) * 0.1
    assert (alone.low, alone.high) == pytest.approx((0.25 - half, 0.25 + half))
    assert alone.detectable == pytest.approx(half + stats.t.ppf(POWER, 12) * 0.1)


@given(
    arrays(np.float64, (4, 13), elements=st.floats(-1, 1).map(lambda x: round(x, 3))),
    arrays(np.float64, 4, elements=st.floats(-0.6, 0.6)),
)
def test_an_interval_leaves_out_zero_exactly_where_the_adjusted_p_value_is_below_one_in_twenty(
    without: np.ndarray, values: np.ndarray
) -> None:
    for judged in infer([one(float(value), row) for value, row in zip(values, without, strict=True)]):
        assert (judged.p_adjusted < 0.05) == (judged.low > 0 or judged.high < 0)
        assert judged.p_adjusted >= judged.p_value or judged.p_adjusted == pytest.approx(judged.p_value, abs=0.005)


def test_differences_that_vary_together_are_adjusted_less() -> None:
    p_values = np.array([0.01, 0.2, 0.5])
    apart, together = changes(3, 2000), np.repeat(changes(1, 2000), 3, axis=0)
    independent, level = adjust(p_values, apart)
    assert independent[0] == pytest.approx(1 - 0.99**3, abs=0.002)
    assert level == pytest.approx(1 - 0.95 ** (1 / 3), abs=0.001)
    dependent, level = adjust(p_values, together)
    assert dependent == pytest.approx(p_values, abs=0.003)
    assert level == pytest.approx(0.05, abs=0.002)


def test_the_same_differences_are_judged_the_same() -> None:
    differences = [one(0.2, row) for row in changes(3)]
    assert infer(differences) == infer(differences)


def test_what_is_unknown_leaves_the_others_alone() -> None:
    known, unknown = one(0.25, changes(1)[0]), one(0.1, changes(1)[0], error=np.nan)
    first, second = infer([unknown, known])
    assert np.isnan([first.low, first.high, first.p_value, first.p_adjusted, first.detectable]).all()
    assert second == infer([known])[0]
    assert infer([unknown]) == [UNKNOWN]


def test_a_difference_larger_than_any_is_not_detectable() -> None:
    (wide,) = infer([one(0.25, changes(1)[0], error=0.5)])
    assert np.isnan(wide.detectable)
    assert (wide.low, wide.high) == (pytest.approx(0.25 - 0.5 * stats.t.ppf(0.975, 12)), 1.0)


def counts_of(right: np.ndarray) -> np.ndarray:
    """Hits and trials by repeat and group from shares right of ten images, shape (r, g)."""
    return np.stack([10 * right, np.full(right.shape, 10.0)], axis=-1)


def share(sums: np.ndarray) -> np.ndarray:
    return sums[:, 0] / sums[:, 1]


def measured(first: np.ndarray, second: np.ndarray, test_to_train: float = 0.0) -> Difference:
    deletions = delete_each(counts_of(first), share) - delete_each(counts_of(second), share)
    return difference(deletions, np.full(first.shape[1], 10.0 * len(first)), 1.0, test_to_train)


def test_fewer_than_five_groups_tell_no_standard_error() -> None:
    right = np.random.default_rng(0).random((1, LEAST_GROUPS))
    assert np.isfinite(measured(right, np.zeros_like(right)).spread.error)
    assert np.isnan(measured(right[:, 1:], np.zeros_like(right[:, 1:])).spread.error)


def test_models_that_never_differed_are_not_certain_to_be_equal() -> None:
    same = np.full((3, 20), 0.8)
    equal = measured(same, same)
    assert equal.p_value == 1
    # two further groups in which they differ by one image, once each way
    assert equal.spread.error == pytest.approx(np.sqrt(2) * (1 / 30) / 22)


def test_lone_images_get_the_error_of_bonett_and_price() -> None:
    first, second = np.zeros((1, 40)), np.zeros((1, 40))
    first[0, :9], second[0, 9:12] = 0.1, 0.1  # of ten images one, so that a group of one image is right or wrong
    deletions = delete_each(np.stack([10 * first, np.ones((1, 40))], axis=-1), share) - delete_each(
        np.stack([10 * second, np.ones((1, 40))], axis=-1), share
    )
    found = difference(deletions, np.ones(40), 1.0, 0.0)
    jackknife = spread(deletions, 40).error
    assert found.spread.error == pytest.approx(np.hypot(jackknife, np.sqrt(2) / 42))


def test_training_sets_that_overlap_widen_what_repeats_differ() -> None:
    rng = np.random.default_rng(1)
    better = np.clip(0.7 + rng.normal(scale=0.15, size=(3, 1)) + rng.normal(scale=0.02, size=(3, 20)), 0, 1)
    other = np.full((3, 20), 0.7)
    assert measured(better, other, 0.5).spread.error > measured(better, other).spread.error


@pytest.mark.parametrize(
    ("low", "high", "margin", "groups", "expected"),
    [
        (-0.01, 0.01, 0.02, 151, "equivalent"),
        (-0.01, 0.01, 0.02, 150, "undecided"),  # a model may fail in 3 of 150 groups unseen: 2 points
        (-0.02, 0.01, 0.02, 1000, "undecided"),
        (-0.01, 0.02, 0.02, 1000, "undecided"),
        (0.001, 0.019, 0.02, 1000, "equivalent"),
        (0.001, 0.019, None, 1000, "first better"),
        (0.0, 0.019, None, 1000, "undecided"),
        (-0.019, -0.001, None, 1000, "second better"),
        (-0.019, 0.0, None, 1000, "undecided"),
        (np.nan, np.nan, 0.02, 1000, "undecided"),
    ],
)
def test_what_may_be_said(low: float, high: float, margin: float | None, groups: int, expected: str) -> None:
    assert judge(low, high, margin, groups, 1.0) == expected


def test_equivalence_needs_three_groups_over_the_margin() -> None:
    assert groups_for_equivalence(0.02, 1.0) == pytest.approx(150)
    assert groups_for_equivalence(5.0, 1000.0) == pytest.approx(600)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["16 groups, 3 folds", "collapsing, 16, 3 holdouts", "four models, 16, 3 holdouts"])
def test_really_fitted_models_are_compared_with_few_false_findings_and_useful_power(bench, name: str) -> None:
    cell = next(cell for cell in bench("inference").CELLS if cell.name == name)
    measured = bench("inference").measure(cell, 60).removeprefix(name).split()
    size, covered, _, at_twenty_points, flagged, contradictions = map(float, measured)
    assert size <= 0.12
    assert covered >= 0.85
    assert at_twenty_points >= 0.3
    assert (flagged > 0) == name.startswith("collapsing")
    assert contradictions == 0


@pytest.mark.slow
def test_a_model_that_fails_in_few_groups_is_not_called_as_good(bench) -> None:
    for groups, size in ((5, 50), (60, 5)):
        equivalent, no_worse = map(float, bench("inference").measure_reassurance(groups, size, 100).split()[2:])
        assert max(equivalent, no_worse) <= 0.05
