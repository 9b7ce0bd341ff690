"""Kind `results`: accuracies and costs of models of the dataset, beside what the source reports of them."""

from __future__ import annotations

from statistics import fmean, stdev

import pandas as pd

from gradewise.report import numbers
from gradewise.report.blocks import Block, Column, Table
from gradewise.report.evidence import Evidence
from gradewise.report.numbers import Estimate
from gradewise.studies.kinds.results import Study
from gradewise.studies.measures import ACCURACIES, recorded
from gradewise.studies.pages import published, wording
from gradewise.studies.pages.evidence import StudyEvidence
from gradewise.studies.pages.rows import Row, measure_columns
from gradewise.studies.pages.wording import Measured

ROLES = ("train", "validation", "test")


def blocks(name: str, study: Study, evidence: StudyEvidence) -> list[Block]:
    """The table of models."""
    rows = _rows(study, evidence.base)
    told = list(dict.fromkeys(key for row in rows for key in row.published))
    values, columns = measure_columns(rows, "model", study.measures, told)
    data = {"model": [row.name for row in rows]} | {
        key: column for key, column in values.items() if not key.endswith(" spread")
    }
    frame = pd.DataFrame(data).dropna(axis="columns", how="all")
    caption = "Accuracies are of images, with 95 % intervals over all repeats; ± is the standard deviation over repeats"
    caption += published.note(study.comparable) if told else ""
    return [Table(name, caption, frame, (Column.name("Model", "model"), *columns))]


def short(name: str, study: Study, evidence: StudyEvidence) -> tuple[str, str]:
    """The best that the source reports, and that of the model that validation would choose."""
    rows = _rows(study, evidence.base)
    told = [key for key in ACCURACIES if any(key in row.published for row in rows)]
    shown = [*told, *(measure for measure in ACCURACIES if measure in study.measures)]
    if not shown:
        return numbers.NONE, numbers.NONE
    label = wording.name(shown[0])
    theirs = numbers.NONE
    if told:
        best = max(rows, key=lambda row: published.as_share(row.published.get(told[0])) or 0.0)
        theirs = f"{label} {published.written(best.published[told[0]])}"
    known = [model for model in study.models if model in evidence.base.models]
    if not known:
        return theirs, numbers.NONE
    chosen = max(known, key=lambda model: _measured(evidence.base, model, "validation").estimate.value or 0.0)
    return theirs, f"{label} {wording.written(shown[0], _measured(evidence.base, chosen, shown[0]))}: {chosen}"


def _rows(study: Study, base: Evidence) -> list[Row]:
    """The models, then those that only the source has."""
    beside = {str(row.get("model")): {key: row[key] for key in row if key != "model"} for row in study.published}
    ours = [
        Row(model, beside.pop(model, {}), {measure: _measured(base, model, measure) for measure in study.measures})
        for model in study.models
    ]
    return [*ours, *(Row(f"{model} (published alone)", values) for model, values in beside.items())]


def _measured(base: Evidence, model: str, measure: str) -> Measured:
    if measure in ROLES:
        return Measured(base.estimate(model, "accuracy", role=measure))
    values = [recorded(run.record, measure) for run in base.runs_of(model)]
    known = [value for value in values if value is not None]
    if not known:
        return Measured(Estimate(None))
    return Measured(Estimate(fmean(known)), stdev(known) if len(known) > 1 else None, len(known))
