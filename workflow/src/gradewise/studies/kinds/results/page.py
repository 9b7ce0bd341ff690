"""Kind `results`: accuracies and costs of models of the dataset, beside what the source reports of them."""

from __future__ import annotations

from statistics import fmean, stdev

import pandas as pd

from gradewise.report.blocks import Block, Column, Table
from gradewise.report.evidence import Evidence
from gradewise.report.numbers import Estimate
from gradewise.studies.kinds.results import Study
from gradewise.studies.measures import ACCURACIES, recorded
from gradewise.studies.pages import published
from gradewise.studies.pages.agreement import MEANING, Agreement
from gradewise.studies.pages.evidence import StudyEvidence
from gradewise.studies.pages.rows import Row, agreement_of, highlights, measure_columns, published_keys
from gradewise.studies.pages.wording import Measured

ROLES = ("train", "validation", "test")


def blocks(name: str, study: Study, evidence: StudyEvidence) -> list[Block]:
    """The table of models."""
    rows = _rows(study, evidence.base)
    keys = published_keys(rows)
    values, columns = measure_columns(rows, "model", study.measures, keys)
    data = {"model": [row.name for row in rows]} | {
        key: column for key, column in values.items() if not key.endswith(" spread")
    }
    frame = pd.DataFrame(data).dropna(axis="columns", how="all")
    caption = "Accuracies are of images, with 95 % intervals over all repeats; ± is the standard deviation over repeats"
    caption += published.note(study.comparable) if keys else ""
    caption += f"; {MEANING}" if any(row.agreement(key) for row in rows for key in keys) else ""
    return [Table(name, caption, frame, (Column.name("Model", "model"), *columns))]


def short(name: str, study: Study, evidence: StudyEvidence) -> tuple[str, str]:
    """The best that the source reports, and that of the model that validation would choose."""
    rows, base = _rows(study, evidence.base), evidence.base

    def choose(accuracy: str) -> Row | None:
        known = [model for model in study.models if model in base.models]
        if not known:
            return None
        best = max(known, key=lambda model: base.estimate(model, "accuracy", role="validation").value or 0.0)
        return Row(best, measured={accuracy: _measured(base, best, accuracy)})

    accuracies = [measure for measure in ACCURACIES if measure in study.measures]
    return highlights(rows, accuracies, choose, "{value}")


def agrees(name: str, study: Study, evidence: StudyEvidence) -> Agreement:
    """How many of the published accuracies lie in the intervals of what was measured here."""
    return agreement_of(_rows(study, evidence.base), study.comparable)


def _rows(study: Study, base: Evidence) -> list[Row]:
    """The models, then those that only the source has."""
    reported = {str(row.get("model")): {key: row[key] for key in row if key != "model"} for row in study.published}
    ours = [
        Row(model, reported.pop(model, {}), {measure: _measured(base, model, measure) for measure in study.measures})
        for model in study.models
    ]
    return [*ours, *(Row(f"{model} (published alone)", values) for model, values in reported.items())]


def _measured(base: Evidence, model: str, measure: str) -> Measured:
    if measure in ROLES:
        return Measured(base.estimate(model, "accuracy", role=measure))
    values = [recorded(run.record, measure) for run in base.runs_of(model)]
    known = [value for value in values if value is not None]
    if not known:
        return Measured(Estimate(None))
    return Measured(Estimate(fmean(known)), stdev(known) if len(known) > 1 else None, len(known))
