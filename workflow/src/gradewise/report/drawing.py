"""How figures are drawn: one style for all, and SVG that is the same bytes for the same numbers."""

from __future__ import annotations

import base64
import html
import io
import json
import math
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from gradewise.report import numbers
from gradewise.report.palette import INK, QUIET, RULE

WIDTH = 7.4
"""Width of a full figure [inch]."""

PANEL = 4.1
"""Width of a drawing of one panel [inch]: in the 340 px of a phone its smallest letters are 9 px high."""

THIRD = 2.75
"""Width of a drawing of which three stand side by side on a page [inch]."""

_TAGGED = "tagged-"

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


def tag(artist: Artist, *, model: str = "", title: str = "") -> None:
    """Have a part of a drawing belong to a model, which readers can hide, and show a text while it is pointed at."""
    told = json.dumps([model, title]).encode()
    artist.set_gid(f"{_TAGGED}{base64.urlsafe_b64encode(told).decode().rstrip('=')}")


def to_svg(figure: Figure, model: str = "") -> bytes:
    """A figure as SVG, without a date, so that equal figures are equal bytes; see `tag` for what parts of it tell.

    The whole figure belongs to `model`, if one is given.
    """
    stream = io.BytesIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None}, bbox_inches="tight", pad_inches=0.04)
    text = re.sub(rf'<g id="{_TAGGED}([\w-]+)">', _tell, stream.getvalue().decode())
    return (text.replace("<svg ", f'<svg data-model="{html.escape(model)}" ', 1) if model else text).encode()


def _tell(group: re.Match[str]) -> str:
    coded = group[1]
    model, title = json.loads(base64.urlsafe_b64decode(coded + "=" * (-len(coded) % 4)))
    belongs = f' data-model="{html.escape(model)}"' if model else ""
    return f"<g{belongs}>" + (f"<title>{html.escape(title)}</title>" if title else "")


def to_inline(svg: bytes, name: str) -> str:
    """An SVG as a part of an HTML page whose Content-Security-Policy allows no style of its own.

    Styles become attributes, and identifiers, of which only those that are referred to remain, begin with a name that
    no other drawing of the page has.
    """
    text = svg.decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r'style="([^"]*)"', lambda style: _attributes(style[1]), text)
    used = set(re.findall(r'(?:href="|url\()#([\w-]+)', text))
    text = re.sub(r' id="([^"]*)"', lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", text)
    text = re.sub(r'(href="|url\()#', rf"\1#{name}-", text)
    # what the sheet of styles says of all elements
    return re.sub(r"<svg ", '<svg stroke-linejoin="round" stroke-linecap="butt" ', text, count=1)


def _attributes(style: str) -> str:
    """Declarations of a style as attributes of SVG."""
    pairs = (declaration.split(":", 1) for declaration in style.split(";") if ":" in declaration)
    return " ".join(f'{name.strip()}="{value.strip()}"' for name, value in pairs)


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
