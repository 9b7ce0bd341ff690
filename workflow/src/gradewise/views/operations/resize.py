"""Resampling to a fixed size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Discriminator, Field, Tag

from gradewise.config.section import Section
from gradewise.config.views import Size, Transform, operation

if TYPE_CHECKING:
    import numpy as np

Side = Annotated[int, Field(ge=8, le=4096)]


class Square(Section):
    """A square in which images keep their proportions."""

    side: Side = Field(description="[px]")
    keep_aspect: Literal["pad", "crop"] = Field(
        description="pad: the whole image, whose reflection fills the margins; crop: its middle square"
    )


def _form(value: object) -> str:
    """Which form of the setting a value has; the name of a branch of the union."""
    if isinstance(value, dict | Square):
        return "Square"
    return "tuple" if isinstance(value, list | tuple) else "int"


@operation
class Resize(Transform):
    """Resample to a fixed size; without `keep_aspect` images are stretched to it.

    The margins of `pad` are a reflection of the image. Bands of one colour would show at a glance how narrow an image
    is, which can become a mark of a class (`bench/margins.txt`), and in masks they would mean nothing. A reflection
    repeats what lies at the long edges; where things are counted, `crop` is the better choice.
    """

    key = "resize"
    effect = "size"

    resize: Annotated[
        Annotated[Side, Tag("int")] | Annotated[tuple[int, int], Tag("tuple")] | Annotated[Square, Tag("Square")],
        Discriminator(_form),
    ] = Field(
        description="side of a square or (height, width), to which images are stretched [px]; or a square in which "
        "they keep their proportions",
        examples=[128],
    )

    @property
    def shows_all(self) -> bool:
        return not isinstance(self.resize, Square) or self.resize.keep_aspect == "pad"

    @property
    def size(self) -> Size:
        """Height and width in pixels."""
        if isinstance(self.resize, Square):
            return (self.resize.side, self.resize.side)
        return (self.resize, self.resize) if isinstance(self.resize, int) else self.resize

    def size_after(self, size: Size | None) -> Size:
        return self.size

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        import cv2

        size, (height, width) = self.size, pixels.shape[:2]
        if not isinstance(self.resize, Square):
            return _resample(pixels, size)
        if self.resize.keep_aspect == "crop":
            top, left, side = _middle_square((height, width))
            return _resample(pixels[top : top + side, left : left + side], size)
        fitted = _fitted((height, width), self.resize.side)
        top, left = (size[0] - fitted[0]) // 2, (size[1] - fitted[1]) // 2
        bottom, right = size[0] - fitted[0] - top, size[1] - fitted[1] - left
        padded = cv2.copyMakeBorder(_resample(pixels, fitted), top, bottom, left, right, cv2.BORDER_REFLECT)
        return padded.reshape(*size, pixels.shape[2])

    def move(self, points: np.ndarray, size: Size) -> np.ndarray:
        import numpy as np

        if not isinstance(self.resize, Square):
            return points * np.divide(self.size, size)
        if self.resize.keep_aspect == "crop":
            top, left, side = _middle_square(size)
            return (points - [top, left]) * self.resize.side / side
        fitted = np.array(_fitted(size, self.resize.side))
        # to within half a pixel, by which `_fitted` rounds
        return np.asarray(points * self.resize.side / max(size) + (self.size - fitted) // 2)

    def in_words(self) -> str:
        height, width = self.size
        if not isinstance(self.resize, Square):
            return f"resized to {width} x {height} px"
        if self.resize.keep_aspect == "crop":
            return f"middle square resized to {width} x {height} px"
        return f"fitted into {width} x {height} px with reflected margins"


def _middle_square(size: Size) -> tuple[int, int, int]:
    """Top, left and side."""
    height, width = size
    side = min(size)
    return (height - side) // 2, (width - side) // 2, side


def _fitted(size: Size, side: int) -> Size:
    """The largest size of the same proportions within a square."""
    longest = max(size)
    height, width = (max(1, round(side * length / longest)) for length in size)
    return (height, width)


def _resample(pixels: np.ndarray, size: Size) -> np.ndarray:
    import cv2

    height, width = size
    shrinks = height < pixels.shape[0] or width < pixels.shape[1]
    # Where a side shrinks, pixel areas are averaged to avoid aliasing.
    resized = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return resized.reshape(height, width, pixels.shape[2])
