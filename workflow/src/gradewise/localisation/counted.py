"""What one map says of an image whose defects are known: counts of pixels by score, in bins that all maps share.

Everything measured follows from these counts, so that memory does not grow with images and leaving one out is a
subtraction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from gradewise.localisation.maps import HeatMap
from gradewise.localisation.regions import cells_of, connected, marked_cells

BINS = 400
"""Of scores: half of them hold equal parts of all scores, the others equal parts of the highest tenth."""

SAMPLED = 2000
"""Scores of a map that bins are made from, at most."""

MISSED = 0.1
"""A defect is missed where less than this share of it is marked."""


@dataclass(frozen=True)
class Defect:
    """A connected region of a mask.

    Attributes
    ----------
    row, column, area : float
        Its centre and its area [px of the image].
    scores : ndarray of int64, shape (bins,)
        Number of its pixels by score.
    """

    row: float
    column: float
    area: float
    scores: np.ndarray


@dataclass(frozen=True)
class Counted:
    """A map compared with the mask of its image.

    Attributes
    ----------
    without : ndarray of int64, shape (bins,)
        Number of pixels outside of defects, by score.
    defects : list of Defect
    """

    without: np.ndarray
    defects: list[Defect]

    @property
    def within(self) -> np.ndarray:
        """Number of pixels of defects, by score, shape (bins,)."""
        return sum((defect.scores for defect in self.defects), np.zeros(len(self.without), np.int64))


def bins_of(maps: Iterable[HeatMap]) -> np.ndarray:
    """Lower ends of the bins of scores, ascending, the first one minus infinity; at most `BINS`."""
    parts = []
    for heat in maps:
        scores = heat.scores.ravel()
        parts.append(scores[:: -(-len(scores) // SAMPLED)])
    ranks = np.concatenate([np.linspace(0, 1, BINS // 2), np.linspace(0.9, 1, BINS // 2)])
    edges = np.unique(np.quantile(np.concatenate(parts), np.sort(ranks)).astype(np.float32))
    return np.concatenate([[-np.inf], edges[1:]]).astype(np.float32)


def count(heat: HeatMap, mask: np.ndarray, bins: np.ndarray) -> Counted:
    """Compare a map with a mask.

    Parameters
    ----------
    heat : HeatMap
    mask : ndarray of bool, shape (height, width)
        What is a defect, in the frame of the map.
    bins : ndarray, shape (bins,)
        From `bins_of`.
    """
    frame, size = heat.frame, len(bins)
    defects, region, facts, centres = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    counts = np.zeros(defects * size, np.int64)
    for rows, scores in heat.strips():
        places = np.searchsorted(bins, scores, side="right") - 1
        counts += np.bincount((region[rows].astype(np.int64) * size + places).ravel(), minlength=len(counts))
    by_region = counts.reshape(defects, size)
    scale = frame.scale_y * frame.scale_x
    known = [
        Defect(
            float((row + 0.5) / frame.scale_y + frame.top),
            float((column + 0.5) / frame.scale_x + frame.left),
            float(area / scale),
            scores,
        )
        for (column, row), area, scores in zip(
            centres[1:], facts[1:, cv2.CC_STAT_AREA].tolist(), by_region[1:], strict=True
        )
    ]
    return Counted(by_region[0], known)


def false_alarms(heat: HeatMap, mask: np.ndarray, threshold: float) -> int:
    """Number of marked regions that touch no defect; one that ends in a cell next to it touches it."""
    defective = cells_of(heat, ((rows, mask[rows]) for rows, _ in heat.strips()))
    near = cv2.dilate((defective > 0).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    regions, region = connected(marked_cells(heat, threshold))
    return regions - len(np.unique(region[near & (region > 0)]))
