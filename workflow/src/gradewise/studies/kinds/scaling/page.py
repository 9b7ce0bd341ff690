"""Kind `scaling`: how time, memory and accuracy of each model grow with the number of training images."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from gradewise import tables
from gradewise.report import drawing, numbers
from gradewise.report.blocks import Block, Column, Figure, Table, Text
from gradewise.report.evidence import row_estimate
from gradewise.report.figures.curves import Axis, Curve, Panel, draw
from gradewise.report.numbers import Estimate
from gradewise.report.palette import Style, styles
from gradewise.studies.kinds.scaling import Study
from gradewise.studies.pages import published
from gradewise.studies.pages.evidence import StudyEvidence

MEBIBYTE = 2**20

MEASURES = {
    "seconds": "Time to train",
    "seconds_per_image": "Time to predict an image",
    "memory": "Peak memory of a training",
}
"""What is drawn, and its title."""


def blocks(name: str, study: Study, evidence: StudyEvidence) -> list[Block]:
    """Growth with fitted power laws, accuracy on the same runs, and the exponents."""
    growth = tables.read(evidence.file(name, "growth.parquet"))
    exponents = tables.read(evidence.file(name, "exponents.parquet"))
    curve = evidence.base.learning_curve
    accuracy = None if curve is None else curve.loc[curve["accuracy"].notna()].reset_index(drop=True)
    looks = styles(dict(zip(growth["model"], growth["family"], strict=True)))
    return [
        _figure(name, growth, exponents, accuracy, looks),
        Table(
            name,
            "Fitted exponents, with 95 % intervals",
            exponents,
            (
                Column.name("Model", "model"),
                Column.name("Measure", "measure", lambda measure: MEASURES.get(measure) or str(measure)),
                Column.interval("Exponent", "exponent", _exponent, ("low", "high")),
                Column("Twice the images take", "exponent", lambda exponent: f"{2**exponent:.2f} times as much"),
                Column("Sizes", "sizes", numbers.count),
            ),
        ),
        Text(
            "A power law, measure = scale × images to the power of the exponent, is a straight line on these axes. "
            "With an exponent of 1 the measure doubles with twice the images, with one of 2 it grows fourfold. The "
            "exponent holds for the sizes measured: what does not depend on the images, such as the memory that "
            "libraries take up, makes it smaller than it is for large sets.",
            "small",
        ),
        *([] if accuracy is None else [_accuracy_table(name, accuracy)]),
        *published.as_published(name, study),
    ]


def _figure(
    name: str, growth: pd.DataFrame, exponents: pd.DataFrame, accuracy: pd.DataFrame | None, looks: Mapping[str, Style]
) -> Figure:
    low, high = growth["images"].min() / 1.15, growth["images"].max() * 1.15
    x = Axis(
        "Training images (logarithmic scale)",
        limits=(low, high),
        ticks=drawing.round_numbers(low, high),
        write=numbers.count,
    )
    panels = [
        _growth(rows, exponents.loc[exponents["measure"] == measure], measure, looks, x)
        for measure in MEASURES
        if len(rows := growth.loc[growth["measure"] == measure])
    ]
    if accuracy is not None:
        parts = accuracy.sort_values("images").groupby("model", sort=False)
        drawn = [
            Curve(
                part["images"],
                part["accuracy"],
                looks[str(model)],
                low=part["accuracy_low"],
                high=part["accuracy_high"],
                size=5,
            )
            for model, part in parts
        ]
        panels.append(Panel(drawn, x, Axis(share=True), "Accuracy on test images [%]"))
    described = "; ".join(
        f"{row.model}, {MEASURES[row.measure].lower()}: exponent {_exponent(row_estimate(row, 'exponent'))}"
        for row in exponents.itertuples(index=False)
        if row.measure in MEASURES
    )
    return Figure(
        f"{name}-growth",
        "What each model costs by the number of images it is trained on: points are single runs, lines the fitted "
        "power laws."
        + (" Accuracy on test is that of the same runs, with 95 % intervals." if accuracy is not None else ""),
        f"Growth on logarithmic axes. {described}.",
        draw(panels, height=2.6),
    )


def _growth(rows: pd.DataFrame, laws: pd.DataFrame, measure: str, looks: Mapping[str, Style], x: Axis) -> Panel:
    """Single runs and the power law of each model."""
    unit = MEBIBYTE if measure == "memory" else 1
    drawn = []
    for model, part in rows.groupby("model", sort=False):
        style = looks[str(model)]
        drawn.append(Curve(part["images"], unit * part["value"], style, str(model), size=4.5, width=0))
        for law in laws.loc[laws["model"] == model].itertuples(index=False):
            ends = np.array([part["images"].min(), part["images"].max()])
            drawn.append(Curve(ends, unit * law.scale * ends**law.exponent, style))
    low, high = unit * rows["value"].min(), unit * rows["value"].max()
    if measure == "memory":
        around = drawing.round_numbers(low / 10, high * 10)
        bounds = max(tick for tick in around if tick < low), min(tick for tick in around if tick > high)
        y = Axis(limits=bounds, ticks=drawing.round_numbers(*bounds), write=numbers.size)
    else:
        bounds = low / 1.8, high * 1.8
        y = Axis(limits=bounds, ticks=drawing.round_times(*bounds), write=numbers.axis_time)
    return Panel(drawn, x, y, f"{MEASURES[measure]} (logarithmic scale)", legend=measure == "seconds")


def _accuracy_table(name: str, accuracy: pd.DataFrame) -> Table:
    return Table(
        f"{name}-accuracy",
        "Image-level accuracy on test by size of the training set, on the same runs, with 95 % intervals",
        accuracy,
        (
            Column.name("Model", "model"),
            Column("Training images", "images", numbers.count),
            Column("Training groups", "groups", numbers.count),
            Column.interval("Accuracy", "accuracy", numbers.percent_interval),
        ),
        folded=True,
    )


def _exponent(estimate: Estimate) -> str:
    return numbers.interval(estimate, _two_decimals)


def _two_decimals(value: float | None) -> str:
    return f"{value:.2f}".replace("-", numbers.MINUS) if value is not None and numbers.known(value) else numbers.NONE
