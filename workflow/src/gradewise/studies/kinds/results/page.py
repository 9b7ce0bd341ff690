"""Kind `results`: accuracies and costs of models of the dataset, beside what the source reports of them."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean, stdev
from typing import Any

import numpy as np
import pandas as pd

from gradewise.report import numbers
from gradewise.report.blocks import Block, Column, Table
from gradewise.report.evidence import Evidence, row_estimate
from gradewise.report.numbers import Estimate
from gradewise.studies.cells import Published
from gradewise.studies.kinds.results import Study
from gradewise.studies.measures import ACCURACIES, recorded
from gradewise.studies.pages import published, wording
from gradewise.studies.pages.evidence import StudyEvidence
from gradewise.studies.pages.wording import Measured

Row = tuple[str, dict[str, Measured], Mapping[str, Published]]
"""Name, measures and published values of a model."""

ROLES = ("train", "validation", "test")


def blocks(name: str, study: Study, found: StudyEvidence) -> list[Block]:
    """The table of models."""
    rows = _rows(study, found.base)
    told = list(dict.fromkeys(key for _, _, beside in rows for key in beside))
    data: dict[str, list[Any]] = {"model": [model for model, _, _ in rows]}
    columns = [Column.name("Model", "model")]
    for measure in dict.fromkeys([*study.measures, *told]):
        if measure in study.measures:
            estimates = [found_of[measure].estimate for _, found_of, _ in rows]
            for part, values in zip(("", " low", " high"), _parts(estimates), strict=True):
                data[f"{measure}{part}"] = values
            texts = [wording.written(measure, found_of[measure]) for _, found_of, _ in rows]
            columns.append(_column(wording.name(measure), data["model"], texts))
        if measure in told:
            texts = [published.written(beside.get(measure)) for _, _, beside in rows]
            data[f"{measure} published"] = texts
            columns.append(_column(published.heading(wording.name(measure), len(told) > 1), data["model"], texts))
    frame = pd.DataFrame(data).dropna(axis="columns", how="all")
    caption = "Accuracies are of images, with 95 % intervals over all repeats; ± is the standard deviation over repeats"
    caption += published.note(study.comparable) if told else ""
    return [Table(name, caption, frame, tuple(columns))]


def short(name: str, study: Study, found: StudyEvidence) -> tuple[str, str]:
    """The best that the source reports, and that of the model that validation would choose."""
    rows = _rows(study, found.base)
    told = [key for key in ACCURACIES if any(key in beside for _, _, beside in rows)]
    shown = [*told, *(measure for measure in ACCURACIES if measure in study.measures)]
    if not shown:
        return numbers.NONE, numbers.NONE
    label = wording.name(shown[0])
    theirs = numbers.NONE
    if told:
        best = max((beside for _, _, beside in rows), key=lambda row: published.as_share(row.get(told[0])) or 0.0)
        theirs = f"{label} {published.written(best[told[0]])}"
    known = [model for model in study.models if model in found.base.models]
    if not known:
        return theirs, numbers.NONE
    chosen = max(known, key=lambda model: _measured(found.base, model, "validation").estimate.value or 0.0)
    return theirs, f"{label} {wording.written(shown[0], _measured(found.base, chosen, shown[0]))}: {chosen}"


def _rows(study: Study, evidence: Evidence) -> list[Row]:
    """Name, measures and published values of each model, then of those that only the source has."""
    beside = {str(row.get("model")): {key: row[key] for key in row if key != "model"} for row in study.published}
    ours: list[Row] = [
        (model, {measure: _measured(evidence, model, measure) for measure in study.measures}, beside.pop(model, {}))
        for model in study.models
    ]
    nothing: dict[str, Measured] = {measure: Measured(Estimate(None)) for measure in study.measures}
    theirs: list[Row] = [(f"{model} (published alone)", nothing, values) for model, values in beside.items()]
    return [*ours, *theirs]


def _measured(evidence: Evidence, model: str, measure: str) -> Measured:
    if measure in ROLES:
        rows = evidence.estimates("image", measure)
        rows = rows.loc[(rows["model"] == model) & (rows["metric"] == "accuracy") & rows["class"].isna()]
        return Measured(row_estimate(rows.iloc[0]) if len(rows) else Estimate(None))
    values = [recorded(run.record, measure) for run in evidence.runs_of(model)]
    known = [value for value in values if value is not None]
    if not known:
        return Measured(Estimate(None))
    return Measured(Estimate(fmean(known)), stdev(known) if len(known) > 1 else None, len(known))


def _parts(estimates: list[Estimate]) -> tuple[list[float], list[float], list[float]]:
    values = [(one.value, one.low, one.high) for one in estimates]
    value, low, high = (
        [np.nan if number is None else number for number in column] for column in zip(*values, strict=True)
    )
    return value, low, high


def _column(heading: str, models: list[str], texts: list[str]) -> Column:
    of_model = dict(zip(models, texts, strict=True))
    return Column(heading, "model", of_model.__getitem__)
