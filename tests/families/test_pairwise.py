from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.svm import SVC

from gradewise.families.pca_svm.pairwise import couple, fit_sigmoids

AS_THEY_ARE = np.array([1.0, 0.0])


def odds_of(probabilities: np.ndarray) -> np.ndarray:
    """What the pairs of classes of known probabilities decide."""
    pairs = combinations(range(probabilities.shape[1]), 2)
    return np.stack([np.log(probabilities[:, i] / probabilities[:, j]) for i, j in pairs], axis=1)


@given(classes=st.integers(2, 7), seed=st.integers(0, 2**32 - 1))
def test_pairs_that_agree_give_back_the_probabilities_they_came_from(classes, seed):
    known = np.random.default_rng(seed).dirichlet(np.full(classes, 3.0), size=5).clip(1e-3)
    known /= known.sum(axis=1, keepdims=True)
    decisions = odds_of(known)
    found = couple(decisions, np.tile(AS_THEY_ARE, (decisions.shape[1], 1)), classes)
    np.testing.assert_allclose(found, known, atol=1e-6)


@given(classes=st.integers(2, 6), seed=st.integers(0, 2**32 - 1))
def test_pairs_that_disagree_still_give_probabilities(classes, seed):
    pairs = classes * (classes - 1) // 2
    decisions = np.random.default_rng(seed).normal(scale=30, size=(9, pairs))
    found = couple(decisions, np.tile(AS_THEY_ARE, (pairs, 1)), classes)
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_coupling_minimises_what_wu_lin_and_weng_minimise():
    rng = np.random.default_rng(4)
    pairs = rng.uniform(0.05, 0.95, size=3)
    r = np.zeros((3, 3))
    for value, (i, j) in zip(pairs, combinations(range(3), 2), strict=True):
        r[i, j], r[j, i] = value, 1 - value

    def loss(p):
        return sum((r[j, i] * p[i] - r[i, j] * p[j]) ** 2 for i in range(3) for j in range(3) if i != j)

    found = couple(np.log(pairs / (1 - pairs))[None], np.tile(AS_THEY_ARE, (3, 1)), 3)[0]
    others = rng.dirichlet(np.ones(3), size=20_000)
    assert loss(found) <= min(map(loss, others)) + 1e-6


@pytest.mark.filterwarnings("ignore:Since FrozenEstimator does not appear to accept sample_weight")
def test_two_classes_get_the_sigmoid_of_scikit_learn():
    rng = np.random.default_rng(3)
    target = rng.integers(2, size=400)
    x = rng.normal(size=(400, 2)) + 0.7 * target[:, None]
    weights = rng.uniform(0.5, 2.0, size=400)
    svc = SVC().fit(x[:200], target[:200])
    theirs = CalibratedClassifierCV(FrozenEstimator(svc)).fit(x[200:], target[200:], sample_weight=weights[200:])
    decisions = -svc.decision_function(x)[:, None]
    ours = couple(decisions, fit_sigmoids(decisions[200:], target[200:], weights[200:]), 2)
    np.testing.assert_allclose(ours, theirs.predict_proba(x), atol=2e-3)


def test_the_scale_of_decisions_does_not_matter():
    rng = np.random.default_rng(6)
    target = rng.integers(2, size=200)
    decisions = rng.normal(size=(200, 1)) - (2.0 * target[:, None] - 1)
    found = [
        couple(scale * decisions, fit_sigmoids(scale * decisions, target, np.ones(200)), 2) for scale in (1.0, 1e-6)
    ]
    np.testing.assert_allclose(found[0], found[1], atol=1e-3)


@pytest.mark.filterwarnings("error")
def test_pairs_that_never_err_stay_finite():
    decisions, target = np.linspace(3, -3, 20)[:, None], np.repeat([0, 1], 10)
    sigmoids = fit_sigmoids(decisions, target, np.ones(20))
    assert np.isfinite(sigmoids).all()
    assert couple(decisions, sigmoids, 2)[0, 0] > 0.8


def test_decisions_that_lean_the_wrong_way_are_not_turned_round():
    targets = np.repeat([0, 1], [30, 10])
    wrong = np.where(targets == 0, -1.0, 1.0)[:, None]
    (slope, offset), (right, _) = (fit_sigmoids(sign * wrong, targets, np.ones(40))[0] for sign in (1, -1))
    assert (slope, round(offset, 3)) == (0.0, round(np.log(31 / 11), 3))
    assert right > 0
