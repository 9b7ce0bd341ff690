"""Regions of samples that masks mark, and how much of an explanation falls on them."""

from __future__ import annotations

from pathlib import Path, PurePath

import numpy as np

from gradewise.config.views import View
from gradewise.images.files import read_before
from gradewise.images.listing import IMAGE_SUFFIXES
from gradewise.images.masks import read_mask
from gradewise.views.apply import mask_samples


def find_mask(folder: Path, image_id: str) -> Path | None:
    """The mask of an image: at the same place below the folder, of any kind of image file; None where there is none."""
    place = folder / PurePath(image_id)
    beside = sorted(place.parent.iterdir()) if place.parent.is_dir() else []
    return next((path for path in beside if path.stem == place.stem and path.suffix.lower() in IMAGE_SUFFIXES), None)


def region_of(mask: Path | None, view: View, row: int, column: int, bar_rows: int = 0) -> np.ndarray | None:
    """What a mask marks of a sample, under the operations of the view that made the sample from its image.

    Row and column are those of the sample in the grid of tiles, `bar_rows` is the height of the image's data bar. How
    much of each pixel is marked, float32 of shape (height, width), 0 to 1; None without a mask.

    Raises
    ------
    UserError
        Where the mask cannot be read.
    """
    if mask is None:
        return None
    with read_before(mask):
        pixels = read_mask(mask)
    return np.asarray((mask_samples(pixels, view, [(row, column)], bar_rows)[0] / 255).astype(np.float32))


def share_on(weights: np.ndarray, region: np.ndarray) -> float | None:
    """Share of the positive weights that falls on a region; None where no weight is positive.

    Both are of shape (height, width); a region holds how much of each pixel belongs to it, 0 to 1.
    """
    speaking = np.maximum(weights, 0.0).astype(np.float64)
    total = float(speaking.sum())
    return float((speaking * region).sum()) / total if total > 0 else None
