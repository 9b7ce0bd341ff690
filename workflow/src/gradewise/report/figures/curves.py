"""Curves with bands or bars of intervals, each panel a drawing of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import blended_transform_factory
from scipy.optimize import isotonic_regression

from gradewise.report import drawing
from gradewise.report.palette import QUIET, Style

COLUMNS = "#8b939d"
"""Of thin columns: grey with a contrast of 3 to 1 on white."""

LETTERS, PART_OF_HEIGHT = 11.0, 0.78
"""Height of a line of letters [pt], and the share of a drawing's height that its axes have."""

Values: TypeAlias = "Sequence[float] | np.ndarray | pd.Series"
"""Numbers along an axis; NaN where there is none."""


@dataclass(frozen=True)
class Curve:
    """Points along an axis and how they are drawn.

    Attributes
    ----------
    x, y : Values
    style : Style
    label : str
        In the legend; without one the curve is left out of it.
    low, high : Values, optional
        Intervals of y.
    bars : bool
        Draw intervals as a bar at each point rather than as a band.
    size : float
        Of the marks [pt]; 0: none.
    hollow : bool
    width : float
        Of the line [pt]; 0: points are not joined.
    alpha : float
        Opacity of the line.
    model : str
        The one that the curve is about.
    titles : sequence of str
        What is told of each point that is pointed at; such points have marks of their own.
    """

    x: Values
    y: Values
    style: Style
    label: str = ""
    low: Values | None = None
    high: Values | None = None
    bars: bool = False
    size: float = 0.0
    hollow: bool = False
    width: float = 1.4
    alpha: float = 1.0
    model: str = ""
    titles: Sequence[str] = ()


def marks(
    x: Values,
    y: Values,
    low: Values,
    high: Values,
    style: Style,
    size: float,
    label: str = "",
    *,
    model: str = "",
    titles: Sequence[str] = (),
) -> Curve:
    """Points with bars of intervals, not joined."""
    return Curve(x, y, style, label, low, high, bars=True, size=size, width=0.0, model=model, titles=titles)


@dataclass(frozen=True)
class Axis:
    """An axis: its label, whether its values are shares, its limits, the ticks of a logarithmic one, and whether only
    whole numbers have ticks.
    """

    label: str = ""
    share: bool = False
    limits: tuple[float | None, float | None] = (None, None)
    ticks: Sequence[float] = ()
    write: Callable[[float], str] = "{:.0f}".format
    whole: bool = False

    def prepare(self, axes: Axes, which: Literal["x", "y"]) -> None:
        """Set scale, ticks, limits and label of an axis."""
        axes.set(**{f"{which}label": self.label})
        if self.share:
            drawing.percent_axis(axes, which)
        if self.ticks:
            drawing.log_axis(axes, *self.limits, self.ticks, self.write, which)
        else:
            axes.set(**{f"{which}lim": self.limits})
        if self.whole:
            (axes.xaxis if which == "x" else axes.yaxis).set_major_locator(MaxNLocator(integer=True))


@dataclass(frozen=True)
class Panel:
    """Curves on common axes.

    `dashed` is the place of a dashed vertical line; `diagonal` draws the line on which x equals y; `columns` are the
    places and heights of thin grey columns; `legend` names the curves in the panel, `direct` at its right edge, each at
    the height of its last point; `model` is the one that the whole panel is about.
    """

    curves: Sequence[Curve]
    x: Axis = field(default_factory=Axis)
    y: Axis = field(default_factory=Axis)
    title: str = ""
    dashed: float | None = None
    diagonal: bool = False
    columns: tuple[Values, Values] | None = None
    legend: bool = False
    direct: bool = False
    model: str = ""


def draw(panels: Sequence[Panel], *, height: float, width: float = drawing.PANEL) -> tuple[bytes, ...]:
    """Draw each panel by itself, so that a phone shows one below the other.

    Parameters
    ----------
    panels : sequence of Panel
    height, width : float
        Of a panel [inch].

    Returns
    -------
    tuple of bytes
        SVG.
    """
    drawings = []
    with drawing.style():
        for panel in panels:
            canvas = Canvas(figsize=(width, height))
            _draw(canvas.subplots(), panel)
            drawings.append(drawing.to_svg(canvas, panel.model))
    return tuple(drawings)


def around(values: np.ndarray) -> tuple[float, float]:
    """Limits of an axis of shares that several drawings have: a little beyond all values, NaN apart."""
    low, high = (float(end(values)) for end in (np.nanmin, np.nanmax))
    return max(-0.02, low - 0.02), min(1.02, high + 0.02)


