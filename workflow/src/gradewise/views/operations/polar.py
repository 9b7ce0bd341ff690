"""The polar transform of the mango report."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from gradewise.config.views import Size, Transform, operation

if TYPE_CHECKING:
    import numpy as np


@operation
class Polar(Transform):
    """Transform to polar coordinates, as in section 2.3 of the mango report.

    Rows are distances from the centre, from 0 at the top to half the diagonal; columns are angles, clockwise on the
    screen from the right. An object in the middle fills the upper part, so it remains when the lower half is cropped
    off. What lies outside the image is black. The sampling is that of `skimage.transform.warp_polar`, transposed.
    """

    key = "polar"
    effect = "part"
    needs_fixed_size = True

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        import cv2

        columns, rows = _polar_map(*pixels.shape[:2])
        warped = cv2.remap(pixels, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        return warped.reshape(pixels.shape)

    def move(self, points: np.ndarray, size: Size) -> np.ndarray:
        import numpy as np

        rows, columns = (points - np.array(size) / 2).T
        distance, angle = np.hypot(rows, columns), np.arctan2(rows, columns) % (2 * np.pi)
        height, width = size
        return np.stack([distance * height / (np.hypot(height, width) / 2), angle * width / (2 * np.pi)], axis=1)

    def in_words(self) -> str:
        return "turned into polar coordinates"


@cache
def _polar_map(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Column and row of the image that each pixel of the result shows, computed once per size."""
    import numpy as np

    radius = np.hypot(height, width) / 2
    distance = (np.arange(height) * (radius / height))[:, None]
    angle = (np.arange(width) * (2 * np.pi / width))[None, :]
    columns = width / 2 - 0.5 + distance * np.cos(angle)
    rows = height / 2 - 0.5 + distance * np.sin(angle)
    return columns.astype(np.float32), rows.astype(np.float32)
