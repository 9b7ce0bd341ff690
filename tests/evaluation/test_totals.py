from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradewise.evaluation.totals import add_up, leave_out
from gradewise.metrics import measure

CLASSES = ["A", "B", "C"]


def sampled(seed: int, n: int, groups: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    chances = rng.dirichlet(np.ones(3), size=n).round(1)
    return rng.integers(3, size=n), chances, rng.integers(groups, size=n)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(8, 60), st.integers(2, 8))
def test_leaving_a_group_out_measures_the_rest(seed: int, n: int, groups: int) -> None:
    truth, chances, group = sampled(seed, n, groups)
    called = chances.argmax(axis=1)
    found = measure(add_up(truth, called, chances, group, groups, [0, 1, 2]).counts(), CLASSES, ordered=True)
    for left_out in range(groups):
        rest = group != left_out
        again = add_up(truth[rest], called[rest], chances[rest], group[rest], groups, [0, 1, 2])
        expected = {key: values[0] for key, values in measure(again.counts(), CLASSES, ordered=True).items()}
        assert {key: values[1 + left_out] for key, values in found.items()} == pytest.approx(expected, nan_ok=True)


def test_repeats_pool_their_counts_and_compare_scores_within_a_repeat_only() -> None:
    truth, group = np.array([0, 1]), np.array([0, 1])
    low, high = np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([[0.2, 0.8], [0.1, 0.9]])
    repeats = [add_up(truth, chances.argmax(axis=1), chances, group, 2, [1]) for chances in (low, high)]
    found = measure((repeats[0] + repeats[1])[:1].counts(), ["A", "B"], ordered=False)
    assert found["roc_auc", None] == 1
    assert found["accuracy", None] == 0.5


def test_what_is_left_out_of_repeats_agrees_with_measuring_the_rest() -> None:
    truth, chances, group = sampled(3, 60, 6)
    called = chances.argmax(axis=1)
    halves = [np.arange(60) < 25, np.arange(60) >= 25]
    repeats = [add_up(truth[half], called[half], chances[half], group[half], 6, [0, 1, 2]) for half in halves]
    found = leave_out(repeats, CLASSES, ordered=True)["accuracy", None]
    right = truth == called
    assert found.value == pytest.approx(right.mean())
    assert found.groups == pytest.approx([right[group != left].mean() - right.mean() for left in range(6)])
    assert found.repeats == pytest.approx(
        [right[halves[1]].mean() - right.mean(), right[halves[0]].mean() - right.mean()]
    )
    kept = ~(halves[1] & (group == 4))
    assert found.cells[1, 4] == pytest.approx(right[kept].mean() - right.mean())


def test_groups_that_were_not_tested_are_left_aside() -> None:
    truth, chances, group = sampled(5, 30, 4)
    found = leave_out([add_up(truth, truth, chances, group * 2, 9, [0, 1, 2])], CLASSES, ordered=False)
    assert len(found["accuracy", None].groups) == 4
