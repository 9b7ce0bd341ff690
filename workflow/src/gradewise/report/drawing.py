"""How figures are drawn: one style for all, and SVG that is the same bytes for the same numbers."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from gradewise.report import numbers
from gradewise.report.numbers import Estimate
from gradewise.report.palette import INK, QUIET, RULE, Style

WIDTH = 7.4
"""Width of a full figure [inch]."""

_STYLE: dict[Any, Any] = {
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.axisbelow": True,
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlepad": 8,
    "axes.labelsize": 8.5,
    "axes.unicode_minus": True,
    "figure.constrained_layout.use": True,
    "font.family": ["DejaVu Sans"],
    "font.size": 8.5,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.4,
    "svg.fonttype": "path",
    "svg.hashsalt": "gradewise",
    "text.color": INK,
    # names come from the user: a dollar sign in one must not start a formula
    "text.parse_math": False,
    "xtick.color": QUIET,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.color": QUIET,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 8,
}


@contextmanager
def style() -> Iterator[None]:
    """The style of all figures, while the block runs."""
    with mpl.rc_context(_STYLE):
        yield


def to_svg(figure: Figure) -> bytes:
    """A figure as SVG, without a date, so that equal figures are equal bytes."""
    stream = io.BytesIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None}, bbox_inches="tight", pad_inches=0.04)
    return stream.getvalue()


def percent_axis(axes: Axes, which: str = "x") -> None:
    """Ticks of shares as whole per cent."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.4g}".replace("-", numbers.MINUS)))


def time_axis(axes: Axes, shortest: float, longest: float) -> None:
    """A logarithmic x axis of times, with ticks at round times that people use."""
    axes.set_xscale("log")
    axes.set_xlim(shortest / 1.8, longest * 1.8)
    round_times = [0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 36000, 360000]
    finer = [0.002, 0.005, 0.02, 0.05, 0.2, 0.5, 2, 5, 20, 30, 120, 300, 1800, 7200, 18000, 86400]
    low, high = axes.get_xlim()
    ticks = [time for time in round_times if low <= time <= high]
    if len(ticks) < 3:
        ticks = sorted(time for time in round_times + finer if low <= time <= high)
    if len(ticks) >= 2:
        axes.xaxis.set_major_locator(mpl.ticker.FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: numbers.axis_time(seconds)))


def interval(axes: Axes, estimate: Estimate, place: float, style: Style, hollow: bool = False) -> None:
    """A mark at (value, place) with its 95 % interval as a horizontal line; nothing where there is no value."""
    if estimate.value is None or not numbers.known(estimate.value):
        return
    if estimate.bounds:
        axes.plot(estimate.bounds, [place, place], color=style.colour, solid_capstyle="butt", linewidth=2)
    axes.plot(
        [estimate.value],
        [place],
        marker=style.marker,
        markersize=7,
        color=style.colour,
        markerfacecolor="white" if hollow else style.colour,
        markeredgecolor=style.colour if hollow else "white",
        markeredgewidth=1.4 if hollow else 0.8,
        linestyle="none",
    )
