"""Measures from counts by score agree with those of scikit-learn from single pixels."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from gradewise.localisation import curves

BINS = 50


@pytest.fixture
def drawn():
    generator = np.random.default_rng(3)
    truth = generator.random(5000) < 0.2
    scores = np.clip((generator.normal(20, 8, 5000) + 9 * truth).astype(int), 0, BINS - 1)
    without, within = (np.bincount(scores[truth == side], minlength=BINS)[None].astype(float) for side in (False, True))
    return truth, scores, without, within


def test_auroc_and_average_precision_are_those_of_single_pixels(drawn):
    truth, scores, without, within = drawn
    assert curves.auroc(without, within)[0] == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)
    assert curves.average_precision(without, within)[0] == pytest.approx(
        average_precision_score(truth, scores), abs=1e-12
    )


def test_the_hit_rate_lies_on_the_roc_curve(drawn):
    truth, scores, without, within = drawn
    false, true, _ = roc_curve(truth, scores, drop_intermediate=False)
    assert curves.at_rate(without, within, 0.05)[0] == pytest.approx(np.interp(0.05, false, true), abs=1e-12)


def test_at_the_threshold_no_more_than_the_share_is_marked(drawn):
    truth, scores, without, _ = drawn
    threshold = curves.threshold_at(without[0], np.arange(BINS), 0.05)
    assert (scores[~truth] >= threshold).mean() <= 0.05 < (scores[~truth] >= threshold - 1).mean()
    assert np.isinf(curves.threshold_at(np.eye(1, BINS, BINS - 1)[0], np.arange(BINS), 0.05))


def test_the_overlap_is_1_where_every_defect_is_covered_before_anything_else():
    without, regions = np.zeros((1, 4)), np.zeros((1, 4))
    without[0, :2] = 10
    regions[0, 2:] = 1.5
    assert curves.overlap_area(without, regions)[0] == pytest.approx(1)
    # half of the defects are covered last: from a false positive rate of 0 to 0.3 the coverage is a half
    regions[0] = [1.5, 0, 0, 1.5]
    assert curves.overlap_area(np.array([[0.0, 10, 10, 0]]), regions)[0] == pytest.approx(0.5)


def test_without_defects_nothing_is_known():
    assert np.isnan(curves.auroc(np.ones((1, 4)), np.zeros((1, 4)))[0])
    assert np.isnan(curves.average_precision(np.ones((1, 4)), np.zeros((1, 4)))[0])
