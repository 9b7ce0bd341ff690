"""Kind `settings`: what a model reaches with some settings varied, as a table and the drawings that are asked for."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd

from gradewise.report import numbers
from gradewise.report.blocks import Block, Column, Table, Text
from gradewise.studies.cells import in_words
from gradewise.studies.kinds.settings import Study, agreement, curves, heat_map, lines, marks, varied
from gradewise.studies.kinds.settings.varied import Varied
from gradewise.studies.measures import ACCURACIES
from gradewise.studies.pages import published, wording
from gradewise.studies.pages.agreement import MEANING, Agreement
from gradewise.studies.pages.evidence import StudyEvidence
from gradewise.studies.pages.rows import agreement_of, column, highlights, measure_columns, published_keys

SHORT_NAME = 30
"""Names of rows up to so many letters stay on one line."""

DRAWINGS = {
    "marks": marks.blocks,
    "line": lines.blocks,
    "heat_map": heat_map.blocks,
    "curves": curves.blocks,
    "agreement": agreement.blocks,
}


def blocks(name: str, study: Study, evidence: StudyEvidence) -> list[Block]:
    """The drawings in the order of the configuration, then the table and what to know about its columns."""
    cells = varied.read(name, study, evidence)
    remarks = " ".join(_remarks(study, cells))
    parts: list[Block] = [
        Text(_model(study, evidence), "small"),
        *(block for drawing in study.draw for block in DRAWINGS[drawing](name, study, evidence, cells)),
        _table(name, study, cells),
        *([Text(remarks, "small")] if remarks else []),
    ]
    # listed rows carry published values of their own; what else the source has fits no row
    return parts if isinstance(study.vary, dict) else [*parts, *published.as_published(name, study)]


def short(name: str, study: Study, evidence: StudyEvidence) -> tuple[str, str]:
    """The best that the source reports, and the best found here (chosen on validation)."""
    cells = varied.read(name, study, evidence)
    rows = [*cells.rows, *cells.only_published]
    return highlights(rows, varied.accuracies(study), cells.best, "{value} ({row})")


def agrees(name: str, study: Study, evidence: StudyEvidence) -> Agreement:
    """How many of the published accuracies lie in the intervals of what was measured here."""
    return agreement_of(varied.read(name, study, evidence).rows, study.comparable)


def _table(name: str, study: Study, cells: Varied) -> Table:
    rows = [*cells.rows, *cells.only_published]
    data: dict[str, list[Any]] = {"row": [row.name for row in rows]}
    columns: list[Column] = []

    def show(heading: str, texts: list[str], kind: str = "text") -> None:
        columns.append(column(rows, "row", heading, texts, kind))

    if isinstance(study.vary, dict):
        for key in study.vary:
            data[key] = [_listed(row.settings.get(key)) for row in rows]
            if key not in study.best_of:
                show(key, data[key], "text" if columns else "name")
    else:
        show("Settings", data["row"], "name" if max(map(len, data["row"])) <= SHORT_NAME else "text")
    if any("view" in row.settings for row in rows):
        data["what the view does"] = [row.view or "" for row in rows]
    for key in study.best_of:
        show(f"{key}, chosen", [_chosen(row.settings.get(key, [])) for row in rows])
    keys = published_keys(rows)
    choices = [key for key in study.best_of if key in keys]
    if choices:
        published_choices = [
            ", ".join(f"{key} {published.written(row.published[key])}" for key in choices if key in row.published)
            for row in rows
        ]
        data["published choice"] = [choice or numbers.NONE for choice in published_choices]
        show("Published, choice", data["published choice"])
    values, measured = measure_columns(rows, "row", study.measures, [key for key in keys if key not in choices])
    caption = "Image-level accuracy with 95 % intervals" if varied.accuracies(study) else "What was measured"
    repeats = max((measure.repeats for row in rows for measure in row.measured.values()), default=1)
    caption += f", over {repeats} repeats" if repeats > 1 else ""
    caption += published.note(study.comparable) if keys else ""
    caption += f"; {MEANING}" if any(row.agreement(key) for row in rows for key in keys) else ""
    return Table(name, caption, pd.DataFrame(data | values), (*columns, *measured))


def _listed(value: Any) -> str:
    return ", ".join(map(wording.setting, value)) if isinstance(value, list) else wording.setting(value)


def _chosen(values: list[Any]) -> str:
    """How often each value was chosen: '2 (2 of 3), 1 (1 of 3)'."""
    counts = Counter(map(wording.setting, values)).most_common()
    shares = [f"{value} ({count}{numbers.SPACE}of{numbers.SPACE}{len(values)})" for value, count in counts]
    return ", ".join(shares) or numbers.NONE


def _model(study: Study, evidence: StudyEvidence) -> str:
    """Which model is varied, and its settings that hold where a row says nothing else."""
    settings = dict(evidence.plan.models[study.model])
    family = settings.pop("family", None)
    if isinstance(study.vary, dict):
        settings = {key: value for key, value in settings.items() if key not in study.vary}
    words = f"Model {study.model}{f' ({family})' if family else ''}"
    return f"{words}, where a row does not say otherwise: {in_words(settings)}." if settings else f"{words}."


def _remarks(study: Study, cells: Varied) -> list[str]:
    """What to know about the rows and columns of the table."""
    remarks = []
    if any("view" in row.settings for row in cells.rows):
        views: dict[str, list[str]] = {}
        for row in cells.rows:
            views.setdefault(row.view or numbers.NONE, []).append(row.name)
        remarks += [f"{words[0].upper()}{words[1:]}: {'; '.join(names)}." for words, names in views.items()]
    fewer = [
        f"{row.name}: {row.value('features'):.0f}"
        for row in cells.rows
        if isinstance(components := row.settings.get("components"), int) and row.value("features") < components
    ]
    if fewer:
        remarks.append(f"The training samples have only so many components: {'; '.join(fewer)}.")
    if cells.only_published:
        remarks.append("Rows with published values only are settings that were not run here.")
    if study.best_of:
        remarks.append(
            f"Chosen in each repeat by accuracy on its validation images alone: {numbers.listed(list(study.best_of))}. "
            f"So the validation accuracy of a choice is slightly too high, but its test accuracy is not."
        )
    if cells.family == "pca_svm":
        remarks.append(
            "Verdicts come from calibrated probabilities. Uncalibrated decisions, which most publications report, "
            "differ mainly if C is very small or gamma far from its best values."
        )
    if any(
        measured.spread is not None and measured.estimate.bounds is None
        for row in cells.rows
        for measure, measured in row.measured.items()
        if measure in ACCURACIES and measure in study.measures
    ):
        remarks.append("The number after ± is the standard deviation over repeats, in percentage points.")
    return remarks
