"""How measures of trained models and values of settings are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gradewise.report import numbers
from gradewise.report.numbers import Estimate
from gradewise.studies.cells import value_in_words
from gradewise.studies.measures import ACCURACIES, MEASURES


@dataclass(frozen=True)
class Measured:
    """A measure over repeats: its mean, for accuracies with the 95 % interval, and its standard deviation."""

    estimate: Estimate
    spread: float | None = None
    repeats: int = 1


def name(measure: str) -> str:
    """A measure in words; what the program does not measure, under the name that the source's values have."""
    return MEASURES[measure].words if measure in MEASURES else measure.replace("_", " ").capitalize()


def listed(measures: Sequence[str]) -> str:
    """Measures in words, as a sentence begins with them."""
    words = numbers.listed([MEASURES[measure].words.lower() for measure in measures])
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
    kind = MEASURES[measure].kind
    return _of_repeats(value, measured.repeats) if kind == "flag" else _WRITERS[kind](value)


def _of_repeats(share: float, repeats: int) -> str:
    if share in (0.0, 1.0):
        return "yes" if share else "no"
    return f"{round(share * repeats)} of {repeats}"


_WRITERS: dict[str, Callable[[float], str]] = {
    "share": numbers.percent,
    "count": numbers.count,
    "number": lambda value: f"{value:.2g}".replace("e-0", "e-"),
    "time": numbers.time,
    "memory": numbers.memory,
}
