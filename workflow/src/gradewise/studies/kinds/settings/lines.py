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
from gradewise.studies.kinds.settings import Study, varied
from gradewise.studies.kinds.settings.marks import LOOK, PUBLISHED, columns
from gradewise.studies.kinds.settings.varied import Varied
from gradewise.studies.pages import published, wording
from gradewise.studies.pages.evidence import StudyEvidence
from gradewise.studies.pages.rows import Row

LOGARITHMIC = 30
"""Values that span more than this factor stand on a logarithmic axis."""

Point = tuple[float, Row]
"""Where a row stands along x, and the row."""

_MARKERS = "osD^vPX*"
_LINES: tuple[LineStyleType, ...] = ("-", "--", "-.", ":")
_OF_MEASURE: dict[str, LineStyleType] = {
    "test": "-",
    "validation": "--",
    "oob_groups": "-",
    "oob_rows": "--",
    "train": ":",
}


def blocks(name: str, study: Study, evidence: StudyEvidence, read: Varied) -> list[Block]:
    """The figure; nothing where no accuracy is shown."""
    along = study.along[0]
    rows = [row for row in (*read.rows, *read.only_published) if along in row.settings]
    shown = varied.accuracies(study, rows)
    if not shown or not rows:
        return []
    places = Places([row.settings[along] for row in rows])
    curves: dict[str, list[Point]] = {}
    for row in sorted(rows, key=lambda row: places.of(row.settings[along])):
        others = {key: value for key, value in row.settings.items() if key not in (along, *study.best_of)}
        curves.setdefault(in_words(others), []).append((places.of(row.settings[along]), row))
    colour = read.colour
    there = any(published.as_share(row.published.get(measure)) is not None for row in rows for measure in shown)
    with drawing.style():
        if len(curves) > 1:
            canvas = _by_measure(curves, shown, places, colour, along)
        else:
            canvas = _together(next(iter(curves.values())), shown, places, colour, along, there)
        svg = drawing.to_svg(canvas)
    told = "; ".join(
        f"{row.name}: " + ", ".join(f"{measure} {wording.written(measure, row.measured[measure])}" for measure in shown)
        for row in rows
        if all(measure in row.measured for measure in shown)
    )
    bands = any(row.estimate(measure).bounds for row in rows for measure in shown)
    caption = f"Accuracy against {along}{', with bands of 95 % intervals' if bands else ''}."
    if there:
        caption += f" Diamonds: {'published' if study.comparable else published.NOT_COMPARABLE}."
    return [Figure(f"{name}-line", caption, f"Line plot against {along}: {told}.", svg)]


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


def _by_measure(curves: dict[str, list[Point]], shown: list[str], places: Places, colour: str, along: str) -> Canvas:
    """A panel per measure, with a line for each combination of the other settings."""
    canvas = Canvas(figsize=(drawing.WIDTH, 2.9 + 0.17 * (len(curves) // 3)))
    panels = canvas.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    looks = [
        Style(shade, _MARKERS[nth % len(_MARKERS)], _LINES[nth % len(_LINES)])
        for nth, shade in enumerate(shades(colour, len(curves)))
    ]
    for axes, measure in zip(panels, shown, strict=True):
        for style, points in zip(looks, curves.values(), strict=True):
            _draw(axes, points, measure, style, LOOK[measure][1])
        axes.set_title(wording.name(measure))
        _finish(axes, places, along)
    panels[0].set_ylabel("Image-level accuracy [%]")
    handles = [dots.handle(name, look, joined=True) for name, look in zip(curves, looks, strict=True)]
    canvas.legend(handles=handles, loc="outside lower left", ncols=columns(list(curves)), handlelength=3)
    return canvas


def _together(points: list[Point], shown: list[str], places: Places, colour: str, along: str, there: bool) -> Canvas:
    """One panel with a line per measure."""
    canvas = Canvas(figsize=(drawing.WIDTH, 3.0))
    axes = canvas.subplots()
    handles = []
    for measure in shown:
        marker, hollow = LOOK[measure]
        style = Style(colour, marker, _OF_MEASURE[measure])
        _draw(axes, points, measure, style, hollow)
        handles.append(dots.handle(wording.name(measure), style, hollow=hollow, joined=True))
    if there:
        handles.append(dots.handle("Published", PUBLISHED, hollow=True))
    _finish(axes, places, along)
    axes.set_ylabel("Image-level accuracy [%]")
    canvas.legend(handles=handles, loc="outside right upper", handlelength=3)
    return canvas


def _draw(axes: Axes, points: list[Point], measure: str, style: Style, hollow: bool) -> None:
    scores = [row.estimate(measure) for _, row in points]
    places = [place for place, _ in points]
    values = [np.nan if score.value is None else score.value for score in scores]
    low, high = np.transpose([score.bounds or (np.nan, np.nan) for score in scores])
    curve = curves.Curve(places, values, style, low=low, high=high, size=5, hollow=hollow)
    curves.draw_curve(axes, curve)
    for place, row in points:
        share = published.as_share(row.published.get(measure))
        if share is not None:
            axes.plot(place, share, marker="D", markersize=6, markerfacecolor="white", color=INK, linestyle="none")


def _finish(axes: Axes, places: Places, along: str) -> None:
    places.prepare(axes, along)
    drawing.percent_axis(axes, "y")
    axes.grid()
