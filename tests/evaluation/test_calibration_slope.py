"""The calibration slope against logistic regression, known truths and the smallest tests there are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from gradewise.evaluation.calibration_slope import SLOPES, calibration_slope

CLASSES = ["A", "B", "C"]


def verdicts(stated: np.ndarray, truth: np.ndarray, repeats: int = 1, per_group: int = 1) -> pd.DataFrame:
    classes, images = CLASSES[: stated.shape[1]], len(truth)
    image = np.tile(np.arange(images), repeats)
    columns = {f"p_{name}": np.tile(stated[:, place], repeats) for place, name in enumerate(classes)}
    return pd.DataFrame(
        {
            "repeat": np.repeat(np.arange(repeats), images),
            "image_id": [f"i{number}" for number in image],
            "group": [f"g{number // per_group}" for number in image],
            "label": np.array(classes)[np.tile(truth, repeats)],
            "predicted": np.array(classes)[np.tile(stated.argmax(axis=1), repeats)],
            **columns,
        }
    )


def drawn(seed: int, images: int = 96, classes: int = 2, factor: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities whose log-odds are `factor` times too large, and the truth."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(scale=1.5, size=(images, classes))
    chances = softmax(scores, axis=1).cumsum(axis=1)
    return softmax(factor * scores, axis=1), (rng.random((images, 1)) > chances[:, :-1]).sum(axis=1)


def called_wrong(factor: float, experiments: int) -> float:
    slopes = [
        calibration_slope(verdicts(*drawn(seed, factor=factor), per_group=6), CLASSES[:2])
        for seed in range(experiments)
    ]
    return float(np.mean([not slope.low <= 1 <= slope.high for slope in slopes]))


def test_with_two_classes_it_is_that_of_logistic_regression_without_intercept() -> None:
    stated, truth = drawn(1, 400, factor=2.0)
    log_odds = np.log(stated[:, 1] / stated[:, 0])[:, None]
    slope = LogisticRegression(C=np.inf, fit_intercept=False).fit(log_odds, truth).coef_.item()
    assert calibration_slope(verdicts(stated, truth), CLASSES[:2]).value == pytest.approx(slope, rel=0.01)


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_factor_by_which_log_odds_of_three_classes_are_too_large_is_found_and_covered(factor: float) -> None:
    slope = calibration_slope(verdicts(*drawn(2, 3000, 3, factor)), CLASSES)
    assert slope.value == pytest.approx(1 / factor, rel=0.1)
    assert slope.low < 1 / factor < slope.high


def test_calibrated_probabilities_are_rarely_called_wrong() -> None:
    assert called_wrong(1.0, 80) < 0.12


def test_log_odds_twice_too_large_are_found_in_sixteen_groups() -> None:
    assert called_wrong(2.0, 40) > 0.3


def test_testing_the_same_images_again_is_no_new_evidence() -> None:
    once, thrice = (calibration_slope(verdicts(*drawn(3), repeats), CLASSES[:2]) for repeats in (1, 3))
    assert (thrice.value, thrice.low, thrice.high) == (once.value, once.low, once.high)


def test_groups_that_all_agree_by_chance_show_nothing() -> None:
    """Six verdicts of 90 % are all right more often than not."""
    stated = np.tile([0.9, 0.1], (6, 1))
    slope = calibration_slope(verdicts(stated, np.zeros(6, dtype=int)), CLASSES[:2])
    assert slope.low <= 1
    assert slope.value == slope.high == np.inf


def test_probabilities_that_point_the_wrong_way_have_slope_zero() -> None:
    stated, truth = drawn(4, 300)
    slope = calibration_slope(verdicts(stated, 1 - truth), CLASSES[:2])
    assert slope.value == slope.low == SLOPES[0] == 0
    assert slope.high < 1


def test_a_probability_of_zero_that_comes_true_counts_once_and_not_without_limit() -> None:
    stated, truth = drawn(5, 200)
    stated[0], truth[0] = (1.0, 0.0), 1
    slope = calibration_slope(verdicts(stated, truth), CLASSES[:2])
    assert 0.3 < slope.value < 1.3


def test_a_single_group_says_nothing() -> None:
    slope = calibration_slope(verdicts(*drawn(6), per_group=1000), CLASSES[:2])
    assert np.isnan([slope.value, slope.low, slope.high]).all()
