"""The polar transform of the mango report."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from gradewise.config.views import Transform, operation

if TYPE_CHECKING:
    import numpy as np


@operation
class Polar(Transform):
    """Centre to top, angle from left to right, as in section 2.3 of the mango report.

    Rows are distances from the centre, from 0 to the half diagonal; columns are angles, clockwise on the screen from
    the right. An object in the middle fills the upper part, so cropping the lower half off keeps it. What lies outside
    the image is black. The same sampling as `skimage.transform.warp_polar`, transposed.
    """

    key = "polar"
    effect = "part"
    needs_fixed_size = True

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """Warp through a map that is computed once for each size."""
        import cv2

        across, down = _polar_map(*pixels.shape[:2])
        out = cv2.remap(pixels, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        return out.reshape(pixels.shape)

    def in_words(self) -> str:
        """Name the transform."""
        return "turned into polar coordinates"


@cache
def _polar_map(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Column and row of the image that each pixel of the result shows."""
    import numpy as np

    radius = np.hypot(height, width) / 2
    distance = (np.arange(height) * (radius / height))[:, None]
    angle = (np.arange(width) * (2 * np.pi / width))[None, :]
    across = width / 2 - 0.5 + distance * np.cos(angle)
    down = height / 2 - 0.5 + distance * np.sin(angle)
    return across.astype(np.float32), down.astype(np.float32)
