"""Turns images upright as their orientation tag (EXIF, TIFF) says."""

from __future__ import annotations

import numpy as np
from PIL import ExifTags, Image

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes an image upright, by its orientation."""

MIRRORED, UPSIDE_DOWN, ON_ITS_SIDE = (2, 3, 6, 7), (3, 4, 7, 8), (5, 6, 7, 8)
"""Orientations in which, once an image that lies on its side is transposed, columns or rows are in reverse order."""


def orientation_of(image: Image.Image) -> int:
    """Orientation of a loaded image; damaged EXIF counts as none."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:
        return 1
    return orientation if isinstance(orientation, int) and orientation in TURNS else 1


def upright(image: Image.Image) -> Image.Image:
    """Load an image and turn it upright."""
    image.load()
    orientation = orientation_of(image)
    return image.transpose(TURNS[orientation]) if orientation in TURNS else image


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Pixels, shape (height, width) or (height, width, channels), turned upright."""
    if orientation in ON_ITS_SIDE:
        pixels = pixels.swapaxes(0, 1)
    if orientation in MIRRORED:
        pixels = pixels[:, ::-1]
    return pixels[::-1] if orientation in UPSIDE_DOWN else pixels
