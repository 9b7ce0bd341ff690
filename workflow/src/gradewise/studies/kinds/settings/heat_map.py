"""Drawing `heat_map`: accuracy over two varied settings, a panel for each combination of the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure as Canvas

from gradewise.report import drawing, numbers
from gradewise.report.blocks import Block, Figure
from gradewise.report.figures import grid
from gradewise.report.palette import INK, ramp
from gradewise.studies.cells import in_words
from gradewise.studies.kinds.settings import Study, varied
from gradewise.studies.kinds.settings.lines import ordered
from gradewise.studies.kinds.settings.varied import Varied
from gradewise.studies.pages import wording
from gradewise.studies.pages.evidence import StudyEvidence
from gradewise.studies.pages.rows import Row

CHOSEN_BY = ("train", "validation", "oob_groups")
"""What is drawn where it is measured: what settings are chosen by, beside the accuracy in training. Test accuracy,
which chooses nothing, stands in the table."""

Names = tuple[list[str], list[str]]
"""Of columns and of lines."""

ACROSS = 2
"""Panels side by side where a single measure is shown."""


def blocks(name: str, study: Study, evidence: StudyEvidence, read: Varied) -> list[Block]:
    """The figure; nothing where no accuracy is shown."""
    x, y = study.along
    rows = [row for row in read.rows if x in row.settings and y in row.settings]
    shown = varied.accuracies(study, rows)
    shown = [measure for measure in CHOSEN_BY if measure in shown] or shown[:1]
    if not rows or not shown:
        return []
    panels: dict[str, list[Row]] = {}
    for row in rows:
        others = {key: value for key, value in row.settings.items() if key not in (x, y)}
        panels.setdefault(in_words(others), []).append(row)
    columns = ordered([row.settings[x] for row in rows])
    lines = ordered([row.settings[y] for row in rows])
    across = len(shown) if len(shown) > 1 else min(ACROSS, len(panels))
    down = -(-len(panels) * len(shown) // across)
    colours = ramp(read.colour)
    with drawing.style():
        canvas = Canvas(figsize=(drawing.WIDTH, 0.3 + down * (0.62 + 0.24 * len(lines))))
        drawn = canvas.subplots(down, across, squeeze=False).ravel()
        names = [wording.setting(value) for value in columns], [wording.setting(value) for value in lines]
        drawing.set_apart(canvas)
        every = [(label, of_panel, measure) for label, of_panel in panels.items() for measure in shown]
        for axes, (label, of_panel, measure) in zip(drawn, every, strict=False):
            values = _values(of_panel, measure, (x, y), (columns, lines))
            _draw(axes, values, _range(rows, measure), colours, names)
            axes.set_title(f"{label}: {wording.name(measure).lower()}" if label else wording.name(measure))
            axes.set_xlabel(x)
            axes.set_ylabel(y)
        for axes in drawn[len(every) :]:
            axes.set_axis_off()
        svg = drawing.to_svg(canvas)
    told = "; ".join(
        f"{row.name}: " + ", ".join(f"{measure} {numbers.percent(row.estimate(measure).value)}" for measure in shown)
        for row in rows
    )
    scale = " Each measure has a colour scale of its own, the same in all its panels." if len(every) > 1 else ""
    return [
        Figure(
            f"{name}-heat-map",
            f"Image-level accuracy [%] over {x} and {y}; the frame marks the highest of a panel, or the first of "
            f"several.{scale} Intervals stand in the table.",
            f"Heat maps over {x} and {y}. {told}.",
            svg,
        )
    ]


def _values(
    rows: Sequence[Row], measure: str, settings: tuple[str, str], values: tuple[list[Any], list[Any]]
) -> np.ndarray:
    """Accuracies by place, NaN where a combination was not run."""
    columns, lines = ([wording.setting(value) for value in along] for along in values)
    filled = np.full((len(lines), len(columns)), np.nan)
    for row in rows:
        column, line = (wording.setting(row.settings[key]) for key in settings)
        value = row.estimate(measure).value
        filled[lines.index(line), columns.index(column)] = np.nan if value is None else value
    return filled


def _range(rows: Sequence[Row], measure: str) -> tuple[float, float]:
    known = [value for row in rows if (value := row.estimate(measure).value) is not None]
    low, high = min(known), max(known)
    return (low, high) if high > low else (low - 0.01, high)


def _draw(axes: Axes, values: np.ndarray, bounds: tuple[float, float], colours: Colormap, names: Names) -> None:
    low, high = bounds
    texts = [[numbers.NONE if np.isnan(value) else f"{100 * value:.1f}" for value in line] for line in values]
    columns, lines = names
    grid.draw(axes, (values - low) / (high - low), texts, columns=columns, rows=lines, colours=colours, square=False)
    if not np.isnan(values).all():
        line, column = np.unravel_index(int(np.nanargmax(values)), values.shape)
        axes.plot(
            np.array([-0.47, 0.47, 0.47, -0.47, -0.47]) + column,
            np.array([-0.45, -0.45, 0.45, 0.45, -0.45]) + line,
            color=INK,
            linewidth=1.3,
        )
    axes.set_xlim(-0.5, values.shape[1] - 0.5)
    axes.set_ylim(values.shape[0] - 0.5, -0.5)
