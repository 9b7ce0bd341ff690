"""Drawing `curves`: how the networks of a study were trained, on the same scales so that they can be compared."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from gradewise import tables
from gradewise.report import drawing, numbers
from gradewise.report.blocks import Block, Figure
from gradewise.report.figures.curves import draw_curve, over_repeats
from gradewise.report.palette import QUIET, Style, shades
from gradewise.report.sections.training import FEW_EPOCHS
from gradewise.studies.kinds.settings import Study
from gradewise.studies.kinds.settings.marks import columns
from gradewise.studies.kinds.settings.varied import Varied
from gradewise.studies.pages.evidence import StudyEvidence

ACROSS = 4
"""Rows of a study drawn side by side."""

TOGETHER = 6
"""With no more rows than this their validation curves are drawn in one panel, too."""

_LINES = ("-", "--", "-.", ":")


def blocks(name: str, study: Study, evidence: StudyEvidence, read: Varied) -> list[Block]:
    """Loss and accuracy of each row, then the validation curves of all rows; nothing where none were recorded."""
    table = tables.read(evidence.file(name, "curves.parquet"))
    if table.empty:
        return []
    along = "epoch" if table["epoch"].nunique() >= FEW_EPOCHS else "iteration"
    cells = {str(cell): part for cell, part in table.groupby("cell", sort=False)}
    colour = read.colour
    figures: list[Block] = [_side_by_side(name, cells, table, along, colour)]
    if 1 < len(cells) <= TOGETHER:
        figures.append(_together(name, cells, table, along, colour))
    return figures


def _side_by_side(name: str, cells: dict[str, pd.DataFrame], table: pd.DataFrame, along: str, colour: str) -> Figure:
    # rows of panels of equal length rather than a last one with a single panel
    bands = -(-len(cells) // ACROSS)
    across = -(-len(cells) // bands)
    top, cut = _top_loss(table)
    accuracies = table[["train_accuracy", "validation_accuracy"]]
    floor = max(0.0, float(np.nanmin(accuracies.to_numpy())) - 0.03)
    with drawing.style():
        canvas = Canvas(figsize=(drawing.WIDTH, 0.3 + 3.3 * bands))
        grid = canvas.subplots(2 * bands, across, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for nth, (cell, part) in enumerate(cells.items()):
            band, column = divmod(nth, across)
            loss, accuracy = grid[2 * band, column], grid[2 * band + 1, column]
            for axes, what in ((loss, "loss"), (accuracy, "accuracy")):
                axes.set_axis_on()
                for curve in (
                    *over_repeats(part, along, f"train_{what}", Style(QUIET, "", "--"), "training"),
                    *over_repeats(part, along, f"validation_{what}", Style(colour, "", "-"), "validation"),
                ):
                    draw_curve(axes, curve)
                axes.grid()
                axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
                axes.set_xlim(right=float(table[along].max()))
            loss.set_title(textwrap.fill(cell, 78 // across), fontsize=8)
            loss.set_ylim(0, top)
            accuracy.set_ylim(floor, 1.0)
            accuracy.set_xlabel(along.capitalize())
            drawing.percent_axis(accuracy, "y")
            _share_labels(loss, "Loss", column)
            _share_labels(accuracy, "Accuracy [%]", column)
            if nth == 0:
                canvas.legend(*loss.get_legend_handles_labels(), loc="outside upper left", ncols=2)
        svg = drawing.to_svg(canvas)
    ends = "; ".join(f"{cell}: {_end(part, along)}" for cell, part in cells.items())
    return Figure(
        f"{name}-curves",
        "Loss (cross-entropy) and accuracy on training (dashed grey) and validation images (solid), all panels on the "
        f"same scales{'; higher losses are cut off' if cut else ''}. Thin lines are single repeats, thick lines their "
        "mean. Both are of samples.",
        f"Training curves. At the end, {ends}.",
        svg,
    )


def _together(name: str, cells: dict[str, pd.DataFrame], table: pd.DataFrame, along: str, colour: str) -> Figure:
    top, cut = _top_loss(table)
    with drawing.style():
        canvas = Canvas(figsize=(drawing.WIDTH, 2.9))
        panels = canvas.subplots(1, 2)
        for (cell, part), shade, line in zip(cells.items(), shades(colour, len(cells)), _LINES * 2, strict=False):
            for axes, what in zip(panels, ("validation_loss", "validation_accuracy"), strict=True):
                means = part.dropna(subset=[what]).groupby(along)[what].mean()
                axes.plot(means.index, means, color=shade, linestyle=line, linewidth=1.8, label=cell)
        for axes, label in zip(panels, ("Loss on validation", "Accuracy on validation [%]"), strict=True):
            axes.set_xlabel(along.capitalize())
            axes.set_ylabel(label)
            axes.grid()
        panels[0].set_ylim(0, top)
        drawing.percent_axis(panels[1], "y")
        canvas.legend(
            *panels[0].get_legend_handles_labels(),
            loc="outside lower left",
            ncols=columns(list(cells)),
            handlelength=3,
        )
        svg = drawing.to_svg(canvas)
    return Figure(
        f"{name}-curves-together",
        f"The validation curves of all rows, means over repeats{'; higher losses are cut off' if cut else ''}.",
        f"Line plots of loss and accuracy on validation of {numbers.listed(list(cells))}.",
        svg,
    )


def _top_loss(table: pd.DataFrame) -> tuple[float, bool]:
    """Upper end of the loss axes, and whether values lie beyond: a few huge losses would hide all else."""
    losses = table[["train_loss", "validation_loss"]].to_numpy().ravel()
    losses = losses[np.isfinite(losses)]
    usual, highest = float(np.quantile(losses, 0.95)), float(losses.max())
    return (1.3 * usual, True) if highest > 2.5 * usual else (1.05 * highest, False)


def _share_labels(axes: Axes, label: str, column: int) -> None:
    """Labels at the left panel only, since all panels of a row share their scale."""
    if column:
        axes.tick_params(labelleft=False)
    else:
        axes.set_ylabel(label)


def _end(part: pd.DataFrame, along: str) -> str:
    last = part.loc[part[along] == part[along].max()]
    return (
        f"training accuracy {numbers.percent(last['train_accuracy'].mean())}, validation accuracy "
        f"{numbers.percent(last['validation_accuracy'].mean())}"
    )
