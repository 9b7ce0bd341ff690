"""The colours that a view can work in: the first operation of every view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradewise.config.views import Colour, operation

if TYPE_CHECKING:
    import numpy as np


@operation
class Grey(Colour):
    """One channel: luma according to ITU-R BT.601."""

    key = "grey"
    channels = 1

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        import cv2

        return (pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))[..., None]

    def in_words(self) -> str:
        return "grey"


@operation
class Rgb(Colour):
    """Three channels; equal ones for a grey image."""

    key = "rgb"
    channels = 3

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        return pixels[..., None].repeat(3, axis=2) if pixels.ndim == 2 else pixels

    def in_words(self) -> str:
        return "colour"
