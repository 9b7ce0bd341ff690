"""Calibration against scikit-learn, worked cases and simulation; coverage against sorting by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from gradewise.evaluation.calibration import calibrate, equal_mass, most_confident

CLASSES = ["A", "B"]


def verdicts(confidence: np.ndarray, right: np.ndarray, repeats: int = 1, per_group: int = 1) -> pd.DataFrame:
    """Verdicts "A" with a confidence; wrong where the label is B."""
    images = len(confidence) // repeats
    at = np.tile(np.arange(images), repeats)
    return pd.DataFrame(
        {
            "repeat": np.repeat(np.arange(repeats), images),
            "image_id": [f"i{place}" for place in at],
            "group": [f"g{place // per_group}" for place in at],
            "label": np.where(right, "A", "B"),
            "predicted": "A",
            "p_A": confidence,
            "p_B": 1 - confidence,
        }
    )


def drawn(seed: int, images: int = 400, honest: bool = True) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.5, 1, images)
    return confidence, rng.random(images) < (confidence if honest else confidence - 0.2)


def bins_of(found: pd.DataFrame) -> pd.DataFrame:
    return found.loc[found["part"] == "bin"]


def test_bins_agree_with_scikit_learn() -> None:
    confidence, right = drawn(1)
    bins = bins_of(calibrate(verdicts(confidence, right), CLASSES).curves)
    accuracy, claimed = calibration_curve(right, confidence, n_bins=10, strategy="quantile")
    np.testing.assert_allclose(bins["accuracy"], accuracy)
    np.testing.assert_allclose(bins["confidence"], claimed)


def test_the_error_is_the_weighted_mean_gap_of_the_bins() -> None:
    found = calibrate(verdicts(*drawn(2)), CLASSES)
    bins = bins_of(found.curves)
    assert found.error.value == pytest.approx((bins["share"] * (bins["accuracy"] - bins["confidence"]).abs()).sum())


def test_four_verdicts_worked_by_hand() -> None:
    table = verdicts(np.array([0.9, 0.9, 0.7, 0.7]), np.array([True, True, True, False]))
    assert calibrate(table, CLASSES).error.value == pytest.approx(abs(3.2 - 3) / 4)


def test_a_calibrated_model_shows_the_error_that_chance_makes() -> None:
    found = [calibrate(verdicts(*drawn(seed)), CLASSES) for seed in range(30)]
    shown = np.mean([each.error.value for each in found])
    assert np.mean([each.by_chance for each in found]) == pytest.approx(shown, rel=0.15)


def test_a_model_that_claims_too_much_shows_more_than_chance() -> None:
    found = calibrate(verdicts(*drawn(3, honest=False)), CLASSES)
    assert found.error.low > found.by_chance
    assert found.error.low < 0.2 < found.error.high


def test_the_interval_covers_a_known_error() -> None:
    covered = [
        found.low <= 0.2 <= found.high
        for seed in range(60)
        for found in [calibrate(verdicts(*drawn(seed, honest=False)), CLASSES).error]
    ]
    assert np.mean(covered) > 0.88


def test_testing_the_same_images_again_is_no_new_evidence() -> None:
    confidence, right = drawn(4, 120)
    once = calibrate(verdicts(confidence, right), CLASSES)
    thrice = calibrate(verdicts(np.tile(confidence, 3), np.tile(right, 3), repeats=3), CLASSES)
    assert thrice.error.high - thrice.error.low == pytest.approx(once.error.high - once.error.low, rel=0.02)
    assert thrice.by_chance == pytest.approx(once.by_chance, rel=0.02)


def test_few_images_make_few_bins() -> None:
    assert len(bins_of(calibrate(verdicts(*drawn(5, 45)), CLASSES).curves)) == 2


def test_coverage_keeps_the_most_confident() -> None:
    confidence, right = drawn(6)
    found = calibrate(verdicts(confidence, right), CLASSES)
    order = np.argsort(-confidence)
    assert found.kept.value == pytest.approx(right[order[:360]].mean())
    curve = found.curves.loc[found.curves["part"] == "coverage"]
    assert curve["accuracy"].iloc[-1] == pytest.approx(right.mean())
    assert curve["accuracy"].iloc[0] == pytest.approx(right[order[:200]].mean())


def test_verdicts_that_tie_at_the_threshold_count_in_part() -> None:
    np.testing.assert_allclose(most_confident(np.array([1.0, 0.6, 0.6, 0.6]), 0.5), [1, 1 / 3, 1 / 3, 1 / 3])


@given(st.lists(st.sampled_from([0.5, 0.6, 0.75, 0.9, 1.0]), min_size=1, max_size=40), st.floats(0.05, 1))
def test_weights_add_up_to_the_coverage_and_never_prefer_the_less_confident(given: list[float], share: float) -> None:
    confidence = np.array(given)
    weight = most_confident(confidence, share)
    assert weight.sum() == pytest.approx(share * len(confidence))
    assert (np.diff(weight[np.argsort(-confidence)]) <= 1e-12).all()


def test_equal_confidences_share_a_bin() -> None:
    which = equal_mass(np.array([0.6] * 9 + [0.9]), 5)
    assert len(set(which[:9])) == 1
    assert which.max() <= 1
