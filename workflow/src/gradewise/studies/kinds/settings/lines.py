"""Drawing `line`: accuracy against a varied setting, a line for each combination of the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator
from matplotlib.typing import LineStyleType

from gradewise.report import drawing
from gradewise.report.blocks import Block, Figure
from gradewise.report.figures import curves, dots
from gradewise.report.palette import INK, Style, shades
from gradewise.studies.cells import in_words
from gradewise.studies.kinds.settings import Study
from gradewise.studies.kinds.settings.marks import LOOK, PUBLISHED
from gradewise.studies.kinds.settings.varied import Varied, accuracies
from gradewise.studies.pages import published, wording
from gradewise.studies.pages.evidence import StudyEvidence
from gradewise.studies.pages.rows import Row

LOGARITHMIC = 30
"""Values that span more than this factor stand on a logarithmic axis."""

_MARKERS = "osD^vPX*"
_LINES: tuple[LineStyleType, ...] = ("-", "--", "-.", ":")
_OF_MEASURE: dict[str, LineStyleType] = {
    "test": "-",
    "validation": "--",
    "oob_groups": "-",
    "oob_rows": "--",
    "train": ":",
}


def blocks(name: str, study: Study, evidence: StudyEvidence, varied: Varied) -> list[Block]:
    """The figure; nothing where no accuracy is shown."""
    along = study.along[0]
    rows = [row for row in (*varied.rows, *varied.only_published) if along in row.settings]
    measures = accuracies(study, rows)
    if not measures or not rows:
        return []
    places = Places([row.settings[along] for row in rows])
    lines: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: places.of(row.settings[along])):
        others = {key: value for key, value in row.settings.items() if key not in (along, *study.best_of)}
        lines.setdefault(in_words(others), []).append(row)
    any_published = any(row.published_share(measure) is not None for row in rows for measure in measures)
    described = "; ".join(
        f"{row.name}: " + ", ".join(f"{measure} {row.written(measure)}" for measure in measures)
        for row in rows
        if all(measure in row.measured for measure in measures)
    )
    bands = any(row.estimate(measure).bounds for row in rows for measure in measures)
    caption = f"Accuracy against {along}{', with bands of 95 % intervals' if bands else ''}."
    if any_published:
        caption += f" Diamonds: {'published' if study.comparable else published.NOT_COMPARABLE}."
    svg = _draw(lines, measures, places, varied.colour, along, any_published)
    return [Figure(f"{name}-line", caption, f"Line plot against {along}: {described}.", svg)]


class Places:
    """Where values of a setting stand along x: numbers in their order, words one beside the other after them.

    Attributes
    ----------
    logarithmic : bool
    """

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = ordered(values)
        self.numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values)
        self.logarithmic = self.numeric and min(self.values) > 0 and max(self.values) > LOGARITHMIC * min(self.values)

    def of(self, value: Any) -> float:
        """Place of a value."""
        return float(value) if self.numeric else float(self.values.index(value))

    def prepare(self, axes: Axes, label: str) -> None:
        """Scale, ticks and label of the x axis; ticks that would overlap are left out."""
        places = [self.of(value) for value in self.values]
        if self.logarithmic:
            axes.set_xscale("log")
        spaced = np.log(places) if self.logarithmic else np.array(places)
        apart = 0.085 * max(float(np.ptp(spaced)), 1e-9) if self.numeric else 0.0
        kept = [0]
        for place in range(1, len(places)):
            if spaced[place] - spaced[kept[-1]] >= apart:
                kept.append(place)
        axes.xaxis.set_major_locator(FixedLocator([places[place] for place in kept]))
        axes.xaxis.set_major_formatter(FixedFormatter([wording.setting(self.values[place]) for place in kept]))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel(f"{label} (logarithmic scale)" if self.logarithmic else label)


def ordered(values: Sequence[Any]) -> list[Any]:
    """Different values: numbers ascending, then words as they come."""
    by_text = {wording.setting(value): value for value in values}
    rank = {text: place for place, text in enumerate(by_text)}

    def key(value: Any) -> tuple[bool, float]:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return (not number, float(value) if number else rank[wording.setting(value)])

    return sorted(by_text.values(), key=key)


def _draw(
    lines: dict[str, list[Row]], measures: list[str], places: Places, colour: str, along: str, any_published: bool
) -> bytes:
    """A panel per measure with a line for each combination of the other settings; one panel where there is one line."""
    if len(lines) == 1:
        looks = {measure: Style(colour, LOOK[measure][0], _OF_MEASURE[measure]) for measure in measures}
        panels = [[(rows, measure, looks[measure]) for rows in lines.values() for measure in measures]]
        handles = [
            dots.handle(wording.name(measure), style, hollow=LOOK[measure][1], joined=True)
            for measure, style in looks.items()
        ]
        if any_published:
            handles.append(dots.handle("Published", PUBLISHED, hollow=True))
    else:
        styles = [
            Style(shade, _MARKERS[nth % len(_MARKERS)], _LINES[nth % len(_LINES)])
            for nth, shade in enumerate(shades(colour, len(lines)))
        ]
        panels = [
            [(rows, measure, style) for rows, style in zip(lines.values(), styles, strict=True)] for measure in measures
        ]
        handles = [dots.handle(name, style, joined=True) for name, style in zip(lines, styles, strict=True)]
    with drawing.style():
        canvas = Canvas(figsize=(drawing.WIDTH, 2.9 + 0.17 * (len(handles) // 3)))
        grid = canvas.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axes, panel in zip(grid, panels, strict=True):
            for rows, measure, style in panel:
                _draw_line(axes, rows, [places.of(row.settings[along]) for row in rows], measure, style)
            axes.set_title(wording.name(panel[0][1]) if len(lines) > 1 else "")
            places.prepare(axes, along)
            drawing.percent_axis(axes, "y")
            axes.grid()
        grid[0].set_ylabel("Image-level accuracy [%]")
        # as many columns as fit with the longest label
        fitting = int(95 / (max(len(str(handle.get_label())) for handle in handles) + 10))
        canvas.legend(handles=handles, loc="outside lower left", ncols=max(1, min(4, fitting)), handlelength=3)
        return drawing.to_svg(canvas)


def _draw_line(axes: Axes, rows: list[Row], places: list[float], measure: str, style: Style) -> None:
    low, high = np.transpose([row.estimate(measure).bounds or (np.nan, np.nan) for row in rows])
    values = [row.value(measure) for row in rows]
    curve = curves.Curve(places, values, style, low=low, high=high, size=5, hollow=LOOK[measure][1])
    curves.draw_curve(axes, curve)
    for place, row in zip(places, rows, strict=True):
        share = row.published_share(measure)
        if share is not None:
            axes.plot(place, share, marker="D", markersize=6, markerfacecolor="white", color=INK, linestyle="none")
