"""What metrics are called on the page and how values of metrics are written."""

from __future__ import annotations

from functools import partial

from gradewise.metrics import METRICS
from gradewise.report import numbers
from gradewise.report.numbers import Estimate

_WRITERS = {"share": numbers.percent, "amount": numbers.amount}


def name(metric: str, overall: bool = False) -> str:
    """A metric in words; `overall` where it stands for all classes together."""
    record = METRICS[metric]
    return f"{record.title}, mean of classes" if overall and record.by_class else record.title


def explained(metrics: list[str]) -> list[str]:
    """What the less known of some metrics are, a sentence each."""
    return [METRICS[metric].explanation for metric in metrics if METRICS[metric].explanation]


def is_share(metric: str) -> bool:
    """Whether values are shares of one, best read as per cent."""
    return METRICS[metric].unit == "share"


def lower_is_better(metric: str) -> bool:
    """Whether small values are good."""
    return METRICS[metric].lower_is_better


def value(metric: str, number: float | None) -> str:
    """A value of a metric: '84.2 %', '0.812', '31.5'."""
    return _WRITERS.get(METRICS[metric].unit, numbers.score)(number)


def in_words(metric: str) -> str:
    """A metric inside a sentence: 'accuracy', 'quadratic weighted kappa', 'F1'."""
    record = METRICS[metric]
    return record.words or record.title[0].lower() + record.title[1:]


def reached(metric: str, number: float | None, unit: str = "image") -> str:
    """What a model gets: '90.0 % of test images right', 'a balanced accuracy of 67.5 % on test samples'."""
    on_what = f" on test {unit}s" if unit != "image" else ""
    whole = METRICS[metric].reached or f"a {in_words(metric)} of {{}}{on_what}"
    return whole.format(value(metric, number), unit=unit)


def interval(metric: str, estimate: Estimate) -> str:
    """A value of a metric with its interval."""
    return numbers.interval(estimate, partial(value, metric))


def with_ci(metric: str, estimate: Estimate) -> str:
    """A value of a metric with its interval, in a sentence."""
    return numbers.with_ci(estimate, partial(value, metric))


def difference(metric: str, number: float | None) -> str:
    """A difference of two values with its sign, shares in percentage points: '+3.1', '−0.042'."""
    if number is None or not numbers.known(number) or is_share(metric):
        return numbers.points(number)
    written = value(metric, number)
    return f"+{written}" if number > 0 else written


def gap(metric: str, number: float | None, points: str = "points") -> str:
    """A difference without its sign: '4.0 points', '0.042'."""
    written = difference(metric, number).removeprefix("+")
    return f"{written} {points}" if is_share(metric) else written


def bounds(metric: str, estimate: Estimate) -> str:
    """The interval of a difference: '−3.0 to +11.0'; empty where unknown."""
    return " to ".join(difference(metric, bound) for bound in estimate.bounds or ())


def difference_interval(metric: str, estimate: Estimate) -> str:
    """A difference with its interval."""
    return numbers.interval(estimate, partial(difference, metric))
