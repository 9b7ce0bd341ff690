"""Kind `pretraining`: the curves of models from scratch and of pretrained ones, and the groups that they need."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from gradewise import tables
from gradewise.report import numbers
from gradewise.report.blocks import Block, Column, Figure, Table, Text
from gradewise.report.figures import curves
from gradewise.report.pretraining import warning
from gradewise.studies.kinds.pretraining import Study
from gradewise.studies.pages import published
from gradewise.studies.pages.evidence import StudyEvidence

FINDINGS = {"saves": "saves groups", "costs": "needs more groups", "undetermined": "cannot be told"}


def blocks(name: str, study: Study, evidence: StudyEvidence) -> list[Block]:
    """What pretraining saves in words, the curves, and the numbers."""
    savings = tables.read(evidence.file(name, "savings.parquet"))
    curve = evidence.base.learning_curve
    assert curve is not None, "the configuration is checked to have a learning curve of these models"
    curve = curve.loc[curve["model"].isin(study.models) & (curve["share"] <= 1)]
    seen = warning(run for run in evidence.base.runs if run.model in study.models)
    return [
        *(Text(_sentence(row), "lead") for row in savings.itertuples(index=False)),
        _figure(name, study, curve, evidence),
        Table(
            name,
            "Training groups with which pretrained models do as well as others with all of them, with 95 % intervals",
            savings,
            (
                Column.name("Pretrained", "model"),
                Column.name("From scratch", "scratch"),
                Column("Groups", "groups", numbers.count),
                Column("Accuracy from scratch", "accuracy", numbers.percent),
                Column("Accuracy pretrained", "accuracy_pretrained", numbers.percent),
                Column("Groups needed", ("needed", "needed_low", "needed_high", "smallest", "groups"), _needed),
                Column("Finding", "finding", FINDINGS.__getitem__),
            ),
        ),
        Text(
            "All models were fitted to the same nested parts of the training groups and tested on the same images. The "
            "curve of each is an inverse power law fitted to its measured errors; the groups needed are read from it "
            "between the smallest and the largest size measured. Their interval comes from curves fitted to draws of "
            "all errors, correlated as the common test groups make them.",
            "small",
        ),
        *([Text(seen, "small")] if seen else []),
        *published.as_published(name, study),
    ]


def _sentence(row: Any) -> str:
    """How many groups pretraining saves, in words."""
    groups = numbers.count(row.groups)
    reached = f"the accuracy that {row.scratch} reaches from scratch with {numbers.many(round(row.groups), 'group')}"
    interval = f"95 % interval: {_ends(row.needed_low, row.needed_high, row.smallest, row.groups)}"
    if row.finding == "saves":
        if row.needed == 0:
            return (
                f"{row.model} reaches {reached} with fewer than the {numbers.count(row.smallest)} groups of the "
                f"smallest training set ({interval}): pretraining saves at least "
                f"{_share(max(row.needed_high, row.smallest), row.groups)} of the groups."
            )
        return (
            f"{row.model} reaches {reached} with about {numbers.count(row.needed)} ({interval}): pretraining saves "
            f"about {numbers.count(row.groups - row.needed)} of {groups} groups, and at least "
            f"{numbers.count(math.floor(row.groups - max(row.needed_high, row.smallest)))}."
        )
    if row.finding == "costs":
        return f"{row.model} does not reach {reached} with as many: pretraining saves nothing here."
    return (
        f"How many groups pretraining saves {row.model} cannot be told: to reach {reached}, it may need "
        f"{_ends(row.needed_low, row.needed_high, row.smallest, row.groups)}."
        if not pd.isna(row.needed_low)
        else f"How many groups pretraining saves {row.model} cannot be told, because there are too few test groups."
    )


def _share(needed: float, groups: float) -> str:
    return numbers.whole_percent(math.floor(100 * (1 - needed / groups)) / 100)


def _ends(low: float, high: float, smallest: float, groups: float) -> str:
    first = f"fewer than {numbers.count(smallest)}" if low == 0 else numbers.count(low)
    if high == 0:
        return first
    last = f"more than {numbers.count(groups)}" if math.isinf(high) else numbers.count(high)
    return last if math.isinf(low) else f"{first} to {last}"


def _needed(needed: float, low: float, high: float, smallest: float, groups: float) -> str:
    middle = _ends(needed, needed, smallest, groups) if needed in (0, math.inf) else numbers.count(needed)
    return middle if pd.isna(low) else f"{middle} ({_ends(low, high, smallest, groups)})"


def _figure(name: str, study: Study, curve: pd.DataFrame, evidence: StudyEvidence) -> Figure:
    drawn, described = [], []
    for model in study.models:
        style = evidence.base.styles[model]
        rows = curve.loc[curve["model"] == model].sort_values("groups")
        measured = rows.loc[rows["accuracy"].notna()]
        ends = measured["accuracy_low"], measured["accuracy_high"]
        drawn += [
            curves.Curve(rows["groups"], rows["fitted"], style),
            curves.marks(measured["groups"], measured["accuracy"], *ends, style, size=7, label=model),
        ]
        points = (f"{row.groups:.0f} groups {numbers.percent(row.accuracy)}" for row in measured.itertuples())
        described.append(f"{model}: {', '.join(points)}")
    ticks = sorted(set(curve.loc[curve["accuracy"].notna(), "groups"].round()))
    x = curves.Axis("Training groups (logarithmic scale)", ticks=ticks)
    panel = curves.Panel(drawn, x, curves.Axis("Image-level accuracy on test [%]", share=True), legend=True)
    return Figure(
        f"{name}-curves",
        "Accuracy against the number of training groups: measured, with 95 % intervals, and the fitted curves.",
        f"Learning curves. {'; '.join(described)}.",
        curves.draw([panel], height=3.2),
    )
