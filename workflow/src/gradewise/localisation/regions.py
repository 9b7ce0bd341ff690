"""What a map marks at a threshold: pixels, and connected regions of cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from gradewise.localisation.maps import HeatMap


@dataclass(frozen=True)
class Region:
    """A connected part of an image that a map marks.

    Attributes
    ----------
    top, left, bottom, right : float
        The smallest rectangle of whole cells around it [px of the image].
    area : float
        Number of marked pixels [px of the image].
    score : float
        The highest of its cells.
    """

    top: float
    left: float
    bottom: float
    right: float
    area: float
    score: float


def marked_strips(heat: HeatMap, threshold: float) -> Iterator[tuple[slice, np.ndarray]]:
    """Which pixels of the frame have at least the score of a threshold, bool, a few rows at a time."""
    for rows, scores in heat.strips():
        yield rows, scores >= threshold


def marked_cells(heat: HeatMap, threshold: float) -> np.ndarray:
    """Number of marked pixels of each cell, float64 (rows, columns)."""
    return cells_of(heat, marked_strips(heat, threshold))


def cells_of(heat: HeatMap, strips: Iterator[tuple[slice, np.ndarray]]) -> np.ndarray:
    """Number of true pixels of each cell, float64 (rows, columns); strips begin with a row of cells."""
    counts = np.zeros(heat.scores.shape)
    rows, columns = (np.arange(0, length, heat.cell) for length in (heat.frame.height, heat.frame.width))
    for strip, pixels in strips:
        inside = rows[(rows >= strip.start) & (rows < strip.stop)] - strip.start
        across = np.add.reduceat(pixels, columns, axis=1, dtype=np.float64)
        first = strip.start // heat.cell
        counts[first : first + len(inside)] = np.add.reduceat(across, inside, axis=0)
    return counts


def connected(cells: np.ndarray) -> tuple[int, np.ndarray]:
    """Number of connected regions of cells that are not zero, also across corners, and which one each cell is in.

    Returns
    -------
    count : int
    region : ndarray of int32, shape (rows, columns)
        0 outside of regions, then 1 to `count`.
    """
    count, region = cv2.connectedComponents((cells > 0).astype(np.uint8), connectivity=8)
    return count - 1, np.asarray(region)


def regions_of(heat: HeatMap, threshold: float) -> list[Region]:
    """The regions of an image with at least the score of a threshold, the highest score first."""
    cells = marked_cells(heat, threshold)
    count, region = connected(cells)
    if not count:
        return []
    rows, columns = np.nonzero(region)
    number = region[rows, columns] - 1
    pixels = np.bincount(number, weights=cells[rows, columns], minlength=count)
    frame = heat.frame
    ends = np.full((4, count), np.inf)
    for end, values in zip(ends, (rows, columns, -rows - 1, -columns - 1), strict=True):
        np.minimum.at(end, number, values)
    score = np.full(count, -np.inf)
    np.maximum.at(score, number, heat.scores[rows, columns])
    top, bottom = (
        _limited(values * heat.cell, frame.height) / frame.scale_y + frame.top for values in (ends[0], -ends[2])
    )
    left, right = (
        _limited(values * heat.cell, frame.width) / frame.scale_x + frame.left for values in (ends[1], -ends[3])
    )
    area = pixels / (frame.scale_y * frame.scale_x)
    found = [Region(*map(float, values)) for values in zip(top, left, bottom, right, area, score, strict=True)]
    return sorted(found, key=lambda part: -part.score)


def _limited(values: np.ndarray, most: int) -> np.ndarray:
    return np.asarray(np.minimum(values, most))
