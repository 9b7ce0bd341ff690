"""How likely each model is the best, and how much too good the best of several looks."""

from __future__ import annotations

import numpy as np
import pytest

from gradewise.evaluation.standings import optimism, probability_best
from gradewise.metrics import METRICS, Counts


def accuracy(confusion: np.ndarray) -> np.ndarray:
    return METRICS["accuracy"].overall(Counts(confusion))


def counts(right: np.ndarray) -> np.ndarray:
    """Confusion counts of models, with ten images per group in one repeat, from shares right by group, shape (m, g)."""
    confusion = np.zeros((*right.shape, 2, 2))
    confusion[..., 0, 0] = 10 * right
    confusion[..., 0, 1] = 10 * (1 - right)
    return confusion[:, None]


def draw(chances: list[float], groups: int, rng: np.random.Generator) -> np.ndarray:
    usual = rng.normal(scale=0.1, size=groups)
    chance = np.clip(np.array(chances)[:, None] + usual, 0, 1)
    return counts(rng.binomial(10, chance) / 10)


def test_probabilities_of_being_best_add_up_and_follow_the_evidence() -> None:
    rng = np.random.default_rng(0)
    near, far = (
        probability_best(draw(chances, 16, rng), accuracy, 1.0, 0.0) for chances in ([0.7] * 3, [0.9, 0.5, 0.5])
    )
    assert near.sum() == pytest.approx(1)
    assert near.max() < 0.9
    assert far[0] > 0.99


def test_a_single_model_is_the_best() -> None:
    confusions = draw([0.7], 16, np.random.default_rng(0))
    assert probability_best(confusions, accuracy, 1.0, 0.0).tolist() == [1.0]
    assert optimism(confusions, accuracy, 0) == 0


def test_too_few_groups_tell_nothing() -> None:
    confusions = draw([0.7, 0.6], 4, np.random.default_rng(0))
    assert np.isnan(probability_best(confusions, accuracy, 1.0, 0.0)).all()


def test_the_best_of_equals_looks_too_good_by_about_the_optimism() -> None:
    rng = np.random.default_rng(2)
    excess, told = [], []
    for _ in range(60):
        confusions = draw([0.7] * 4, 16, rng)
        values = accuracy(confusions.sum(axis=(1, 2)))
        excess.append(values.max() - values.mean())
        told.append(optimism(confusions, accuracy, 0))
    assert np.mean(told) == pytest.approx(np.mean(excess), abs=0.015)
    assert np.mean(told) > 0.01


def test_a_clear_leader_owes_nothing_to_being_chosen() -> None:
    assert optimism(draw([0.95, 0.4], 40, np.random.default_rng(3)), accuracy, 0) < 0.01
