"""Drawing `curves`: how the networks of a study were trained, on common scales so that they can be compared."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
from matplotlib.typing import LineStyleType

from gradewise import tables
from gradewise.report import drawing, numbers
from gradewise.report.blocks import Block, Figure
from gradewise.report.figures.curves import Axis, Curve, Panel, draw, over_repeats
from gradewise.report.palette import QUIET, Style, shades
from gradewise.report.sections.training import FEW_EPOCHS
from gradewise.studies.kinds.settings import Study
from gradewise.studies.kinds.settings.varied import Varied
from gradewise.studies.pages.evidence import StudyEvidence

TOGETHER = 6
"""With no more rows than this their validation curves are drawn in one panel, too."""

_LINES: tuple[LineStyleType, ...] = ("-", "--", "-.", ":")


def blocks(name: str, study: Study, evidence: StudyEvidence, varied: Varied) -> list[Block]:
    """Loss and accuracy of each row, then the validation curves of all rows; nothing where none were recorded."""
    table = tables.read(evidence.file(name, "curves.parquet"))
    if table.empty:
        return []
    along = "epoch" if table["epoch"].nunique() >= FEW_EPOCHS else "iteration"
    cells = {str(cell): part for cell, part in table.groupby("cell", sort=False)}
    figures: list[Block] = [_side_by_side(name, cells, table, along, varied.colour)]
    if 1 < len(cells) <= TOGETHER:
        figures.append(_together(name, cells, table, along, varied.colour))
    return figures


def _side_by_side(name: str, cells: dict[str, pd.DataFrame], table: pd.DataFrame, along: str, colour: str) -> Figure:
    loss, accuracy, cut = _axes(table)
    x = Axis(along.capitalize(), limits=(None, float(table[along].max())))
    panels: list[Panel] = []
    for cell, part in cells.items():
        for what, y in (("loss", loss), ("accuracy", accuracy)):
            drawn = [
                *over_repeats(part, along, f"train_{what}", Style(QUIET, "", "--"), "training"),
                *over_repeats(part, along, f"validation_{what}", Style(colour, "", "-"), "validation"),
            ]
            panels.append(Panel(drawn, x, y, textwrap.fill(cell, 30), legend=not panels))
    ends = "; ".join(f"{cell}: {_end(part, along)}" for cell, part in cells.items())
    return Figure(
        f"{name}-curves",
        "Loss (cross-entropy) and accuracy on training (dashed grey) and validation images (solid), all panels on the "
        f"same scales{'; higher losses are cut off' if cut else ''}. Thin lines are single repeats, thick lines their "
        "mean. Both are of samples.",
        f"Training curves. At the end, {ends}.",
        draw(panels, height=2.0, width=drawing.THIRD),
    )


def _together(name: str, cells: dict[str, pd.DataFrame], table: pd.DataFrame, along: str, colour: str) -> Figure:
    loss, accuracy, cut = _axes(table)
    panels = []
    for what, y in (("loss", loss), ("accuracy", accuracy)):
        means = {cell: part.groupby(along)[f"validation_{what}"].mean().dropna() for cell, part in cells.items()}
        drawn = [
            Curve(mean.index.to_numpy(), mean, Style(shade, "", line), cell, width=1.8)
            for (cell, mean), shade, line in zip(means.items(), shades(colour, len(cells)), _LINES * 2, strict=False)
        ]
        panels.append(Panel(drawn, Axis(along.capitalize()), y, f"Validation {what}", legend=what == "loss"))
    return Figure(
        f"{name}-curves-together",
        f"The validation curves of all rows, means over repeats{'; higher losses are cut off' if cut else ''}.",
        f"Line plots of loss and accuracy on validation of {numbers.listed(list(cells))}.",
        draw(panels, height=2.7),
    )


def _axes(table: pd.DataFrame) -> tuple[Axis, Axis, bool]:
    """Common axes of loss and accuracy, and whether losses lie beyond: a few huge ones would hide all else."""
    losses = table[["train_loss", "validation_loss"]].to_numpy().ravel()
    losses = losses[np.isfinite(losses)]
    usual, highest = float(np.quantile(losses, 0.95)), float(losses.max())
    cut = highest > 2.5 * usual
    lowest = float(np.nanmin(table[["train_accuracy", "validation_accuracy"]].to_numpy()))
    loss = Axis("Loss", limits=(0, 1.3 * usual if cut else 1.05 * highest))
    return loss, Axis("Accuracy [%]", share=True, limits=(max(0.0, lowest - 0.03), 1.0)), cut


def _end(part: pd.DataFrame, along: str) -> str:
    last = part.loc[part[along] == part[along].max()]
    return (
        f"training accuracy {numbers.percent(last['train_accuracy'].mean())}, validation accuracy "
        f"{numbers.percent(last['validation_accuracy'].mean())}"
    )
