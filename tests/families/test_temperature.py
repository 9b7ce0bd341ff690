"""One temperature fitted on samples that trained nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from gradewise.families.cnn.temperature import LIMITS, choose_temperature, fit_temperature


@pytest.mark.parametrize("true", [0.5, 1.0, 3.0])
def test_the_temperature_that_labels_were_drawn_with_is_found_again(true: float) -> None:
    rng = np.random.default_rng(1)
    scores = rng.normal(0, 3, size=(20000, 3))
    chances = softmax(scores / true, axis=1).cumsum(axis=1)
    targets = (rng.random((len(scores), 1)) > chances).sum(axis=1)
    assert fit_temperature(scores, targets) == pytest.approx(true, rel=0.05)


def test_two_classes_agree_with_logistic_regression_without_intercept() -> None:
    rng = np.random.default_rng(2)
    scores = rng.normal(0, 2, size=(400, 2))
    margin = scores[:, 1] - scores[:, 0]
    targets = (rng.random(400) < 1 / (1 + np.exp(-margin / 2))).astype(int)
    slope = LogisticRegression(C=np.inf, fit_intercept=False).fit(margin[:, None], targets).coef_.item()
    assert fit_temperature(scores, targets) == pytest.approx(1 / slope, rel=0.03)


def test_a_network_that_is_always_right_on_few_samples_does_not_become_certain() -> None:
    scores, targets = np.array([[2.0, 0.0], [0.0, 2.0]]), np.array([0, 1])
    chances = softmax(scores / fit_temperature(scores, targets), axis=1)
    np.testing.assert_allclose(chances, [[2 / 3, 1 / 3], [1 / 3, 2 / 3]], atol=1e-3)


@given(st.integers(2, 5), st.integers(0, 2**31))
def test_no_answer_changes(classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(30, classes))
    temperature = fit_temperature(scores, rng.integers(classes, size=30))
    assert LIMITS[0] <= temperature <= LIMITS[1] * 1.001
    assert np.array_equal((scores / temperature).argmax(axis=1), scores.argmax(axis=1))


def drawn(seed: int, groups: int, temperature: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 3, size=(groups * 4, 2))
    chances = softmax(scores / temperature, axis=1)[:, 1]
    return scores, (rng.random(len(scores)) < chances).astype(int), np.repeat(np.arange(groups), 4)


def test_a_temperature_that_many_groups_call_for_is_used() -> None:
    scores, targets, groups = drawn(1, 200, 3.0)
    assert choose_temperature(scores, targets, groups) == fit_temperature(scores, targets) > 2


@pytest.mark.parametrize("groups", [5, 8, 24])
def test_a_temperature_is_rarely_used_where_labels_are_drawn_with_the_scores_as_they_are(groups: int) -> None:
    chosen = [choose_temperature(*drawn(seed, groups, 1.0)) for seed in range(60)]
    assert np.mean(np.array(chosen) != 1) < 0.1


def test_few_groups_cannot_call_for_a_temperature() -> None:
    scores, targets, groups = drawn(2, 50, 5.0)
    assert choose_temperature(scores, targets, groups % 4) == 1
    assert choose_temperature(scores, targets, groups % 10) > 2
