from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gradewise.evaluation.counting import confusions
from gradewise.evaluation.totals import add_up, leave_out
from gradewise.metrics import Counts, measure

CLASSES = ["A", "B", "C"]


def sampled(seed: int, n: int, groups: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    chances = rng.dirichlet(np.ones(3), size=n).round(1)
    return rng.integers(3, size=n), chances, rng.integers(groups, size=n)


# of which nothing is left without a group
@example(2**31 - 1, 9, 2)
@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(8, 60), st.integers(2, 8))
def test_leaving_a_group_out_measures_the_rest(seed: int, n: int, groups: int) -> None:
    truth, chances, group = sampled(seed, n, groups)
    called = chances.argmax(axis=1)
    found = leave_out([add_up(truth, called, chances, group, groups, [0, 1, 2])], CLASSES, ordered=True)
    for position, left_out in enumerate(np.unique(group)):
        rest = group != left_out
        again = add_up(truth[rest], called[rest], chances[rest], group[rest], groups, [0, 1, 2])
        expected = {
            key: deletions.value - found[key].value
            for key, deletions in leave_out([again], CLASSES, ordered=True).items()
        }
        changes = {key: deletions.groups[position] for key, deletions in found.items()}
        assert changes == pytest.approx(expected, nan_ok=True)


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_metrics_of_combined_parts_are_those_of_their_confusion_matrices(seed: int, n: int) -> None:
    truth, chances, part = sampled(seed, n, 5)
    rng = np.random.default_rng(seed)
    costs, sets = rng.random((3, 3)), rng.integers(3, size=(4, 5)).astype(float)
    parts = confusions(truth, chances.argmax(axis=1), part, 5, 3)
    combined = parts.combined(lambda sums: np.tensordot(sets, sums, axes=1), costs)
    dense = Counts(np.tensordot(sets, parts.dense(), axes=1), costs)
    found, expected = (measure(counts, CLASSES, ordered=True) for counts in (combined, dense))
    assert list(found) == list(expected)
    for key, values in expected.items():
        assert found[key] == pytest.approx(values, nan_ok=True)
    assert np.array_equal(combined.confusion, dense.confusion)


def test_repeats_pool_their_counts_and_compare_scores_within_a_repeat_only() -> None:
    truth, group = np.array([0, 1]), np.array([0, 1])
    low, high = np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([[0.2, 0.8], [0.1, 0.9]])
    repeats = [add_up(truth, chances.argmax(axis=1), chances, group, 2, [1]) for chances in (low, high)]
    found = leave_out(repeats, ["A", "B"], ordered=False)
    assert found["roc_auc", None].value == 1
    assert found["accuracy", None].value == 0.5


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
