"""Histograms of whole numbers, one below the other on one axis, such as the sizes of images of each class."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure as Canvas

from gradewise.report import drawing, numbers
from gradewise.report.palette import Style

BINS = 24
"""Bins over the range of all values."""


def draw(values: Mapping[str, np.ndarray], label: str, styles: Mapping[str, Style], counted: str) -> bytes:
    """Draw a histogram for each name; every one has the height that its fullest bin needs.

    Parameters
    ----------
    values : mapping of str to ndarray of int
        By name, one at least of each.
    label : str
        Of the x axis, with its unit.
    styles : mapping of str to Style
        By name.
    counted : str
        A noun for what is counted, in the singular.

    Returns
    -------
    bytes
        SVG.
    """
    every = np.concatenate(list(values.values()))
    width = max(1, int(np.ceil((np.ptp(every) + 1) / BINS)))
    edges = np.arange(every.min(), every.max() + width + 1, width)
    with drawing.style():
        canvas = Canvas(figsize=(drawing.PANEL, 0.7 + 0.5 * len(values)))
        panels = canvas.subplots(len(values), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (name, mine) in zip(panels, values.items(), strict=True):
            counts = np.histogram(mine, edges)[0]
            for start, count in zip(edges[:-1][counts > 0], counts[counts > 0], strict=True):
                (bar,) = axes.bar(start, count, width, align="edge", color=styles[name].colour, linewidth=0)
                reach = f"{start}" if width == 1 else f"{start} to {start + width - 1}"
                drawing.tag(bar, title=f"{name}, {reach}: {numbers.many(int(count), counted)}")
            axes.set_yticks([int(counts.max())])
            axes.set_ylabel(name, rotation=0, ha="right", va="center", labelpad=4)
        panels[-1].set_xlabel(label)
        return drawing.to_svg(canvas)
