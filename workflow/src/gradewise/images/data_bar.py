"""Finds the data bar that microscopes draw below an image: text and a scale on a dark or bright band.

What is taken for a bar by mistake costs rows of the image, so all of these are required: one dark or bright level over
the full width, text in strong contrast, rows without text, and a sharp upper edge.
"""

from __future__ import annotations

import numpy as np

from gradewise.images.decode import to_uint8

LEAST_ROWS = 12
LEAST_SHARE, MOST_SHARE = 0.015, 0.25
"""Height of a bar as a share of the height of the image."""

DARK, BRIGHT = 48, 207
"""The background of a bar is at most or at least this level."""

TOLERANCE = 8
"""How far levels that count as equal may differ, as lossy compression makes them."""

CONTRAST = 100
"""Least difference between text and background."""

EMPTY, FILLED = 0.98, 0.4
"""Least share of background in a row without text, and in any row of the bar."""

LEAST_EMPTY, LEAST_TEXT, MOST_TEXT = 0.1, 0.005, 0.4
"""Least share of rows without text, and limits of the share of pixels of text."""

LINE, LINE_ROWS, BESIDE = 0.9, 4, 2
"""Least share of a row or column that a line fills, the most rows of such a line, and the columns beside one that lossy
compression blurs."""

EDGE = 8
"""Number of rows at the upper edge of the bar of which one is free of text."""

ABOVE, MOST_ABOVE = 12, 0.3
"""Number of rows above the bar, and the greatest share of each that may have the level of its background."""


def find_bar(pixels: np.ndarray, bits: int = 8) -> int:
    """Height of the data bar at the bottom of an image [px]; 0 if none is found.

    Parameters
    ----------
    pixels : ndarray of uint8 or uint16, shape (height, width) or (height, width, 3)
    bits : int
        Bits that the grey levels use.
    """
    height = len(pixels)
    most = int(MOST_SHARE * height)
    if most < LEAST_ROWS:
        return 0
    # the most frequent level of the lowest rows
    background = int(np.bincount(to_uint8(pixels[-LEAST_ROWS:], bits).ravel(), minlength=256).argmax())
    if DARK < background < BRIGHT:
        return 0
    lower = to_uint8(pixels[-most - ABOVE - 1 :], bits).reshape(most + ABOVE + 1, pixels.shape[1], -1)
    difference = _difference(lower, background)
    share, text = (difference <= TOLERANCE).mean(axis=1), difference >= CONTRAST
    rows = _rows_from_below(share >= FILLED, _lines(lower, text.mean(axis=1) >= LINE))
    if not max(LEAST_ROWS, LEAST_SHARE * height) <= rows <= most:
        return 0
    # lossy compression blurs the row next to the bar
    above = share[-rows - 1 - ABOVE : -rows - 1]
    between = ~_drawn_down(text[-rows:])
    if not between.any():
        return 0
    is_empty = (difference[-rows:, between] <= TOLERANCE).mean(axis=1) >= EMPTY
    is_bar = (
        is_empty[:EDGE].any()
        and is_empty.mean() >= LEAST_EMPTY
        and LEAST_TEXT <= text[-rows:].mean() <= MOST_TEXT
        and above.max() <= MOST_ABOVE
    )
    return rows if is_bar else 0


def _difference(colours: np.ndarray, level: int | np.ndarray) -> np.ndarray:
    """Greatest difference of the channels from a level, uint8 (height, width)."""
    levels = np.asarray(level, np.uint8)
    return np.asarray((np.maximum(colours, levels) - np.minimum(colours, levels)).max(axis=2))


def _lines(colours: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Which candidates among rows have one level, but for a few pixels; bool (height,)."""
    lines = np.zeros(len(colours), bool)
    rows = colours[candidates]
    lines[candidates] = (_difference(rows, np.median(rows, axis=1, keepdims=True)) <= TOLERANCE).mean(axis=1) >= LINE
    return lines


def _drawn_down(text: np.ndarray) -> np.ndarray:
    """Which columns are in or next to lines that separate the fields of a bar; bool (width,)."""
    lines = text.mean(axis=0) >= LINE
    return np.convolve(lines, np.ones(2 * BESIDE + 1), mode="same") > 0


def _rows_from_below(is_background: np.ndarray, is_line: np.ndarray) -> int:
    """Number of rows, from the lowest, that are background, perhaps with text, or lines of a few rows."""
    rows = of_line = 0
    for background, line in zip(is_background[::-1], is_line[::-1], strict=True):
        if background:
            rows, of_line = rows + of_line + 1, 0
        elif line and of_line <= LINE_ROWS:
            of_line += 1
        else:
            break
    return rows + of_line if of_line <= LINE_ROWS else rows
