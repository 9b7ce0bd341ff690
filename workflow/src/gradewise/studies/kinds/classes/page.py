"""Kind `classes`: precision, recall and F score of each class, and confusion matrices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from gradewise.report import numbers
from gradewise.report.blocks import Block, Column, Table, Text
from gradewise.report.evidence import Evidence
from gradewise.report.sections import confusion
from gradewise.studies.cells import Published
from gradewise.studies.kinds.classes import Study
from gradewise.studies.pages import published
from gradewise.studies.pages.agreement import MEANING, Agreement, mark, marked
from gradewise.studies.pages.evidence import StudyEvidence

METRICS = {"precision": "Precision", "recall": "Recall", "f1": "F score"}
AVERAGE = "Average"


def blocks(name: str, study: Study, evidence: StudyEvidence) -> list[Block]:
    """What the metrics are, their table, how far off errors are, and a confusion matrix for each model."""
    base = evidence.base
    positive = base.settings.positive
    turns = (
        f"{positive} is the positive class; the row of the other class takes that one as positive."
        if positive
        else "Each class is taken as positive in turn."
    )
    rest = [
        row
        for row in study.published
        if row.get("model", study.models[0]) not in study.models
        or not any(_is_of(row, label) for label in (*base.classes, AVERAGE))
    ]
    return [
        Text(
            "True positives (TP) are images of a class that are predicted as such, false positives (FP) images of "
            "another class predicted as this one, false negatives (FN) images of the class predicted as another, and "
            f"true negatives (TN) all others. {turns}"
        ),
        Text(
            "Precision = TP / (TP + FP). Recall = TP / (TP + FN). F score = 2 × precision × recall / (precision + "
            "recall). Accuracy = (TP + TN) / (TP + TN + FP + FN). Averages are unweighted means over classes."
        ),
        _table(name, study, base),
        *([confusion.grades_off(base, study.models, f"{name}-grades-off")] if base.settings.ordered else []),
        Text(
            "Rows of the matrices are true classes, columns predicted ones; verdicts of all repeats are pooled.",
            "small",
        ),
        *(block for model in study.models for block in confusion.matrices(base, model, f"{name}-confusion-{model}")),
        *published.as_published(name, study, rest),
    ]


def short(name: str, study: Study, evidence: StudyEvidence) -> tuple[str, str]:
    """The average F score of the source, and that of each model here."""
    base = evidence.base
    average = next((row for row in study.published if _is_of(row, AVERAGE) and "f1" in row), None)
    theirs = numbers.NONE if average is None else f"Average F score {published.written(average['f1'])}"
    scores = {model: base.estimate(model, "f1", base.deciding_level) for model in study.models}
    ours = "; ".join(f"{numbers.percent_interval(score)}: {model}" for model, score in scores.items())
    return theirs, f"Average F score {ours}"


def agrees(name: str, study: Study, evidence: StudyEvidence) -> Agreement:
    """How many of the published scores lie in the intervals of what was measured here."""
    rows = _rows(study, evidence.base)
    return Agreement.of([row[f"{metric} mark"] for row in rows for metric in METRICS], study.comparable)


def _rows(study: Study, base: Evidence) -> list[dict[str, Any]]:
    """Scores of each model for each class and on average, with the published ones and their marks."""
    rows: list[dict[str, Any]] = []
    for model in study.models:
        for label in (*base.classes, AVERAGE):
            row: dict[str, Any] = {"model": model, "class": label}
            # a row of the source that names no model counts for every model
            source: Mapping[str, Published] = next(
                (row for row in study.published if _is_of(row, label) and row.get("model", model) == model), {}
            )
            for metric in METRICS:
                estimate = base.estimate(model, metric, base.deciding_level, None if label == AVERAGE else label)
                row |= {metric: estimate.value, f"{metric} low": estimate.low, f"{metric} high": estimate.high}
                row[f"{metric} published"] = published.written(source.get(metric))
                row[f"{metric} mark"] = mark(estimate, source.get(metric))
            rows.append(row)
    return rows


def _table(name: str, study: Study, base: Evidence) -> Table:
    reported = [metric for metric in METRICS if any(metric in row for row in study.published)]
    rows = _rows(study, base)
    data = pd.DataFrame(rows).drop(
        columns=[
            *(f"{metric} mark" for metric in METRICS if metric not in reported),
            *(f"{metric} published" for metric in METRICS if metric not in reported),
        ]
    )
    columns = [Column.name("Model", "model")] if len(study.models) > 1 else []
    columns.append(Column.name("Class", "class"))
    for metric, heading in METRICS.items():
        columns.append(Column.interval(heading, metric, numbers.percent_interval, (f"{metric} low", f"{metric} high")))
        if metric in reported:
            keys = (f"{metric} published", f"{metric} mark")
            columns.append(Column(published.heading(heading, len(reported) > 1), keys, marked))
    caption = f"Precision, recall and F score on test {base.deciding_level}s, with 95 % intervals"
    caption += published.note(study.comparable) if reported else ""
    caption += f"; {MEANING}" if any(row[f"{metric} mark"] for row in rows for metric in reported) else ""
    return Table(name, caption, data, tuple(columns))


def _is_of(row: Mapping[str, Published], label: str) -> bool:
    return str(row.get("class")).lower() == label.lower()
