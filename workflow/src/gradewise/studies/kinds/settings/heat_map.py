"""Drawing `heat_map`: accuracy over two varied settings, a panel for each combination of the others."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure as Canvas

from gradewise.report import drawing, numbers
from gradewise.report.blocks import Block, Figure
from gradewise.report.figures import grid
from gradewise.report.palette import INK, ramp
from gradewise.studies.cells import in_words
from gradewise.studies.kinds.settings import Study
from gradewise.studies.kinds.settings.lines import ordered
from gradewise.studies.kinds.settings.varied import Varied, accuracies
from gradewise.studies.pages import wording
from gradewise.studies.pages.evidence import StudyEvidence
from gradewise.studies.pages.rows import Row

CHOSEN_BY = ("train", "validation", "oob_groups")
"""What is drawn where it is measured: what settings are chosen by, beside the accuracy in training. Test accuracy,
which chooses nothing, stands in the table."""

ACROSS = 2
"""Panels side by side where a single measure is shown."""


def blocks(name: str, study: Study, evidence: StudyEvidence, varied: Varied) -> list[Block]:
    """The figure; nothing where no accuracy is shown."""
    x, y = study.along
    rows = [row for row in varied.rows if x in row.settings and y in row.settings]
    measures = accuracies(study, rows)
    measures = [measure for measure in CHOSEN_BY if measure in measures] or measures[:1]
    if not rows or not measures:
        return []
    parts: dict[str, list[Row]] = {}
    for row in rows:
        others = {key: value for key, value in row.settings.items() if key not in (x, y)}
        parts.setdefault(in_words(others), []).append(row)
    panels = [(label, part, measure) for label, part in parts.items() for measure in measures]
    columns, lines = (
        [wording.setting(value) for value in ordered([row.settings[key] for row in rows])] for key in (x, y)
    )
    across = len(measures) if len(measures) > 1 else min(ACROSS, len(panels))
    down = -(-len(panels) // across)
    with drawing.style():
        canvas = Canvas(figsize=(drawing.WIDTH, 0.3 + down * (0.62 + 0.24 * len(lines))))
        every_axes = canvas.subplots(down, across, squeeze=False).ravel()
        drawing.set_apart(canvas)
        for axes, (label, part, measure) in zip(every_axes, panels, strict=False):
            values = np.full((len(lines), len(columns)), np.nan)
            for row in part:
                line, column = (wording.setting(row.settings[key]) for key in (y, x))
                values[lines.index(line), columns.index(column)] = row.value(measure)
            every_value = [row.value(measure) for row in rows]
            low, high = np.nanmin(every_value), np.nanmax(every_value)
            shades = (values - low) / (high - low) if high > low else values - low + 1
            texts = [[numbers.NONE if np.isnan(value) else f"{100 * value:.1f}" for value in line] for line in values]
            grid.draw(axes, shades, texts, columns=columns, rows=lines, colours=ramp(varied.colour), square=False)
            if not np.isnan(values).all():
                best_line, best_column = np.unravel_index(int(np.nanargmax(values)), values.shape)
                axes.plot(
                    best_column + np.array([-0.47, 0.47, 0.47, -0.47, -0.47]),
                    best_line + np.array([-0.45, -0.45, 0.45, 0.45, -0.45]),
                    color=INK,
                    linewidth=1.3,
                )
            axes.set_xlim(-0.5, len(columns) - 0.5)
            axes.set_ylim(len(lines) - 0.5, -0.5)
            axes.set_title(f"{label}: {wording.name(measure).lower()}" if label else wording.name(measure))
            axes.set_xlabel(x)
            axes.set_ylabel(y)
        for axes in every_axes[len(panels) :]:
            axes.set_axis_off()
        svg = drawing.to_svg(canvas)
    described = "; ".join(
        f"{row.name}: " + ", ".join(f"{measure} {numbers.percent(row.estimate(measure).value)}" for measure in measures)
        for row in rows
    )
    scale = " Each measure has a colour scale of its own, the same in all its panels." if len(panels) > 1 else ""
    return [
        Figure(
            f"{name}-heat-map",
            f"Image-level accuracy [%] over {x} and {y}; the frame marks the highest of a panel, or the first of "
            f"several.{scale} Intervals stand in the table.",
            f"Heat maps over {x} and {y}. {described}.",
            svg,
        )
    ]
