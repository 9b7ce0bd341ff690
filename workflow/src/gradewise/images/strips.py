"""Divides large images into strips of rows, so that what is computed on the way takes little memory."""

from __future__ import annotations

from collections.abc import Iterator

PIXELS = 2**17
"""Of a strip: few enough that what is computed from it stays in the processor's cache."""


def strips(height: int, width: int) -> Iterator[slice]:
    """The rows of each strip of an image, from the top."""
    rows = max(1, PIXELS // max(1, width))
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))
