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
from gradewise.studies.pages.evidence import StudyEvidence
from gradewise.studies.pages.rows import Row, column, measure_columns

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
    read = varied.read(name, study, evidence)
    drawn = [block for drawing in study.draw for block in DRAWINGS[drawing](name, study, evidence, read)]
    remarks = " ".join([*_views(read), *_remarks(study, read)])
    shown: list[Block] = [
        Text(_model(study, evidence), "small"),
        *drawn,
        _table(name, study, read),
        *([Text(remarks, "small")] if remarks else []),
    ]
    if study.published and not isinstance(study.vary, dict):
        # rows carry published values of their own; what else the source tells has no row to stand in
        shown.append(published.as_published(f"{name}-published", study.published, study.comparable))
    return shown


def short(name: str, study: Study, evidence: StudyEvidence) -> tuple[str, str]:
    """The best that the source reports, and the best found here (chosen on validation)."""
    read = varied.read(name, study, evidence)
    rows = [*read.rows, *read.only_published]
    told = [measure for measure in ACCURACIES if any(measure in row.published for row in rows)]
    shown = told or varied.accuracies(study)
    if not shown:
        return numbers.NONE, numbers.NONE
    theirs, ours = numbers.NONE, numbers.NONE
    label = wording.name(shown[0])
    if told:
        best = max(rows, key=lambda row: published.as_share(row.published.get(shown[0])) or 0.0)
        theirs = f"{label} {published.written(best.published[shown[0]])} ({best.name})"
    chosen = read.best(shown[0])
    if chosen is not None:
        ours = f"{label} {wording.written(shown[0], chosen.measured.get(shown[0]))}: {chosen.name}"
    return theirs, ours


def _table(name: str, study: Study, read: Varied) -> Table:
    rows = [*read.rows, *read.only_published]
    data: dict[str, list[Any]] = {"row": [row.name for row in rows]}
    columns: list[Column] = []

    def show(heading: str, texts: list[str], kind: str = "number") -> None:
        columns.append(column(rows, "row", heading, texts, kind))

    if isinstance(study.vary, dict):
        for key in study.vary:
            data[key] = [_listed(row.settings.get(key)) for row in rows]
            if key not in study.best_of:
                show(key, data[key], "name" if not columns else "text")
    else:
        show("Settings", data["row"], "name" if max(map(len, data["row"])) <= SHORT_NAME else "text")
    if any("view" in row.settings for row in rows):
        data["what the view does"] = [row.view or "" for row in rows]
    for key in study.best_of:
        show(f"{key}, chosen", [_chosen(row.settings.get(key)) for row in rows], "text")
    told = list(dict.fromkeys(key for row in rows for key in row.published))
    if any(key in study.best_of for key in told):
        data["published choice"] = [_choice(row, study.best_of) for row in rows]
        show("Published, choice", data["published choice"], "text")
        told = [key for key in told if key not in study.best_of]
    values, of_measures = measure_columns(rows, "row", study.measures, told)
    caption = "Image-level accuracy with 95 % intervals" if varied.accuracies(study) else "What was measured"
    repeats = max((measured.repeats for row in rows for measured in row.measured.values()), default=1)
    caption += f", over {repeats} repeats" if repeats > 1 else ""
    caption += published.note(study.comparable) if any(row.published for row in rows) else ""
    return Table(name, caption, pd.DataFrame(data | values), (*columns, *of_measures))


def _listed(value: Any) -> str:
    return ", ".join(map(wording.setting, value)) if isinstance(value, list) else wording.setting(value)


def _chosen(values: list[Any] | None) -> str:
    """How often each value was chosen: '2 (2 of 3), 1 (1 of 3)'."""
    chosen = values or []
    counts = Counter(map(wording.setting, chosen)).most_common()
    told = [f"{value} ({count}{numbers.SPACE}of{numbers.SPACE}{len(chosen)})" for value, count in counts]
    return ", ".join(told) or numbers.NONE


def _choice(row: Row, keys: tuple[str, ...]) -> str:
    """What the source chose: 'C 2, gamma 1e-5'."""
    told = [f"{key} {published.written(row.published[key])}" for key in keys if key in row.published]
    return ", ".join(told) or numbers.NONE


def _views(read: Varied) -> list[str]:
    """What the views of rows do, where rows differ in them."""
    if not any("view" in row.settings for row in read.rows):
        return []
    rows: dict[str, list[str]] = {}
    for row in read.rows:
        rows.setdefault(row.view or numbers.NONE, []).append(row.name)
    return [f"{words[0].upper()}{words[1:]}: {'; '.join(names)}." for words, names in rows.items()]


def _model(study: Study, evidence: StudyEvidence) -> str:
    """Which model is varied, and its settings that hold where a row says nothing else."""
    settings = dict(evidence.plan.models[study.model])
    family = settings.pop("family", None)
    if isinstance(study.vary, dict):
        settings = {key: value for key, value in settings.items() if key not in study.vary}
    words = f"Model {study.model}{f' ({family})' if family else ''}"
    return f"{words}, where a row does not say otherwise: {in_words(settings)}." if settings else f"{words}."


def _capped(read: Varied) -> list[str]:
    """Rows that ask for more components than the training samples have."""
    fewer = [
        f"{row.name}: {round(used)}"
        for row in read.rows
        if "features" in row.measured
        and isinstance(asked := row.settings.get("components"), int)
        and (used := row.estimate("features").value) is not None
        and used < asked
    ]
    return [f"The training samples have no more components than these: {'; '.join(fewer)}."] if fewer else []


def _remarks(study: Study, read: Varied) -> list[str]:
    remarks = _capped(read)
    if read.only_published:
        remarks.append("Rows with published values alone are settings that were not run here.")
    if study.best_of:
        remarks.append(
            f"Chosen in each repeat by accuracy on its validation images alone: {numbers.listed(list(study.best_of))}. "
            f"So the validation accuracy of a choice is slightly too high, and its test accuracy is not."
        )
    if read.family == "pca_svm":
        remarks.append(
            "Verdicts come from calibrated probabilities. Plain decisions of the classifier, which most publications "
            "report, differ mostly where C is very small or gamma far from its best values."
        )
    if any(
        measured.spread is not None and measured.estimate.bounds is None
        for row in read.rows
        for measure, measured in row.measured.items()
        if measure in ACCURACIES and measure in study.measures
    ):
        remarks.append("The number after ± is the standard deviation over repeats, in percentage points.")
    return remarks
