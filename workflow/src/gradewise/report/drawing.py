"""How figures are drawn: one style for all, and SVG that is the same bytes for the same numbers."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from gradewise.report import numbers
from gradewise.report.palette import INK, QUIET, RULE

WIDTH = 7.4
"""Width of a full figure [inch]."""

ALONE = 0.65
"""Share of that width for a figure of one panel, whose letters a phone then shows large enough to read."""

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


def style() -> AbstractContextManager[None]:
    """The style of all figures, while the block runs."""
    return mpl.rc_context(_STYLE)


def to_svg(figure: Figure) -> bytes:
    """A figure as SVG, without a date, so that equal figures are equal bytes."""
    stream = io.BytesIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None}, bbox_inches="tight", pad_inches=0.04)
    return stream.getvalue()


def percent_axis(axes: Axes, which: str = "x") -> None:
    """Ticks of shares as whole per cent."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.4g}".replace("-", numbers.MINUS)))


def round_times(shortest: float, longest: float) -> list[float]:
    """Times that people use between two bounds, three of them where possible [s]."""
    coarse = [0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 36000, 360000]
    finer = [0.002, 0.005, 0.02, 0.05, 0.2, 0.5, 2, 5, 20, 30, 120, 300, 1800, 7200, 18000, 86400]
    ticks = [time for time in coarse if shortest <= time <= longest]
    return ticks if len(ticks) >= 3 else sorted(time for time in coarse + finer if shortest <= time <= longest)


def round_numbers(low: float, high: float) -> list[float]:
    """Numbers 1, 2 and 5 times a power of ten between two bounds."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [number for power in powers for digit in (1, 2, 5) if low <= (number := digit * 10.0**power) <= high]


def log_axis(
    axes: Axes,
    low: float | None,
    high: float | None,
    ticks: Sequence[float],
    write: Callable[[float], str],
    which: Literal["x", "y"] = "x",
) -> None:
    """A logarithmic axis from low to high with these ticks, if two at least, and none between them."""
    axes.set(**{f"{which}scale": "log", f"{which}lim": (low, high)})
    axis = axes.xaxis if which == "x" else axes.yaxis
    if len(ticks) >= 2:
        axis.set_major_locator(mpl.ticker.FixedLocator(list(ticks)))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(FuncFormatter(lambda value, _: write(value)))


def set_apart(canvas: Figure) -> None:
    """Keep the titles of panels off the labels of those above."""
    engine = canvas.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine)
    engine.set(h_pad=0.09)
