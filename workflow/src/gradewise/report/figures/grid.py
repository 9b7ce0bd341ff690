"""Grids of shaded cells with their values written in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap

from gradewise.report.palette import INK, QUIET

DARK = 0.6
"""Shade from which text is white."""


def draw(
    axes: Axes,
    shades: np.ndarray,
    texts: Sequence[Sequence[str]],
    *,
    columns: Sequence[str],
    rows: Sequence[str],
    colours: Colormap,
    fontsize: float = 8.0,
    turned: bool = False,
    square: bool = True,
) -> None:
    """Draw a grid of cells with their texts.

    Parameters
    ----------
    axes : Axes
    shades : ndarray of shape (rows, columns)
        From 0 (lightest) to 1 (darkest), NaN where there is nothing.
    texts : sequence of sequence of str
    columns, rows : sequence of str
        Their names.
    colours : Colormap
    fontsize : float
        Of the texts [pt].
    turned : bool
        Whether the names of columns are long and therefore turned.
    square : bool
        Whether cells are square rather than as wide as the panel allows.
    """
    axes.imshow(shades, cmap=colours, vmin=0, vmax=1, aspect="equal" if square else "auto")
    for row, column in np.ndindex(*shades.shape):
        if not texts[row][column]:
            continue
        shade = shades[row, column]
        colour = QUIET if np.isnan(shade) else "white" if shade > DARK else INK
        axes.text(column, row, texts[row][column], ha="center", va="center", fontsize=fontsize, color=colour)
    axes.set_xticks(range(len(columns)), columns, rotation=45 if turned else 0, ha="right" if turned else "center")
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
