"""Crops: one part of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from gradewise.config.section import Section
from gradewise.config.views import Size, Transform, operation

if TYPE_CHECKING:
    import numpy as np


@operation
class CentreCrop(Transform):
    """Cut a square from the middle."""

    key = "centre_crop"
    effect = "part"

    centre_crop: int = Field(ge=8, le=4096, description="side [px]", examples=[224])

    @property
    def need(self) -> Size:
        return (self.centre_crop, self.centre_crop)

    def size_after(self, size: Size | None) -> Size:
        return self.need

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        side = self.centre_crop
        top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
        return pixels[top : top + side, left : left + side]

    def move(self, points: np.ndarray, size: Size) -> np.ndarray:
        return points - [(length - self.centre_crop) // 2 for length in size]

    def in_words(self) -> str:
        return f"middle {self.centre_crop} x {self.centre_crop} px"


class Box(Section):
    """A rectangle in pixels, from the top left corner."""

    top: int = Field(ge=0)
    left: int = Field(ge=0)
    height: int = Field(ge=1)
    width: int = Field(ge=1)


@operation
class Crop(Transform):
    """Cut a rectangle."""

    key = "crop"
    effect = "part"

    crop: Box = Field(examples=[{"top": 0, "left": 0, "height": 96, "width": 192}])

    @property
    def need(self) -> Size:
        return (self.crop.top + self.crop.height, self.crop.left + self.crop.width)

    def size_after(self, size: Size | None) -> Size:
        return (self.crop.height, self.crop.width)

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        return pixels[self.crop.top : self.need[0], self.crop.left : self.need[1]]

    def move(self, points: np.ndarray, size: Size) -> np.ndarray:
        return points - [self.crop.top, self.crop.left]

    def in_words(self) -> str:
        return f"cut to {self.crop.width} x {self.crop.height} px at ({self.crop.left}, {self.crop.top})"
