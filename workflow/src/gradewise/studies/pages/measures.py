"""What is measured of a trained model: how it is called and how its values are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gradewise.report import numbers
from gradewise.report.numbers import Estimate
from gradewise.studies.settings import value_in_words

ACCURACIES = ("test", "validation", "oob_groups", "oob_rows", "train")
"""Shares of right verdicts, the most telling first."""

_NAMES = {
    "train": "Training accuracy",
    "validation": "Validation accuracy",
    "test": "Test accuracy",
    "oob_rows": "Out-of-bag over rows",
    "oob_groups": "Out-of-bag over groups",
    "features": "Features",
    "training_rows": "Training rows",
    "repeated_rows": "Repeated rows",
    "parameters": "Parameters",
    "explained_variance": "Variance explained",
    "gamma": "Gamma",
    "support_vectors": "Support vectors",
    "converged": "Converged",
    "optimiser_steps": "Optimiser steps",
    "seconds": "Training time",
    "memory": "Peak memory",
}


@dataclass(frozen=True)
class Measured:
    """A measure over repeats: its mean, for accuracies with the 95 % interval, and its standard deviation."""

    estimate: Estimate
    spread: float | None = None
    repeats: int = 1


def name(measure: str) -> str:
    """A measure in words; what the program does not measure, under the name that the source's values have."""
    return _NAMES.get(measure, measure.replace("_", " ").capitalize())


def listed(measures: Sequence[str]) -> str:
    """Measures in words, as a sentence begins with them."""
    words = numbers.listed([_NAMES[measure].lower() for measure in measures])
    return f"{words[0].upper()}{words[1:]}"


def setting(value: Any) -> str:
    """The value of a setting in words: '1e-5', 'none', 'true'."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return number(value) if isinstance(value, float) else value_in_words(value) or "none"


def number(value: float) -> str:
    """A number in at most six digits: '1.5', '1e-5', '30000'."""
    return f"{value:g}".replace("e-0", "e-").replace("e+0", "e")


def written(measure: str, measured: Measured | None) -> str:
    """A measure's value: accuracies with their interval, or with the spread over repeats where they have none."""
    if measured is None or not numbers.known(measured.estimate.value):
        return numbers.NONE
    value = measured.estimate.value
    assert value is not None
    if measure in ACCURACIES:
        if measured.estimate.bounds or measured.spread is None or not numbers.known(measured.spread):
            return numbers.percent_interval(measured.estimate)
        return f"{numbers.percent(value)} ±{numbers.SPACE}{100 * measured.spread:.1f}"
    if measure == "converged":
        return _of_repeats(value, measured.repeats)
    return _WRITERS.get(measure, number)(value)


def _of_repeats(share: float, repeats: int) -> str:
    if share in (0.0, 1.0):
        return "yes" if share else "no"
    return f"{round(share * repeats)} of {repeats}"


_WRITERS: dict[str, Callable[[float], str]] = {
    **dict.fromkeys(
        ("features", "training_rows", "repeated_rows", "parameters", "support_vectors", "optimiser_steps"),
        numbers.count,
    ),
    "explained_variance": numbers.percent,
    "gamma": lambda value: f"{value:.2g}".replace("e-0", "e-"),
    "seconds": numbers.time,
    "memory": numbers.memory,
}
