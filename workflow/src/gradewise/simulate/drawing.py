"""What both simulators share: a drawn image with its label and masks, and smooth noise."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Drawing:
    """A simulated image.

    Attributes
    ----------
    image_id : str
        File name, with extension.
    label : str
        The class, decided by what was drawn.
    metadata : dict
        The further columns of the label table.
    pixels : ndarray of uint8, shape (side, side) or (side, side, 3)
        Grey levels, or red, green and blue.
    masks : dict of ndarray of uint8, shape (side, side)
        Folder of the mask (``masks``: visible defects; ``objects``: the object) and the mask, 0 or 255.
    """

    image_id: str
    label: str
    metadata: dict[str, str | int | float]
    pixels: np.ndarray
    masks: dict[str, np.ndarray]


def smooth_noise(rng: np.random.Generator, side: int, cells: float) -> np.ndarray:
    """Smooth random field of about zero mean and unit variance.

    Parameters
    ----------
    rng : numpy Generator
    side : int
        Height and width [px].
    cells : float
        Number of bumps along a side.

    Returns
    -------
    ndarray of float32, shape (side, side)
    """
    knots = max(2, round(cells))
    coarse = rng.standard_normal((knots + 3, knots + 3), dtype=np.float32)
    window = np.array([[knots / side, 0, 1], [0, knots / side, 1]], np.float32)
    field = cv2.warpAffine(coarse, window, (side, side), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
    return field * np.float32(1.35)
