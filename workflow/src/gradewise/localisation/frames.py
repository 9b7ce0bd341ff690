"""The frame of a view: the part of an image that its tiles are cut from, on which maps are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradewise.config.views import Size, Transform, View
from gradewise.views.operations.tile import Tile


@dataclass(frozen=True)
class Frame:
    """Where a frame lies in its image.

    Attributes
    ----------
    height, width : int
        Of the frame [px].
    top, left : float
        Its corner in the image [px].
    scale_y, scale_x : float
        Pixels of the frame for one of the image.
    """

    height: int
    width: int
    top: float = 0.0
    left: float = 0.0
    scale_y: float = 1.0
    scale_x: float = 1.0


def frame_mask(mask: np.ndarray, view: View, bar_rows: int = 0) -> np.ndarray:
    """What a mask marks in the frame of its image, bool (height, width).

    Parameters
    ----------
    mask : ndarray of uint8, shape (height, width)
        Above 127 where marked.
    view : View
    bar_rows : int
        Height of the data bar of the image [px].
    """
    frame = view.above_bar(mask, bar_rows)[..., None]
    for operation in view.around_tiles[0]:
        if isinstance(operation, Transform) and operation.effect != "values":
            frame = operation.apply(np.ascontiguousarray(frame))
    return np.asarray(frame[..., 0] > 127)


def frame_of(size: Size, view: View, bar_rows: int = 0) -> Frame:
    """Where the frame of an image lies.

    Parameters
    ----------
    size : (int, int)
        Height and width of the image [px].
    view : View
        Must be `straight`.
    bar_rows : int
        Height of the data bar of the image [px].
    """
    current = (size[0] - bar_rows, size[1]) if view.cuts_data_bar else size
    corner, scale = np.zeros(2), np.ones(2)
    for operation in view.around_tiles[0]:
        middle = np.array(current) / 2
        moved = operation.move(np.array([middle, middle + 1]), current)
        assert moved is not None, "a straight view tells where it moves points"
        stretch = moved[1] - moved[0]
        # a point of the image at `p` lies at (p - corner) * scale in what the operations made so far
        corner = corner + (middle - moved[0] / stretch) / scale
        scale = scale * stretch
        after = operation.size_after(current)
        assert after is not None, "an operation knows its output's size from its input's"
        current = after
    return Frame(*current, *map(float, corner), *map(float, scale))


def window_of(view: View, frame: Frame) -> Size:
    """Height and width of what one sample shows of a frame [px]."""
    tiling = view.tiling
    if tiling is None:
        return frame.height, frame.width
    assert isinstance(tiling, Tile), "the only operation that tiles"
    return tiling.tile, tiling.tile


def window_starts(length: int, side: int, step: int) -> list[int]:
    """Where windows begin along an axis; the last one ends with it."""
    return sorted({*range(0, length - side + 1, step), length - side})
