"""Lays what is known of the pixels of samples over the image that they show.

Operations of views say where they move points of an image (`Operation.move`), so a cell of an image is looked up in
each of its samples, however these were cut, stretched or bent.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradewise.config.views import Operation, Positions, Size, View
from gradewise.views.coverage import follow
from gradewise.views.operations.tile import Tile

CELLS = 64
"""Cells along the longer side of an image."""


def grid_of(size: Size) -> Size:
    """Rows and columns of square cells that cover an image of this height and width."""
    rows, columns = (max(1, round(CELLS * length / max(size))) for length in size)
    return rows, columns


def lay_over(
    weights: Sequence[np.ndarray], positions: Positions, view: View, size: Size, bar_rows: int = 0
) -> np.ndarray | Operation:
    """The weights of samples over their image, the mean where several samples show a cell.

    Parameters
    ----------
    weights : sequence of ndarray of float, shape (height, width)
        Of the pixels of each sample.
    positions : list of (row, column)
        Of the samples in the grid of tiles.
    view : View
        Which made the samples.
    size : (int, int)
        Height and width of the image [px].
    bar_rows : int
        Height of its data bar [px].

    Returns
    -------
    ndarray of float32, shape (rows, columns), or Operation
        See `grid_of`; NaN where no sample shows the image. The first operation that does not tell where it moves
        points, if there is one.
    """
    rows, columns = grid_of(size)
    points = (np.indices((rows, columns)).reshape(2, -1).T + 0.5) * size / [rows, columns]
    current = (size[0] - bar_rows, size[1]) if view.cuts_data_bar else size
    points = np.where(points[:, :1] < current[0], points, np.nan)
    before, after = view.around_tiles
    for operation in before:
        moved = follow(operation, points, current)
        if moved is None:
            return operation
        points, current = moved
    total, shown = np.zeros(len(points)), np.zeros(len(points))
    for sample, position in zip(weights, positions, strict=True):
        inside, side = _in_tile(points, current, view, position)
        for operation in after:
            moved = follow(operation, inside, side)
            if moved is None:
                return operation
            inside, side = moved
        seen = np.isfinite(inside).all(axis=1)
        row, column = inside[seen].astype(np.intp).T
        total[seen] += sample[row, column]
        shown[seen] += 1
    mean = np.divide(total, shown, out=np.full(len(points), np.nan), where=shown > 0)
    return np.asarray(mean.reshape(rows, columns).astype(np.float32))


def _in_tile(points: np.ndarray, size: Size, view: View, position: tuple[int, int]) -> tuple[np.ndarray, Size]:
    """Where a tile shows points, NaN elsewhere, and its size; without tiles all stays as it is."""
    tiling = view.tiling
    if tiling is None:
        return points, size
    assert isinstance(tiling, Tile), "the only operation that tiles"
    inside = points - np.array(position) * tiling.step
    shown = ((inside >= 0) & (inside < tiling.tile)).all(axis=1)
    return np.where(shown[:, None], inside, np.nan), tiling.need
