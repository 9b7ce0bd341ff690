"""Drawing `marks`: a line of marks with intervals for each row of a study."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from gradewise.report import drawing
from gradewise.report.answer import ground
from gradewise.report.blocks import Block, Figure
from gradewise.report.numbers import Estimate
from gradewise.report.palette import INK, QUIET, Style, styles
from gradewise.studies.pages import measures, published, varied
from gradewise.studies.pages.evidence import StudyEvidence
from gradewise.studies.pages.varied import Varied
from gradewise.studies.settings import SettingsStudy

LOOK = {
    "test": ("o", False),
    "validation": ("o", True),
    "oob_groups": ("s", False),
    "oob_rows": ("s", True),
    "train": ("v", True),
}
"""Marker of an accuracy, and whether it is hollow."""

LINE, MARK = 0.2, 0.13
"""Height of a line, and more for each mark in it [inch]."""


def blocks(name: str, study: SettingsStudy, found: StudyEvidence, read: Varied) -> list[Block]:
    """The figure; nothing where no accuracy is shown."""
    shown = [measure for measure in varied.accuracies(study) if any(measure in row.measured for row in read.rows)]
    # accuracy on training images would stretch the axis until nothing else can be told apart
    shown = [measure for measure in shown if measure != "train"] or shown
    if not shown:
        return []
    colour = styles({read.family: read.family})[read.family].colour
    rows = [*read.rows, *read.only_published]
    guess = ground(found.base)
    told, there = [], False
    with drawing.style():
        canvas = Canvas(figsize=(drawing.WIDTH, 0.75 + (LINE + MARK * len(shown)) * len(rows)))
        axes = canvas.subplots()
        for place, row in enumerate(rows):
            for nth, measure in enumerate(shown):
                marker, hollow = LOOK[measure]
                at = place + (nth - (len(shown) - 1) / 2) * 0.7 / max(2, len(shown))
                drawing.interval(axes, row.estimate(measure), at, Style(colour, marker, "-"), hollow)
                share = published.as_share(row.published.get(measure))
                if share is not None:
                    there = True
                    drawing.interval(axes, Estimate(share), at, Style(INK, "D", "-"), hollow=True)
                told.append(f"{row.name} {measures.written(measure, row.measured.get(measure))} ({measure})")
        axes.axvline(guess.share, color=QUIET, linewidth=0.9, linestyle=(0, (2, 2)))
        names = [textwrap.fill(row.name, 44) for row in rows]
        drawing.lines_named(axes, names, "Image-level accuracy [%]")
        drawing.percent_axis(axes)
        if len(shown) > 1 or there:
            canvas.legend(handles=_legend(shown, colour, there), loc="outside upper left", ncols=4)
        svg = drawing.to_svg(canvas)
    caption = "95 % intervals over all repeats. " + (
        f"Diamonds: {published.NOT_COMPARABLE}. " if there and not study.comparable else ""
    )
    return [
        Figure(
            f"{name}-marks",
            f"{measures.listed(shown)}; {caption}The dashed line is what always "
            f"answering {guess.commonest} would reach on test.",
            f"Dot plot: {'; '.join(told)}.",
            svg,
        )
    ]


def _legend(shown: list[str], colour: str, there: bool) -> list[Line2D]:
    handles = [handle(measures.name(measure), colour, *LOOK[measure]) for measure in shown]
    return [*handles, *([handle("Published", INK, "D", True)] if there else [])]


def columns(labels: Sequence[str]) -> int:
    """Columns of a legend below a figure in which the longest label fits."""
    return max(1, min(4, int(95 / (max(map(len, labels)) + 10))))


def handle(label: str, colour: str, marker: str, hollow: bool, line: Any = "none") -> Line2D:
    """An entry of a legend that looks as `drawing.interval` draws."""
    return Line2D(
        [],
        [],
        color=colour,
        marker=marker,
        markerfacecolor="white" if hollow else colour,
        linestyle=line,
        markersize=6,
        label=label,
    )
