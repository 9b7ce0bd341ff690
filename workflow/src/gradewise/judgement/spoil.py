"""Bad photos, made from good ones: what a mistake at the camera or microscope does to an image."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

BLUR = 0.01
"""Standard deviation of the blur, as a share of the smaller side of the image."""

LIGHT = 0.4
"""Grey levels of a dark image, as a share of what they were."""


def blurred(pixels: np.ndarray) -> np.ndarray:
    """Out of focus."""
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), max(0.5, BLUR * min(pixels.shape[:2]))))


def dark(pixels: np.ndarray) -> np.ndarray:
    """Underexposed."""
    return (LIGHT * pixels).astype(np.uint8)


def cropped(pixels: np.ndarray) -> np.ndarray:
    """Only the middle half of either side."""
    height, width = pixels.shape[:2]
    return pixels[height // 4 : height - height // 4, width // 4 : width - width // 4]


def turned(pixels: np.ndarray) -> np.ndarray:
    """Turned by 90 degrees."""
    return np.rot90(pixels)


KINDS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "blurred": blurred,
    "dark": dark,
    "cropped": cropped,
    "turned": turned,
}
"""Each takes and gives uint8 pixels of shape (height, width) or (height, width, 3)."""
