"""Rows of a table with what was measured of them and what the source says: models, or combinations of settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from gradewise.report import numbers
from gradewise.report.blocks import Column
from gradewise.report.numbers import Estimate
from gradewise.studies.cells import Published
from gradewise.studies.measures import ACCURACIES
from gradewise.studies.pages import published, wording
from gradewise.studies.pages.agreement import Agreement, mark, marked
from gradewise.studies.pages.wording import Measured


@dataclass(frozen=True)
class Row:
    """A model, or a combination of settings.

    Attributes
    ----------
    name : str
    published : mapping
        What the source says of it, by measure, and the values that it chose of settings chosen on validation.
    measured : mapping of str to Measured
        Empty where only the source has the row.
    settings : mapping
        The varied settings; of those chosen on validation a list of the values chosen, one per repeat.
    view : str or None
        What its view does, in words; None where only the source has the row.
    """

    name: str
    published: Mapping[str, Published] = field(default_factory=dict)
    measured: Mapping[str, Measured] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    view: str | None = None

    def estimate(self, measure: str) -> Estimate:
        """A measure's value and interval; without value where it was not measured."""
        return self.measured[measure].estimate if measure in self.measured else Estimate(None)

    def value(self, measure: str) -> float:
        """A measure's value; NaN where it was not measured."""
        value = self.estimate(measure).value
        return np.nan if value is None else value

    def written(self, measure: str) -> str:
        """A measure's value as text; a dash where it was not measured."""
        return wording.written(measure, self.measured.get(measure))

    def agreement(self, measure: str) -> str:
        """The mark of a published value of an accuracy; empty where it cannot be judged."""
        return mark(self.estimate(measure), self.published.get(measure)) if measure in ACCURACIES else ""

    def published_share(self, measure: str) -> float | None:
        """The published value of an accuracy, as a share; None where there is none that is a number."""
        return published.as_share(self.published.get(measure))


def published_keys(rows: Sequence[Row]) -> list[str]:
    """What the source says of any of these rows, in its order."""
    return list(dict.fromkeys(key for row in rows for key in row.published))


def agreement_of(rows: Sequence[Row], comparable: bool) -> Agreement:
    """How many published accuracies of some rows agree with what was measured here."""
    return Agreement.of([row.agreement(key) for row in rows for key in row.published], comparable)


def highlights(
    rows: Sequence[Row], measures: Sequence[str], choose: Callable[[str], Row | None], pattern: str
) -> tuple[str, str]:
    """The line of a study in the overview: the best published value, and that of the row chosen here.

    Where all published values are words, the first stands for them.

    Parameters
    ----------
    rows : sequence of Row
    measures : sequence of str
        Accuracies that the study shows, the most telling first; the first published one is preferred to them.
    choose : callable
        Takes an accuracy; the row to be named.
    pattern : str
        Of a published `value` and the name of its `row`.
    """
    keys = published_keys(rows)
    reported = [measure for measure in ACCURACIES if measure in keys]
    accuracies = reported or list(measures)
    if not accuracies:
        return numbers.NONE, numbers.NONE
    accuracy = accuracies[0]
    label, theirs, chosen = wording.name(accuracy), numbers.NONE, choose(accuracy)
    if reported:
        named = [row for row in rows if accuracy in row.published]
        best = max(named, key=lambda row: row.published_share(accuracy) or 0.0)
        value = published.written(best.published[accuracy])
        theirs = f"{label} {pattern.format(value=value, row=best.name)}"
    return theirs, numbers.NONE if chosen is None else f"{label} {chosen.written(accuracy)}: {chosen.name}"


def column(rows: Sequence[Row], key: str, heading: str, texts: Sequence[str], kind: str = "number") -> Column:
    """A column that shows a text for each row, whose names are under a key of the data."""
    by_name = dict(zip([row.name for row in rows], texts, strict=True))
    return Column(heading, key, by_name.__getitem__, kind)


def measure_columns(
    rows: Sequence[Row], key: str, measures: Sequence[str], reported: Sequence[str]
) -> tuple[dict[str, list[Any]], list[Column]]:
    """What was measured and what the source reports, measure by measure: columns of the file, and columns shown.

    A measure's values are followed in the file by intervals and by the spread over repeats, where there are any.
    """
    data: dict[str, list[Any]] = {}
    columns = []
    for measure in dict.fromkeys([*measures, *reported]):
        if measure in measures:
            data |= _values(rows, measure)
            texts = [row.written(measure) for row in rows]
            columns.append(column(rows, key, wording.name(measure), texts))
        if measure in reported:
            texts = [published.written(row.published.get(measure)) for row in rows]
            data[f"{measure} published"] = texts
            shown = [marked(text, row.agreement(measure)) for text, row in zip(texts, rows, strict=True)]
            columns.append(column(rows, key, published.heading(wording.name(measure), len(reported) > 1), shown))
    return data, columns


def _values(rows: Sequence[Row], measure: str) -> dict[str, list[float]]:
    spread = {row.name: row.measured[measure].spread for row in rows if measure in row.measured}
    parts = pd.DataFrame([{**vars(row.estimate(measure)), "spread": spread.get(row.name)} for row in rows], dtype=float)
    values = {f"{measure} {part}".removesuffix(" value"): parts[part].to_list() for part in parts}
    return {name: column for name, column in values.items() if name == measure or not np.isnan(column).all()}
