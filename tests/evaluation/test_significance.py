from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gradewise.evaluation import significance
from gradewise.evaluation.compare import compare_pair
from gradewise.evaluation.intervals import Spread
from gradewise.metrics import METRICS


def accuracy(confusion: np.ndarray) -> np.ndarray:
    return np.trace(confusion, axis1=-2, axis2=-1) / confusion.sum(axis=(-2, -1))


def one_image_each(right: np.ndarray) -> np.ndarray:
    """Confusion counts of groups of one image of class 0."""
    return np.eye(2)[np.where(right, 0, 1)][:, None, :] * np.array([[1.0], [0.0]])


def test_mcnemar_agrees_with_the_published_example() -> None:
    """Fagerland, Lydersen & Laake (2013), BMC Medical Research Methodology 13:91: 1 against 7 pairs, p = 0.070."""
    assert significance.mcnemar(1, 7) == pytest.approx(0.0703, abs=5e-5)


def test_mcnemar_without_differing_images_finds_nothing() -> None:
    assert significance.mcnemar(0, 0) == 1


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 6), st.integers(0, 6))
def test_swapping_lone_images_is_the_exact_mcnemar_test(only_first: int, only_second: int) -> None:
    first = np.array([True] * only_first + [False] * only_second + [True] * 5)
    second = np.array([False] * only_first + [True] * only_second + [True] * 5)
    found = significance.group_swap(one_image_each(first), one_image_each(second), accuracy, seed=0)
    assert found == pytest.approx(significance.mcnemar(only_first, only_second))


def test_random_swaps_come_near_the_exact_test() -> None:
    first, second = np.arange(60) < 45, np.arange(60) >= 28
    found = significance.group_swap(one_image_each(first), one_image_each(second), accuracy, seed=0)
    assert found == pytest.approx(significance.mcnemar(28, 15), abs=0.02)


def test_images_of_one_group_do_not_count_as_independent() -> None:
    first = np.array([[[10.0, 0.0], [0.0, 0.0]]] * 3)
    second = np.array([[[0.0, 10.0], [0.0, 0.0]]] * 3)
    assert significance.group_swap(first, second, accuracy, seed=0) == 0.25


def test_corrected_resampled_t_agrees_with_a_computation_by_hand() -> None:
    """Mean 0.02, variance 0.0001, factor 1/3 + 1/2: t^2 = 4.8; with 2 degrees of freedom p = 1 - t / sqrt(2 + t^2)."""
    found = significance.corrected_resampled_t(np.array([0.01, 0.02, 0.03]), 0.5)
    assert found == pytest.approx(1 - np.sqrt(4.8 / 6.8))


def test_corrected_resampled_t_without_correction_is_the_plain_t_test() -> None:
    differences = np.random.default_rng(0).normal(0.1, 0.2, size=10)
    assert significance.corrected_resampled_t(differences, 0.0) == pytest.approx(
        stats.ttest_1samp(differences, 0).pvalue
    )


def test_differences_that_do_not_vary_give_no_p_value() -> None:
    assert np.isnan(significance.corrected_resampled_t(np.full(5, 0.1), 0.3))


def test_clustered_t_refers_to_students_distribution() -> None:
    assert significance.clustered_t(-0.2, Spread(0.1, 9)) == pytest.approx(2 * stats.t.sf(2, 9))


def test_holm_agrees_with_a_computation_by_hand() -> None:
    """0.005 x 4, 0.01 x 3, 0.03 x 2 and 0.04 x 1, the last raised to its forerunner."""
    assert significance.holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_never_exceeds_one_and_leaves_unknown_p_values_alone() -> None:
    assert significance.holm(np.array([0.9, np.nan, 0.6])) == pytest.approx([1.0, np.nan, 1.0], nan_ok=True)


@pytest.mark.parametrize("scheme", ["one split", "5 holdouts", "5 x same test"])
def test_equally_good_models_are_rarely_told_apart(scheme: str, simulated: ModuleType) -> None:
    rng = np.random.default_rng(2020)
    setting = simulated.Trained(groups=48, size=3, shared=0.5)
    rejected = 0
    for number in range(80):
        *_, design, first, second = setting.run(scheme, rng)
        rejected += compare_pair(first, second, design, METRICS["accuracy"], number)["p_value"] < 0.05
    assert rejected <= 8
