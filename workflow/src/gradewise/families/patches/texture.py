"""Features of the texture around a place: energies of steerable filters at several scales, in windows.

The filters are first and second derivatives of Gaussians, from which energies in any direction follow (Freeman and
Adelson 1991, IEEE Transactions on Pattern Analysis 13:891). As in the structural texture similarity of Zujovic, Pappas
and Neuhoff (2013, IEEE Transactions on Image Processing 22:2545), a window is described by statistics of each band,
here by some that hardly depend on the direction of edges. Correlations of a band with itself some pixels further, which
that measure has as well, made maps worse.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from gradewise.families.patches.describers import padded, to_grey

SCALES = (1.0, 2.0, 4.0)
"""Standard deviations of the Gaussians [px]."""

WINDOW = 6.0
"""Standard deviation of the window in which statistics are taken [px]."""

LOW = 1e-5
"""Added to energies before their logarithm: they are squares of grey levels in 0..1."""

BY_SCALE, OVERALL = 7, 2
"""Features of each scale, and of the window."""


@dataclass(frozen=True)
class Texture:
    """Describes textures; nothing is learnt.

    Attributes
    ----------
    stride : int
        Distance of neighbouring places [px].
    """

    stride: int

    @property
    def length(self) -> int:
        """Number of features."""
        return BY_SCALE * len(SCALES) + OVERALL

    @property
    def reach(self) -> int:
        """How far pixels change features [px]: three standard deviations of window and filter."""
        return int(3 * (WINDOW + max(SCALES))) + 3 * int(max(SCALES))

    @property
    def in_words(self) -> str:
        """What describes a patch."""
        return f"texture, filters of {', '.join(f'{scale:g}' for scale in SCALES)} px"

    @property
    def tensors(self) -> dict[str, np.ndarray]:
        """Nothing."""
        return {}

    def describe(self, pixels: np.ndarray) -> np.ndarray:
        """Features, float32 (rows, columns, length)."""
        grey = padded(to_grey(pixels), self.reach, self.stride)
        mean = self._windowed(grey)
        variance = np.maximum(self._windowed(grey * grey) - mean * mean, 0)
        features = [mean, np.log(variance + LOW)]
        for scale in SCALES:
            features += self._of_band(grey, scale)
        return np.stack(features, axis=2).astype(np.float32)

    def _of_band(self, grey: np.ndarray, scale: float) -> Iterator[np.ndarray]:
        smooth = cv2.GaussianBlur(grey, (0, 0), scale, borderType=cv2.BORDER_REFLECT_101)
        right, down = _derivative(smooth, 1, scale), _derivative(smooth, 0, scale)
        horizontal, vertical, mixed = (self._windowed(band) for band in (right**2, down**2, right * down))
        energy = horizontal + vertical
        yield np.log(energy + LOW)
        # 1 where all edges run in one direction, 0 where they run in all
        yield np.sqrt((horizontal - vertical) ** 2 + 4 * mixed**2) / (energy + LOW)
        yield np.log(self._windowed(np.sqrt(right**2 + down**2)) + LOW)
        twice_right, twice_down = _derivative(right, 1, scale), _derivative(down, 0, scale)
        laplacian = twice_right + twice_down
        yield np.log(self._windowed(laplacian**2) + LOW)
        yield np.log(self._windowed(twice_right**2 + twice_down**2 + 2 * _derivative(right, 0, scale) ** 2) + LOW)
        yield self._windowed(laplacian)
        yield np.log(self._windowed(np.abs(laplacian)) + LOW)

    def _windowed(self, band: np.ndarray) -> np.ndarray:
        """Weighted mean of a padded band in the window around each place."""
        mean = cv2.GaussianBlur(band, (0, 0), WINDOW, borderType=cv2.BORDER_REFLECT_101)
        inside = slice(self.reach + self.stride // 2, -self.reach, self.stride)
        return mean[inside, inside]


def _derivative(band: np.ndarray, axis: int, scale: float) -> np.ndarray:
    """Central difference along an axis, in units of the scale."""
    kernel = np.array([[-0.5, 0, 0.5]], np.float32) * np.float32(scale)
    return cv2.filter2D(band, -1, kernel if axis == 1 else kernel.T, borderType=cv2.BORDER_REFLECT_101)
