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
    "calibration_error": "Calibration error",
    "calibration_error_by_chance": "Calibration error by chance alone",
    "accuracy_at_90_coverage": "Accuracy without the doubtful 10 %",
    "cost_per_100": "Cost of 100 verdicts",
}
_SHARES = {
    *("accuracy", "balanced_accuracy", "precision", "recall", "f1", "adjacent_accuracy", "far_errors"),
    *("calibration_error", "calibration_error_by_chance", "accuracy_at_90_coverage"),
}
_AMOUNTS = {"cost_per_100"}
_REACHED = {
    "accuracy": "{} of test {unit}s right",
    "adjacent_accuracy": "{} of test {unit}s at most one grade off",
    "far_errors": "{} of test {unit}s two or more grades off",
    "f1": "an F1 of {} on test {unit}s",
    "cost_per_100": "a cost of {} for 100 {unit}s",
}
_EXPLAINED = {
    "balanced_accuracy": "Balanced accuracy is the mean of the classes' recalls: one answer to everything gets 100 % "
    "divided by the number of classes.",
    "roc_auc": "ROC AUC is how often an image of a class gets a higher probability of it than one of another class; "
    "0.5 is chance.",
    "quadratic_kappa": "Quadratic weighted kappa is agreement beyond chance that weighs errors by the square of how "
    "many grades they are off; 0 is chance, 1 perfect.",
    "log_loss": "Log loss is the mean negative logarithm of the probability given to the true class.",
    "brier_score": "The Brier score is the mean squared error of probabilities: of the positive class where there are "
    "two, added up over classes where there are more.",
}
_IN_WORDS = {
    "adjacent_accuracy": "share at most one grade off",
    "far_errors": "share two or more grades off",
}
_OF_A_CLASS = {"precision", "recall", "f1"}
_LOWER_IS_BETTER = {"far_errors", "grade_error", "log_loss", "brier_score", "calibration_error", "cost_per_100"}
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


def explained(metrics: list[str]) -> list[str]:
    """What the less known of some metrics are, a sentence each."""
    return [_EXPLAINED[metric] for metric in metrics if metric in _EXPLAINED]


def is_share(metric: str) -> bool:
    """Whether values are shares of one, best read as per cent."""
    return metric in _SHARES


def is_amount(metric: str) -> bool:
    """Whether values are amounts in a unit of the user's own."""
    return metric in _AMOUNTS


def lower_is_better(metric: str) -> bool:
    """Whether small values are good."""
    return metric in _LOWER_IS_BETTER


def test_name(test: str) -> str:
    """A statistical test in words."""
    return _TESTS.get(test, test.replace("_", " "))


def value(metric: str, number: float | None) -> str:
    """A value of a metric: '84.2 %', '0.812', '31.5'."""
    if is_amount(metric):
        return numbers.amount(number)
    return numbers.percent(number) if is_share(metric) else numbers.score(number)


def in_words(metric: str) -> str:
    """A metric inside a sentence: 'accuracy', 'quadratic weighted kappa', 'F1'."""
    written = _IN_WORDS.get(metric, name(metric))
    return written if written[1:2].isupper() or written[1:2].isdigit() else written[0].lower() + written[1:]


def reached(metric: str, number: float | None, unit: str = "image") -> str:
    """What a model gets: '90.0 % of test images right', 'a balanced accuracy of 67.5 % on test samples'."""
    whole = _REACHED.get(metric, f"a {in_words(metric)} of {{}}" + (f" on test {unit}s" if unit != "image" else ""))
    return whole.format(value(metric, number), unit=unit)


def interval(metric: str, estimate: Estimate) -> str:
    """A value of a metric with its interval."""
    if is_amount(metric):
        return numbers.amount_interval(estimate)
    return numbers.percent_interval(estimate) if is_share(metric) else numbers.score_interval(estimate)


def difference(metric: str, number: float | None) -> str:
    """A difference of two values with its sign, shares in percentage points: '+3.1', '−0.042'."""
    if number is None or not numbers.known(number) or is_share(metric):
        return numbers.points(number)
    written = value(metric, number)
    return f"+{written}" if number > 0 else written


def difference_interval(metric: str, estimate: Estimate) -> str:
    """A difference with its interval."""
    found = difference(metric, estimate.value)
    if estimate.bounds is None or not numbers.known(estimate.value):
        return found
    return f"{found} ({difference(metric, estimate.low)} to {difference(metric, estimate.high)})"


def order(metrics: list[str]) -> list[str]:
    """Metrics in the order in which they are shown: those with a name first."""
    return sorted(metrics, key=lambda metric: (list(_NAMES).index(metric) if metric in _NAMES else len(_NAMES), metric))
