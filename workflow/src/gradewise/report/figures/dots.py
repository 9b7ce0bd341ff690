"""Dots with their 95 % intervals, on lines one below the other, each line with its name at the left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from gradewise.evaluation.inference import SIGNIFICANT
from gradewise.report import drawing, numbers
from gradewise.report.numbers import Estimate
from gradewise.report.palette import INK, QUIET, Style


@dataclass(frozen=True)
class Mark:
    """An estimate with its style; `slot` is its place among the marks of a line, downwards."""

    estimate: Estimate
    style: Style
    hollow: bool = False
    slot: int = 0


def tested_mark(estimate: Estimate, p: float) -> Mark:
    """A filled dark mark for a significant p, a hollow grey one otherwise or without a p."""
    significant = p < SIGNIFICANT
    return Mark(estimate, Style(INK if significant else QUIET, "o", "-"), hollow=not significant)


@dataclass(frozen=True)
class Line:
    """The marks of a line; `repeats` are values of single repeats, `gap` is the distance from the line above, `model`
    the one that the line is about."""

    name: str
    marks: tuple[Mark, ...]
    repeats: Sequence[float] = ()
    gap: float = 1.0
    model: str = ""


@dataclass(frozen=True)
class Panel:
    """Lines with marks of reference: a dashed or a solid vertical line, a grey band."""

    lines: Sequence[Line]
    title: str = ""
    dashed: float | None = None
    solid: float | None = None
    band: tuple[float, float] | None = None


def draw(
    panels: Sequence[Panel],
    label: str,
    *,
    share: bool = True,
    height: float = 0.34,
    legend: Sequence[Line2D] = (),
    write: Callable[[Estimate], str] = numbers.percent_interval,
) -> tuple[bytes, ...]:
    """Draw each panel by itself, all with the same x axis.

    Parameters
    ----------
    panels : sequence of Panel
    label : str
        Of the x axis.
    share : bool
        Whether values are shares, to be written in per cent.
    height : float
        Of a line [inch].
    legend : sequence of Line2D
        Entries of a legend above; see `handle`.
    write : callable
        Writes the estimate of a mark that is pointed at.

    Returns
    -------
    tuple of bytes
        SVG.
    """
    limits = _limits(panels) if len(panels) > 1 else None
    drawings = []
    with drawing.style():
        for panel in panels:
            places = np.cumsum([line.gap for line in panel.lines])
            top = 0.62 + (0.2 if legend else 0.0)
            canvas = Canvas(figsize=(drawing.PANEL, top + height * (places[-1] - places[0] + 1)))
            axes = canvas.subplots()
            _draw(axes, panel, places, write)
            axes.set(xlabel=label, xlim=limits, ylim=(places[-1] + 0.6, places[0] - 0.55))
            if share:
                drawing.percent_axis(axes)
            ticks = axes.set_yticks(places, [line.name for line in panel.lines])
            for tick, line in zip(ticks, panel.lines, strict=True):
                drawing.tag(tick.label1, model=line.model)
            if legend:
                canvas.legend(handles=legend, loc="outside upper left", ncols=2)
            drawings.append(drawing.to_svg(canvas))
    return tuple(drawings)


def _limits(panels: Sequence[Panel]) -> tuple[float, float]:
    """Of an x axis on which all marks of all panels have room."""
    lines = [line for panel in panels for line in panel.lines]
    estimates = [mark.estimate for line in lines for mark in line.marks]
    drawn = [end for estimate in estimates for end in (estimate.value, *(estimate.bounds or ()))]
    drawn += [value for line in lines for value in line.repeats]
    drawn += [place for panel in panels for place in (panel.dashed, panel.solid)]
    known = [value for value in drawn if value is not None and np.isfinite(value)] or [0.0, 1.0]
    margin = 0.04 * (max(known) - min(known) or 1.0)
    return min(known) - margin, max(known) + margin


def in_words(panels: Sequence[Panel], write: Callable[[Estimate], str] = numbers.percent_interval) -> str:
    """What the panels show in words, for readers who do not see them."""
    parts = []
    for panel in panels:
        lead = f"{panel.title}, " if panel.title else ""
        parts += [
            f"{lead}{line.name} {' and '.join(write(mark.estimate) for mark in line.marks)}" for line in panel.lines
        ]
    return "; ".join(parts)


def handle(label: str, style: Style, *, hollow: bool = False, joined: bool = False) -> Line2D:
    """An entry of a legend that looks like the marks."""
    return Line2D(
        [],
        [],
        color=style.colour,
        marker=style.marker,
        markerfacecolor="white" if hollow else style.colour,
        linestyle=style.line if joined else "none",
        markersize=6,
        label=label,
    )


def _draw(axes: Axes, panel: Panel, places: np.ndarray, write: Callable[[Estimate], str]) -> None:
    for place, line in zip(places, panel.lines, strict=True):
        if line.repeats:
            look = line.marks[0].style
            below = np.full(len(line.repeats), place + 0.3)
            (single,) = axes.plot(
                line.repeats, below, look.marker, markersize=2.6, color=look.colour, markeredgewidth=0
            )
            drawing.tag(single, model=line.model)
        slots = 1 + max(mark.slot for mark in line.marks)
        for mark in line.marks:
            for part in _mark(axes, mark, place + (mark.slot - (slots - 1) / 2) * 0.7 / max(2, slots)):
                drawing.tag(part, model=line.model, title=f"{line.name}: {write(mark.estimate)}")
    if panel.band is not None:
        axes.axvspan(*panel.band, color=QUIET, alpha=0.14, linewidth=0)
    if panel.dashed is not None:
        axes.axvline(panel.dashed, color=QUIET, linewidth=0.9, linestyle=(0, (2, 2)))
    if panel.solid is not None:
        axes.axvline(panel.solid, color=INK, linewidth=0.8)
    axes.set_title(panel.title)
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)


def _mark(axes: Axes, mark: Mark, place: float) -> list[Line2D]:
    """A dot with its interval; nothing where there is no value."""
    colour, value = mark.style.colour, mark.estimate.value
    if value is None or not numbers.known(value):
        return []
    parts = []
    if mark.estimate.bounds:
        parts += axes.plot(mark.estimate.bounds, [place, place], color=colour, solid_capstyle="butt", linewidth=2)
    parts += axes.plot(
        [value],
        [place],
        marker=mark.style.marker,
        markersize=7,
        color=colour,
        markerfacecolor="white" if mark.hollow else colour,
        markeredgecolor=colour if mark.hollow else "white",
        markeredgewidth=1.4 if mark.hollow else 0.8,
        linestyle="none",
    )
    return parts