def draw_curve(axes: Axes, curve: Curve) -> None:
    """Draw one curve with its intervals."""
    colour = curve.style.colour
    parts: list[Artist] = []
    if curve.low is not None and curve.high is not None:
        if curve.bars:
            parts.append(axes.vlines(curve.x, curve.low, curve.high, color=colour, linewidth=1.6))
        else:
            parts.append(
                axes.fill_between(
                    curve.x, curve.low, curve.high, facecolor=(colour, 0.16), edgecolor=colour, linewidth=0.4
                )
            )
    look: dict[str, Any] = {
        "marker": curve.style.marker if curve.size else "none",
        "markersize": curve.size,
        "markerfacecolor": "white" if curve.hollow else colour,
        "markeredgecolor": "white" if not (curve.width or curve.hollow) else colour,
    }
    parts += axes.plot(
        curve.x,
        curve.y,
        color=colour,
        alpha=curve.alpha,
        linestyle=curve.style.line if curve.width else "none",
        linewidth=curve.width,
        label=curve.label or None,
        **({"marker": "none"} if curve.titles else look),
    )
    for part in parts:
        drawing.tag(part, model=curve.model)
    for x, y, title in zip(curve.x, curve.y, curve.titles, strict=False):
        (point,) = axes.plot([x], [y], color=colour, linestyle="none", **look)
        drawing.tag(point, model=curve.model, title=title)


def over_repeats(table: pd.DataFrame, along: str, what: str, style: Style, label: str) -> Iterator[Curve]:
    """A training curve: single repeats thin, their mean thick as far as all repeats reach; nothing where unknown.

    `table` has one row per evaluation with its repeat; `along` and `what` are its columns along x and y, `label` is
    that of the mean.
    """
    points = table.dropna(subset=[what])
    repeats = points["repeat"].nunique()
    if repeats > 1:
        for _, part in points.groupby("repeat"):
            yield Curve(part[along], part[what], style, width=0.7, alpha=0.8)
    if repeats:
        shared = points.groupby(along)[what].agg(["mean", "size"])
        shared = shared.loc[shared["size"] >= repeats]
        yield Curve(shared.index.to_numpy(), shared["mean"], style, label, width=2.0)


def _draw(axes: Axes, panel: Panel) -> None:
    if panel.diagonal:
        axes.plot([0, 1], [0, 1], color=QUIET, linewidth=0.9, linestyle=(0, (2, 2)))
    if panel.columns is not None:
        axes.bar(*panel.columns, width=0.012, color=COLUMNS, linewidth=0)
    for curve in panel.curves:
        draw_curve(axes, curve)
    if panel.dashed is not None:
        axes.axvline(panel.dashed, color=QUIET, linewidth=0.9, linestyle=(0, (2, 2)))
    panel.x.prepare(axes, "x")
    panel.y.prepare(axes, "y")
    axes.set_title(panel.title)
    axes.grid(axis="both" if panel.dashed is None else "y")
    if panel.legend:
        axes.legend(loc="best")
    if panel.direct:
        _name_at_the_right(axes, [curve for curve in panel.curves if curve.label])


def _name_at_the_right(axes: Axes, named: Sequence[Curve]) -> None:
    """Name curves beside the right edge, at the height of their last points or as near as letters leave room."""
    low, high = axes.get_ylim()
    figure = axes.get_figure(root=True)
    assert figure is not None, "axes of a figure"
    gap = LETTERS * (high - low) / (PART_OF_HEIGHT * 72 * figure.get_size_inches()[1])
    ends = [(float(np.asarray(curve.x)[-1]), float(np.asarray(curve.y)[-1]), curve) for curve in named]
    ends.sort(key=lambda end: end[1])
    steps = gap * np.arange(len(ends))
    heights = isotonic_regression([y for _, y, _ in ends] - steps).x + steps
    edge = blended_transform_factory(axes.transAxes, axes.transData)
    for (x, y, curve), place in zip(ends, heights, strict=True):
        leader = axes.annotate(
            curve.label,
            (x, y),
            (1.03, place),
            xycoords="data",
            textcoords=edge,
            color=curve.style.colour,
            va="center",
            fontsize=8,
            arrowprops={"arrowstyle": "-", "color": curve.style.colour, "linewidth": 0.6, "shrinkA": 1, "shrinkB": 4},
            annotation_clip=False,
        )
        drawing.tag(leader, model=curve.model)
        if leader.arrow_patch is not None:
            drawing.tag(leader.arrow_patch, model=curve.model)
