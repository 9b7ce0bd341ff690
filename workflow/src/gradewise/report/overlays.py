"""Pictures of maps over their images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from matplotlib import colormaps
from PIL import Image, ImageColor

from gradewise.localisation.maps import HeatMap
from gradewise.report import palette

SIDE = 320
"""Longest side of a picture [px]."""

DARKENED = 0.4
"""Factor of grey levels where nothing is known."""

TINY = np.finfo(np.float32).tiny

STRONGEST = 0.75
"""Share of the colour of a map in a picture where its score is highest."""

LEAST = 1e-6
"""What scores differ by at least from the threshold at the ends of a scale."""


@dataclass(frozen=True)
class Scale:
    """Scores that are drawn from colourless to the strongest colour.

    Attributes
    ----------
    low, threshold, high : float
        The threshold has half the strength.
    """

    low: float
    threshold: float
    high: float

    def strength(self, scores: np.ndarray) -> np.ndarray:
        """How strong the colour of scores is, 0 to 1."""
        return np.asarray(np.interp(scores, [self.low, self.threshold, self.high], [0.0, 0.5, 1.0]))


def scale_of(maps: Sequence[HeatMap], threshold: float) -> Scale:
    """The scale from the median score of some maps, so that half of their area has no colour, to the highest one."""
    scores = np.concatenate([heat.scores.ravel() for heat in maps])
    low, high = min(float(np.median(scores)), threshold - LEAST), max(float(scores.max()), threshold + LEAST)
    return Scale(low, threshold, high)


def outlined(frame: np.ndarray, mask: np.ndarray | None = None, side: int = SIDE) -> Image.Image:
    """A frame, downscaled to at most `side` pixels, with an outline around what a mask marks.

    Parameters
    ----------
    frame : ndarray of uint8, shape (height, width, 1 or 3)
    mask : ndarray of bool, shape (height, width), optional
    """
    return Image.fromarray(_outline(_small(frame, side), mask))


def map_over(
    frame: np.ndarray, heat: HeatMap, scale: Scale, mask: np.ndarray | None = None, side: int = SIDE
) -> Image.Image:
    """A map over its frame, downscaled to at most `side` pixels, with an outline around what a mask marks.

    Parameters
    ----------
    frame : ndarray of uint8, shape (height, width, 1 or 3)
    heat : HeatMap
    scale : Scale
    mask : ndarray of bool, shape (height, width), optional
    """
    picture = _small(frame, side)
    height, width = picture.shape[:2]
    # the last cells may reach beyond the frame
    across = np.array([width, height]) * np.array(heat.scores.shape[::-1]) * heat.cell
    columns, rows = np.ceil(across / [heat.frame.width, heat.frame.height]).astype(int)
    scores = cv2.resize(heat.scores, (int(columns), int(rows)), interpolation=cv2.INTER_LINEAR)[:height, :width]
    strength = scale.strength(scores)
    colours = colormaps[palette.HEAT](strength)[..., :3] * 255
    weight = STRONGEST * strength[..., None]
    return Image.fromarray(_outline(((1 - weight) * picture + weight * colours).astype(np.uint8), mask))


def weights_over(pixels: np.ndarray, weights: np.ndarray) -> Image.Image:
    """A picture in grey with what speaks for a prediction in orange, what speaks against it in purple, darkened where
    nothing is known.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (height, width, 1 or 3)
    weights : ndarray of float, shape (rows, columns)
        Of cells that cover the picture; NaN where nothing is known.
    """
    height, width = pixels.shape[:2]
    known = cv2.resize(np.isfinite(weights).astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
    scaled = np.nan_to_num(weights) / max(float(np.nanmax(np.abs(weights), initial=0.0)), float(TINY))
    scaled = cv2.resize(scaled.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    colours = colormaps[palette.FOR_AND_AGAINST](0.5 + scaled / 2)[..., :3] * 255
    strength = 0.85 * np.sqrt(np.abs(scaled) * known)[..., None]
    pale = 0.35 * 255 + 0.6 * pixels.astype(np.float32).mean(axis=2, keepdims=True)
    picture = strength * colours + (1 - strength) * pale
    picture[~known] *= DARKENED
    return Image.fromarray(_small(picture.astype(np.uint8)))


def _small(frame: np.ndarray, side: int = SIDE) -> np.ndarray:
    """RGB pixels of a picture of a frame."""
    factor = min(1.0, side / max(frame.shape[:2]))
    size = [max(1, round(length * factor)) for length in frame.shape[1::-1]]
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_GRAY2RGB) if small.ndim == 2 else small)


def _outline(picture: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    if mask is None:
        return picture
    size = picture.shape[1::-1]
    # thin defects must not vanish
    small = cv2.resize(mask.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA) > 0
    around = cv2.dilate(small.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    drawn = picture.copy()
    drawn[around & ~small] = ImageColor.getrgb(palette.OUTLINE)
    return drawn
