"""Crops: one part of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Discriminator, Field, Tag

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


class BelowDataBar(Section):
    """The data bar that microscopes draw below an image, with text and a scale."""

    below_data_bar: Literal[True] = Field(
        description="cut off the rows of the data bar, as many as the microscope stored, or else as are found in the "
        "pixels; images without a data bar stay as they are"
    )


def _branch(section: object) -> str:
    """Which of the two forms a section means, so that only its faults are told."""
    keys = section if isinstance(section, dict) else type(section).model_fields if isinstance(section, Section) else ()
    return "BelowDataBar" if any(str(key).startswith("below") for key in keys) else "Box"


@operation
class Crop(Transform):
    """Cut a rectangle, or cut the data bar off."""

    key = "crop"
    effect = "part"

    crop: Annotated[
        Annotated[Box, Tag("Box")] | Annotated[BelowDataBar, Tag("BelowDataBar")], Discriminator(_branch)
    ] = Field(examples=[{"top": 0, "left": 0, "height": 96, "width": 192}, {"below_data_bar": True}])

    @property
    def cuts_data_bar(self) -> bool:
        return isinstance(self.crop, BelowDataBar)

    @property
    def need(self) -> Size:
        if isinstance(self.crop, BelowDataBar):
            return (1, 1)
        return (self.crop.top + self.crop.height, self.crop.left + self.crop.width)

    def size_after(self, size: Size | None) -> Size | None:
        return size if isinstance(self.crop, BelowDataBar) else (self.crop.height, self.crop.width)

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        if isinstance(self.crop, BelowDataBar):
            # the bar, whose height depends on the image, is already cut off
            return pixels
        return pixels[self.crop.top : self.need[0], self.crop.left : self.need[1]]

    def move(self, points: np.ndarray, size: Size) -> np.ndarray:
        return points if isinstance(self.crop, BelowDataBar) else points - [self.crop.top, self.crop.left]

    def in_words(self) -> str:
        if isinstance(self.crop, BelowDataBar):
            return "data bar cut off"
        return f"cut to {self.crop.width} x {self.crop.height} px at ({self.crop.left}, {self.crop.top})"
