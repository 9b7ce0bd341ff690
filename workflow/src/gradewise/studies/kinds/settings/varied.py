"""The combinations of settings of a study with what was measured of them, as `summarise` left it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from gradewise import tables
from gradewise.report.evidence import row_estimate
from gradewise.report.palette import styles
from gradewise.studies.cells import in_words
from gradewise.studies.kinds.settings import Study, matches
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
        criterion = "validation" if any("validation" in row.measured for row in self.rows) else measure
        known = [row for row in self.rows if row.estimate(criterion).value is not None]
        return max(known, key=lambda row: row.value(criterion)) if known else None


def read(name: str, study: Study, evidence: StudyEvidence) -> Varied:
    """Read the cells of a study, with the published values of each."""
    planned = evidence.plan.varied[name].cells
    by_name = {cell.name: cell for cell in planned}
    rows, together = [], None
    for cell, part in tables.read(evidence.file(name, "cells.parquet")).groupby("cell", sort=False):
        measured = {
            row.measure: Measured(row_estimate(row), None if pd.isna(row.spread) else float(row.spread), row.repeats)
            for row in part.itertuples(index=False)
        }
        if cell == ALL:
            together = Row(ALL, measured=measured)
            continue
        settings = json.loads(part["settings"].iloc[0])
        # where settings are chosen on validation, rows bear names of their own, and share a view that does not vary
        own = by_name.get(str(cell))
        fixed = {key: value for key, value in settings.items() if key not in study.best_of}
        published = own.published if own is not None else study.published_of(fixed)
        view = evidence.plan.views[settings.get("view", (own or planned[0]).view)].in_words()
        rows.append(Row(str(cell), published, measured, settings, view))
    return Varied(tuple(rows), tuple(_only_published(study, rows)), together, planned[0].family)


def accuracies(study: Study, rows: Sequence[Row] | None = None) -> list[str]:
    """The accuracies that a study shows, of those that any of these rows has, the most telling first."""
    shown = [measure for measure in ACCURACIES if measure in study.measures]
    return [measure for measure in shown if rows is None or any(measure in row.measured for row in rows)]


def _only_published(study: Study, rows: Sequence[Row]) -> list[Row]:
    """Rows of the source whose combination of settings was not run."""
    if not isinstance(study.vary, dict):
        return []
    keys = [key for key in study.vary if key not in study.best_of]
    combinations = [{key: row.settings[key] for key in keys if key in row.settings} for row in rows]
    remaining = []
    for row in study.published:
        if not any(matches(row, settings) for settings in combinations):
            fixed = {key: row[key] for key in keys if key in row}
            values = {key: value for key, value in row.items() if key not in fixed}
            remaining.append(Row(in_words(fixed), values, settings=fixed))
    return remaining
