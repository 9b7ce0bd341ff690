"""How likely each model is the best, and how much too good the best of several looks."""

from __future__ import annotations

import numpy as np
import pytest

from gradewise.evaluation import compare
from gradewise.evaluation.counting import Confusions
from gradewise.evaluation.intervals import Combine
from gradewise.evaluation.standings import optimism, probability_best
from gradewise.metrics import METRICS

ACCURACY = METRICS["accuracy"]


def accuracy(confusions: Confusions, combine: Combine) -> np.ndarray:
    return ACCURACY.overall(confusions.combined(combine))


def draw(chances: list[float], groups: int, rng: np.random.Generator) -> list[compare.Tested]:
    """Models with these chances, tested in one repeat on ten images of each group."""
    usual = rng.normal(scale=0.1, size=groups)
    group, truth = np.repeat(np.arange(groups), 10), np.zeros(10 * groups, dtype=np.int64)
    units = compare.Units(truth, group, group.astype(str), 1, groups, 2)
    return [
        units.tested((rng.random(len(group)) > np.clip(chance + usual, 0, 1)[group]).astype(np.int64))
        for chance in chances
    ]


def best_of(models: list[compare.Tested]) -> np.ndarray:
    return probability_best([tested.deletions(ACCURACY) for tested in models], models[0].sizes, 1.0, 0.0)


def optimism_of(models: list[compare.Tested]) -> float:
    return optimism([tested.confusions for tested in models], models[0].groups, accuracy, 0)


def test_probabilities_of_being_best_add_up_and_follow_the_evidence() -> None:
    rng = np.random.default_rng(0)
    near, far = (best_of(draw(chances, 16, rng)) for chances in ([0.7] * 3, [0.9, 0.5, 0.5]))
    assert near.sum() == pytest.approx(1)
    assert near.max() < 0.9
    assert far[0] > 0.99


def test_a_single_model_is_the_best() -> None:
    models = draw([0.7], 16, np.random.default_rng(0))
    assert best_of(models).tolist() == [1.0]
    assert optimism_of(models) == 0


def test_too_few_groups_tell_nothing() -> None:
    assert np.isnan(best_of(draw([0.7, 0.6], 4, np.random.default_rng(0)))).all()


def test_the_best_of_equals_looks_too_good_by_about_the_optimism() -> None:
    rng = np.random.default_rng(2)
    excess, told = [], []
    for _ in range(60):
        models = draw([0.7] * 4, 16, rng)
        values = np.array([tested.right.mean() for tested in models])
        excess.append(values.max() - values.mean())
        told.append(optimism_of(models))
    assert np.mean(told) == pytest.approx(np.mean(excess), abs=0.015)
    assert np.mean(told) > 0.01


def test_a_clear_leader_owes_nothing_to_being_chosen() -> None:
    assert optimism_of(draw([0.95, 0.4], 40, np.random.default_rng(3))) < 0.01
