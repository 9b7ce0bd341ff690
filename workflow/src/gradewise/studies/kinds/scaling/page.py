"""Kind `scaling`: how time, memory and accuracy of each model grow with the number of training images."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from gradewise import tables
from gradewise.report import drawing, numbers
from gradewise.report.blocks import Block, Column, Figure, Table, Text
from gradewise.report.evidence import row_estimate
from gradewise.report.figures import dots
from gradewise.report.figures.curves import Curve, draw_curve
from gradewise.report.numbers import Estimate
from gradewise.report.palette import Style, styles
from gradewise.studies.kinds.scaling import Study
from gradewise.studies.pages import published
from gradewise.studies.pages.evidence import StudyEvidence

MEBIBYTE = 2**20

MEASURES = {
    "seconds": ("Time to train", "time"),
    "seconds_per_image": ("Time to predict an image", "time"),
    "memory": ("Peak memory of a training", "memory"),
}
"""What is drawn, its title, and what kind of quantity it is."""


def blocks(name: str, study: Study, evidence: StudyEvidence) -> list[Block]:
    """Growth with fitted power laws, accuracy on the same runs, and the exponents."""
    growth = tables.read(evidence.file(name, "growth.parquet"))
    exponents = tables.read(evidence.file(name, "exponents.parquet"))
    curve = evidence.base.learning_curve
    looks = styles(dict(zip(growth["model"], growth["family"], strict=True)))
    shown: list[Block] = [
        _figure(name, growth, exponents, curve, looks),
        _table(name, exponents, study),
        Text(
            "A power law, measure = scale × images to the power of the exponent, is a straight line on these axes: an "
            "exponent of 1 doubles with twice the images, one of 2 makes it four times as much. Over so few sizes the "
            "exponent is that of this range: what does not depend on the images, such as the memory that libraries "
            "take up, makes it smaller than for large sets.",
            "small",
        ),
    ]
    if curve is not None:
        shown.append(_accuracy_table(name, curve))
    if study.published:
        shown.append(published.as_published(f"{name}-published", study.published, study.comparable))
    return shown


def _figure(
    name: str, growth: pd.DataFrame, exponents: pd.DataFrame, curve: pd.DataFrame | None, looks: Mapping[str, Style]
) -> Figure:
    drawn = [measure for measure in MEASURES if (growth["measure"] == measure).any()]
    panels = len(drawn) + (curve is not None)
    low, high = growth["images"].min(), growth["images"].max()
    with drawing.style():
        canvas = Canvas(figsize=(drawing.WIDTH, 0.4 + 2.6 * -(-panels // 2)))
        grid = canvas.subplots(-(-panels // 2), 2, squeeze=False)
        for axes, measure in zip(grid.flat, drawn, strict=False):
            _draw_growth(axes, growth.loc[growth["measure"] == measure], exponents, measure, looks)
        if curve is not None:
            _draw_accuracy(grid.flat[len(drawn)], curve, looks)
        for axes in list(grid.flat)[:panels]:
            ticks = drawing.round_numbers(low / 1.15, high * 1.15)
            drawing.log_axis(axes, low / 1.15, high * 1.15, ticks, numbers.count)
            axes.set_xlabel("Training images (logarithmic scale)")
            axes.grid()
        for axes in list(grid.flat)[panels:]:
            axes.set_axis_off()
        drawing.set_apart(canvas)
        handles = [dots.handle(model, style, joined=True) for model, style in looks.items()]
        canvas.legend(handles=handles, loc="outside lower left", ncols=3, handlelength=3)
        svg = drawing.to_svg(canvas)
    told = "; ".join(
        f"{row.model}, {MEASURES[row.measure][0].lower()}: exponent {_exponent(row_estimate(row, 'exponent'))}"
        for row in exponents.itertuples(index=False)
        if row.measure in MEASURES
    )
    return Figure(
        f"{name}-growth",
        "What each model costs by the number of images it is trained on: points are single runs, lines the fitted "
        "power laws."
        + (" Accuracy on test is that of the same runs, with 95 % intervals." if curve is not None else ""),
        f"Growth on logarithmic axes. {told}.",
        svg,
    )


def _draw_growth(
    axes: Axes, rows: pd.DataFrame, exponents: pd.DataFrame, measure: str, looks: Mapping[str, Style]
) -> None:
    title, kind = MEASURES[measure]
    unit = MEBIBYTE if kind == "memory" else 1
    for model, part in rows.groupby("model", sort=False):
        style = looks[str(model)]
        draw_curve(axes, Curve(part["images"], unit * part["value"], style, size=4.5, width=0))
        law = exponents.loc[(exponents["model"] == model) & (exponents["measure"] == measure)]
        along = np.array([part["images"].min(), part["images"].max()])
        fitted = law["scale"].to_numpy() * along ** law["exponent"].to_numpy() if len(law) else np.full(2, np.nan)
        draw_curve(axes, Curve(along, unit * fitted, style))
    low, high = unit * rows["value"].min(), unit * rows["value"].max()
    if kind == "time":
        drawing.log_axis(
            axes, low / 1.8, high * 1.8, drawing.round_times(low / 1.8, high * 1.8), numbers.axis_time, "y"
        )
    else:
        around = drawing.round_numbers(low / 10, high * 10)
        bounds = max(tick for tick in around if tick < low), min(tick for tick in around if tick > high)
        drawing.log_axis(axes, *bounds, drawing.round_numbers(*bounds), numbers.size, "y")
    axes.set_title(f"{title} (logarithmic scale)")


def _draw_accuracy(axes: Axes, curve: pd.DataFrame, looks: Mapping[str, Style]) -> None:
    measured = curve.loc[curve["accuracy"].notna()]
    for model, part in measured.groupby("model", sort=False):
        part = part.sort_values("images")
        ends = part["accuracy_low"], part["accuracy_high"]
        draw_curve(axes, Curve(part["images"], part["accuracy"], looks[str(model)], "", *ends, size=5))
    drawing.percent_axis(axes, "y")
    axes.set_title("Accuracy on test images [%]")


def _table(name: str, exponents: pd.DataFrame, study: Study) -> Table:
    return Table(
        name,
        "Fitted exponents, with 95 % intervals",
        exponents,
        (
            Column.name("Model", "model"),
            Column.name("Measure", "measure", lambda measure: MEASURES.get(measure, (measure, ""))[0]),
            Column.interval("Exponent", "exponent", _exponent, ("low", "high")),
            Column("Twice the images take", "exponent", lambda exponent: f"{2**exponent:.2f} times as much"),
            Column("Sizes", "sizes", numbers.count),
        ),
    )


def _accuracy_table(name: str, curve: pd.DataFrame) -> Table:
    measured = curve.loc[curve["accuracy"].notna()].reset_index(drop=True)
    return Table(
        f"{name}-accuracy",
        "Image-level accuracy on test by size of the training set, on the same runs, with 95 % intervals",
        measured,
        (
            Column.name("Model", "model"),
            Column("Training images", "images", numbers.count),
            Column("Training groups", "groups", numbers.count),
            Column.interval("Accuracy", "accuracy", numbers.percent_interval),
        ),
        folded=True,
    )


def _exponent(estimate: Estimate) -> str:
    if estimate.value is None or not numbers.known(estimate.value):
        return numbers.NONE
    known = (estimate.value, *(estimate.bounds or ()))
    value, *ends = (f"{number:.2f}".replace("-", numbers.MINUS) for number in known)
    return f"{value} ({' to '.join(ends)})" if ends else value
