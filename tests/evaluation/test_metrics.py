from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from gradewise.evaluation.counting import confusions
from gradewise.evaluation.totals import add_up, leave_out
from gradewise.metrics import METRICS, Counts, measure

CLASSES = ["A", "B", "C", "D"]


@st.composite
def verdicts(draw: st.DrawFn) -> tuple[int, np.ndarray, np.ndarray]:
    """Number of classes, truth and prediction; every class occurs in truth and in prediction."""
    k = draw(st.integers(2, 4))
    pairs = draw(st.lists(st.tuples(st.integers(0, k - 1), st.integers(0, k - 1)), max_size=40))
    pairs += [(at, at) for at in range(k)]
    truth, predicted = np.array(pairs).T
    return k, truth, predicted


def confusion_of(k: int, truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    return confusions(truth, predicted, np.zeros(len(truth), dtype=np.int64), 1, k).dense()[0]


@settings(max_examples=50)
@given(verdicts())
def test_metrics_of_verdicts_agree_with_scikit_learn(case: tuple[int, np.ndarray, np.ndarray]) -> None:
    k, truth, predicted = case
    found = measure(Counts(confusion_of(k, truth, predicted)), CLASSES[:k], ordered=True)
    error = np.abs(truth - predicted)
    expected = {
        ("accuracy", None): reference.accuracy_score(truth, predicted),
        ("balanced_accuracy", None): reference.balanced_accuracy_score(truth, predicted),
        ("quadratic_kappa", None): reference.cohen_kappa_score(truth, predicted, weights="quadratic"),
        ("grade_error", None): reference.mean_absolute_error(truth, predicted),
        ("adjacent_accuracy", None): np.mean(error <= 1),
        ("far_errors", None): np.mean(error >= 2),
    }
    by_class = reference.precision_recall_fscore_support(truth, predicted)
    macro = reference.precision_recall_fscore_support(truth, predicted, average="macro")
    for name, values, mean in zip(("precision", "recall", "f1"), by_class[:3], macro[:3], strict=True):
        expected[name, None] = mean
        expected |= {(name, CLASSES[at]): value for at, value in enumerate(values)}
    assert found == pytest.approx(expected)


@settings(max_examples=50)
@given(verdicts(), st.integers(0, 2**32 - 1), st.booleans())
def test_metrics_of_probabilities_agree_with_scikit_learn(
    case: tuple[int, np.ndarray, np.ndarray], seed: int, tied: bool
) -> None:
    k, truth, predicted = case
    chances = np.random.default_rng(seed).dirichlet(np.ones(k), size=len(truth))
    if tied:
        chances = np.full((len(truth), k), 0.1) + (1 - 0.1 * k) * np.eye(k)[predicted]
    chances = chances.astype(np.float32).astype(np.float64)
    group = np.arange(len(truth)) % 3
    totals = add_up(truth, predicted, chances, group, 3, [1] if k == 2 else list(range(k)))
    found = {key: deletions.value for key, deletions in leave_out([totals], CLASSES[:k], ordered=False).items()}
    area = (
        reference.roc_auc_score(truth, chances[:, 1])
        if k == 2
        else np.mean([reference.roc_auc_score(truth == at, chances[:, at]) for at in range(k)])
    )
    assert found["roc_auc", None] == pytest.approx(area)
    score = reference.log_loss(np.eye(k)[truth], chances / chances.sum(axis=1, keepdims=True))
    assert found["log_loss", None] == pytest.approx(score, rel=1e-5)
    brier = (
        reference.brier_score_loss(truth, chances[:, 1])
        if k == 2
        else reference.brier_score_loss(truth, chances / chances.sum(axis=1, keepdims=True))
    )
    assert found["brier_score", None] == pytest.approx(brier, rel=1e-5)


def test_counts_of_each_group_are_kept_apart() -> None:
    counts = confusions(np.array([0, 1, 1]), np.array([0, 0, 1]), np.array([0, 2, 2]), 3, 2)
    assert counts.dense().tolist() == [[[1, 0], [0, 0]], [[0, 0], [0, 0]], [[0, 0], [1, 1]]]


def test_an_absent_class_has_no_recall_and_leaves_no_macro_average() -> None:
    found = measure(Counts(np.array([[3.0, 1.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.0]])), CLASSES[:3], ordered=False)
    assert np.isnan(found["recall", "C"])
    assert np.isnan(found["balanced_accuracy", None])
    assert found["accuracy", None] == pytest.approx(5 / 6)


def test_a_class_never_predicted_has_no_precision_but_an_f_score_of_zero() -> None:
    found = measure(Counts(np.array([[3.0, 0.0], [2.0, 0.0]])), CLASSES[:2], ordered=False)
    assert np.isnan(found["precision", "B"])
    assert found["f1", "B"] == 0


def test_nothing_to_count_is_undefined() -> None:
    found = measure(Counts(np.zeros((2, 2))), CLASSES[:2], ordered=True)
    assert all(np.isnan(value) for value in found.values())


def test_grades_are_measured_only_where_classes_are_ordered() -> None:
    names = {name for name, _ in measure(Counts(np.eye(3)), CLASSES[:3], ordered=False)}
    assert names == {"accuracy", "balanced_accuracy", "precision", "recall", "f1"}


def test_f_score_of_the_papers_precision_and_recall() -> None:
    """Nanofibre paper, Table 4: precision 84 %, recall 82 % make an F score of 83 %."""
    confusion = np.array([[1000.0, 820 * 16 / 84], [180.0, 820.0]])
    found = measure(Counts(confusion), ["HNF", "NHNF"], ordered=False)
    assert [round(float(found[name, "NHNF"]), 2) for name in ("precision", "recall", "f1")] == [0.84, 0.82, 0.83]


def test_the_cost_of_a_hundred_images_worked_by_hand():
    """Elkan (2001): expected cost is the sum over cells of count times cost, here 3 x 0 + 2 x 1 + 1 x 10 + 4 x 0."""
    confusion, costs = np.array([[3.0, 2.0], [1.0, 4.0]]), np.array([[0.0, 1.0], [10.0, 0.0]])
    found = measure(Counts(confusion, costs), ["A", "B"], ordered=False)
    assert found["cost_per_100", None] == pytest.approx(100 * 12 / 10)
    assert METRICS["cost_per_100"].limits(2, costs) == (0.0, 1000.0)


def test_equal_costs_are_errors_in_per_cent():
    confusion = np.array([[3.0, 2.0, 1.0], [1.0, 4.0, 0.0], [0.0, 2.0, 5.0]])
    found = measure(Counts(confusion, 1.0 - np.eye(3)), CLASSES[:3], ordered=False)
    assert found["cost_per_100", None] == pytest.approx(100 * (1 - found["accuracy", None]))
