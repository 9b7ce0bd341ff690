"""The combinations of settings of a study with what was measured of them, as `summarise` left it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from gradewise import tables
from gradewise.report.evidence import row_estimate
from gradewise.report.palette import styles
from gradewise.studies.cells import Published, in_words
from gradewise.studies.kinds.settings import Study
from gradewise.studies.measures import ACCURACIES
from gradewise.studies.pages.evidence import StudyEvidence
from gradewise.studies.pages.rows import Row
from gradewise.studies.pages.wording import Measured

ALL = "*"
"""The row that stands for all cells together."""


@dataclass(frozen=True)
class Varied:
    """What became of a study: its rows, those that only the source has, and all rows together."""

    rows: tuple[Row, ...]
    only_published: tuple[Row, ...]
    together: Row | None
    family: str

    @property
    def colour(self) -> str:
        """The colour of the family."""
        return styles({self.family: self.family})[self.family].colour

    def best(self, measure: str) -> Row | None:
        """The row that validation would choose; where nothing was validated, the best by a measure itself."""
        by = "validation" if any("validation" in row.measured for row in self.rows) else measure
        known = [row for row in self.rows if row.estimate(by).value is not None]
        return max(known, key=lambda row: row.estimate(by).value or 0.0) if known else None


def read(name: str, study: Study, evidence: StudyEvidence) -> Varied:
    """Read the cells of a study and lay the published values beside them."""
    table = tables.read(evidence.file(name, "cells.parquet"))
    planned = evidence.plan.varied[name].cells
    by_name = {cell.name: cell for cell in planned}
    views = {cell.view: evidence.plan.views[cell.view].in_words() for cell in planned}
    rows, together = [], None
    for cell, part in table.groupby("cell", sort=False):
        settings = json.loads(part["settings"].iloc[0])
        measured = {row.measure: _measured(row) for row in part.itertuples(index=False)}
        if cell == ALL:
            together = Row(ALL, measured=measured)
            continue
        fixed = {key: value for key, value in settings.items() if key not in study.best_of}
        # where settings are chosen on validation, rows bear names of their own, and share a view that does not vary
        own = by_name.get(str(cell))
        view = settings.get("view", (own or planned[0]).view)
        published = own.published if own is not None else study.published_of(fixed)
        rows.append(Row(str(cell), published, measured, settings, views[view]))
    taken = [row.settings for row in rows]
    return Varied(tuple(rows), tuple(_left(study, taken)), together, planned[0].family)


def accuracies(study: Study, rows: Sequence[Row] | None = None) -> list[str]:
    """The accuracies that a study shows, of those that any of these rows has, the most telling first."""
    shown = [measure for measure in ACCURACIES if measure in study.measures]
    return [measure for measure in shown if rows is None or any(measure in row.measured for row in rows)]


def _measured(row: Any) -> Measured:
    return Measured(row_estimate(row), None if pd.isna(row.spread) else float(row.spread), int(row.repeats))


def _left(study: Study, taken: list[Any]) -> list[Row]:
    """Rows of the source that no combination of ours answers to."""
    if not isinstance(study.vary, dict):
        return []
    keys = [key for key in study.vary if key not in study.best_of]
    left = []
    for row in study.published:
        fixed = {key: row[key] for key in keys if key in row}
        if not any(_names(row, {key: settings[key] for key in keys if key in settings}) for settings in taken):
            published = {key: row[key] for key in row if key not in fixed}
            left.append(Row(in_words(fixed), published, settings=fixed))
    return left


def _names(row: Mapping[str, Published], settings: Mapping[str, Any]) -> bool:
    return all(key in row and row[key] == value for key, value in settings.items())
