"""What metrics and tests are called on the page and how values of metrics are written."""

from __future__ import annotations

from gradewise.report import numbers
from gradewise.report.numbers import Estimate

_NAMES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "roc_auc": "ROC AUC",
    "quadratic_kappa": "Quadratic weighted kappa",
    "adjacent_accuracy": "At most one grade off",
    "far_errors": "Two or more grades off",
    "grade_error": "Mean grade error",
    "log_loss": "Log loss",
    "brier_score": "Brier score",
}
_SHARES = {"accuracy", "balanced_accuracy", "precision", "recall", "f1", "adjacent_accuracy", "far_errors"}
_OF_A_CLASS = {"precision", "recall", "f1"}
_LOWER_IS_BETTER = {"far_errors", "grade_error", "log_loss", "brier_score"}
_TESTS = {
    "mcnemar": "exact McNemar test",
    "group_swap": "test by exchanging groups",
    "corrected_resampled_t": "corrected resampled t test",
    "clustered_t": "t test by groups",
}


def name(metric: str, overall: bool = False) -> str:
    """A metric in words; `overall` where it stands for all classes together."""
    if overall and metric in _OF_A_CLASS:
        return f"{_NAMES[metric]}, mean of classes"
    return _NAMES.get(metric, metric.replace("_", " ").capitalize())


def is_share(metric: str) -> bool:
    """Whether values are shares of one, best read as per cent."""
    return metric in _SHARES


def lower_is_better(metric: str) -> bool:
    """Whether small values are good."""
    return metric in _LOWER_IS_BETTER


def test_name(test: str) -> str:
    """A statistical test in words."""
    return _TESTS.get(test, test.replace("_", " "))


def interval(metric: str, estimate: Estimate) -> str:
    """A value of a metric with its interval."""
    return numbers.percent_interval(estimate) if is_share(metric) else numbers.score_interval(estimate)


def order(metrics: list[str]) -> list[str]:
    """Metrics in the order in which they are shown: those with a name first."""
    return sorted(metrics, key=lambda metric: (list(_NAMES).index(metric) if metric in _NAMES else len(_NAMES), metric))
