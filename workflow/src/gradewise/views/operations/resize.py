"""Resampling to a fixed size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from gradewise.config.views import Size, Transform, operation

if TYPE_CHECKING:
    import numpy as np


@operation
class Resize(Transform):
    """Resample to a fixed size; a single number gives a square and does not preserve the aspect ratio."""

    key = "resize"
    effect = "size"

    resize: Annotated[int, Field(ge=8, le=4096)] | tuple[int, int] = Field(
        description="side, or (height, width) [px]", examples=[128]
    )

    @property
    def size(self) -> Size:
        """Height and width in pixels."""
        return (self.resize, self.resize) if isinstance(self.resize, int) else self.resize

    def size_after(self, size: Size | None) -> Size:
        return self.size

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        import cv2

        height, width = self.size
        shrinks = height < pixels.shape[0] or width < pixels.shape[1]
        # Where a side shrinks, pixel areas are averaged to avoid aliasing.
        resized = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        return resized.reshape(height, width, pixels.shape[2])

    def in_words(self) -> str:
        height, width = self.size
        return f"resized to {width} x {height} px"
