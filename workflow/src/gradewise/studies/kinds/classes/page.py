"""Kind `classes`: precision, recall and F score of each class, and confusion matrices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from gradewise.report import numbers
from gradewise.report.blocks import Block, Column, Table, Text
from gradewise.report.evidence import Evidence
from gradewise.report.numbers import Estimate
from gradewise.report.sections import confusion
from gradewise.studies.cells import Published
from gradewise.studies.kinds.classes import Study
from gradewise.studies.pages import published
from gradewise.studies.pages.evidence import StudyEvidence

METRICS = {"precision": "Precision", "recall": "Recall", "f1": "F score"}
AVERAGE = "Average"
EQUATIONS = (
    "Precision = TP / (TP + FP). Recall = TP / (TP + FN). F score = 2 × precision × recall / (precision + recall). "
    "Accuracy = (TP + TN) / (TP + TN + FP + FN). Averages are means over classes without weights."
)


def blocks(name: str, study: Study, evidence: StudyEvidence) -> list[Block]:
    """What the metrics are, their table, how far off errors are, and a confusion matrix for each model."""
    base = evidence.base
    shown: list[Block] = [Text(_counted(base)), Text(EQUATIONS), _table(name, study, base)]
    if base.settings.ordered:
        shown.append(confusion.grades_off(base, study.models, f"{name}-grades-off"))
    shown.append(
        Text(
            "In the matrices rows are the true class and columns the predicted one; verdicts of all repeats are "
            "counted together.",
            "small",
        )
    )
    for model in study.models:
        shown += confusion.matrices(base, model, f"{name}-confusion-{model}")
    lines = [*base.classes, AVERAGE]
    left = [
        row
        for row in study.published
        if row.get("model", study.models[0]) not in study.models or not any(_same(row, line) for line in lines)
    ]
    return [*shown, published.as_published(f"{name}-published", left, study.comparable)] if left else shown


def short(name: str, study: Study, evidence: StudyEvidence) -> tuple[str, str]:
    """The average F score of the source, and that of each model here."""
    average = next((row for row in study.published if _same(row, AVERAGE) and "f1" in row), None)
    theirs = numbers.NONE if average is None else f"Average F score {published.written(average['f1'])}"
    ours = [f"{numbers.percent_interval(_f_score(evidence.base, model))}: {model}" for model in study.models]
    return theirs, f"Average F score {'; '.join(ours)}"


def _f_score(base: Evidence, model: str) -> Estimate:
    return base.estimate(model, "f1", base.deciding_level)


def _counted(base: Evidence) -> str:
    positive = base.settings.positive
    turns = (
        f"{positive} is positive; in the line of the other class that one is."
        if positive
        else "Each class is taken as positive in turn."
    )
    return (
        f"Of images of the class and called so: true positives (TP); called so but of another class: false positives "
        f"(FP); of the class but called otherwise: false negatives (FN); neither: true negatives (TN). {turns}"
    )


def _table(name: str, study: Study, base: Evidence) -> Table:
    rows: list[dict[str, Any]] = []
    for model in study.models:
        for of_class in [*base.classes, AVERAGE]:
            line: dict[str, Any] = {"model": model, "class": of_class}
            beside = _beside(study, model, of_class)
            for metric in METRICS:
                which = None if of_class == AVERAGE else of_class
                estimate = base.estimate(model, metric, base.deciding_level, which)
                line |= {metric: estimate.value, f"{metric} low": estimate.low, f"{metric} high": estimate.high}
                line[f"{metric} published"] = published.written(beside.get(metric))
            rows.append(line)
    told = [metric for metric in METRICS if any(metric in row for row in study.published)]
    data = pd.DataFrame(rows)
    data = data.drop(columns=[f"{metric} published" for metric in METRICS if metric not in told])
    columns = [Column.name("Model", "model")] if len(study.models) > 1 else []
    columns.append(Column.name("Class", "class"))
    for metric, heading in METRICS.items():
        columns.append(Column.interval(heading, metric, numbers.percent_interval, (f"{metric} low", f"{metric} high")))
        if metric in told:
            columns.append(Column(published.heading(heading, len(told) > 1), f"{metric} published"))
    return Table(
        name,
        f"Precision, recall and F score on test {base.deciding_level}s, with 95 % intervals"
        + (published.note(study.comparable) if told else ""),
        data,
        tuple(columns),
    )


def _beside(study: Study, model: str, of_class: str) -> Mapping[str, Published]:
    """The row of the source on a class; one that names no model counts for every model."""
    return next((row for row in study.published if _same(row, of_class) and row.get("model", model) == model), {})


def _same(row: Mapping[str, Published], of_class: str) -> bool:
    return str(row.get("class")).lower() == of_class.lower()
