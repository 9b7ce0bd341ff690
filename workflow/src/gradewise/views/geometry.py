"""Sizes that follow from a view's operations alone, without pixels."""

from __future__ import annotations

from gradewise.config import CentreCrop, Crop, Resize, Tile, View


def sample_shape(view: View) -> tuple[int, int, int]:
    """Height, width and channels of a view's samples.

    Raises
    ------
    ValueError
        Where an operation cuts more than the ones before it leave.
    """
    size: tuple[int, int] | None = None
    for operation in view.operations:
        if isinstance(operation, Resize):
            size = operation.size
        elif isinstance(operation, CentreCrop | Crop | Tile):
            need = _reach(operation)
            if size is not None and (need[0] > size[0] or need[1] > size[1]):
                raise ValueError(f"{operation!r} needs {need[0]} x {need[1]} pixels of {size[0]} x {size[1]}")
            size = (operation.crop.height, operation.crop.width) if isinstance(operation, Crop) else need
    assert size is not None, "View guarantees a fixed size"
    return (*size, 1 if view.operations[0] == "grey" else 3)


def minimum_side(view: View) -> int:
    """Smallest image side that the view can work with [px]: what it cuts before anything fixes the size."""
    for operation in view.operations:
        if isinstance(operation, Resize):
            return 1
        if isinstance(operation, CentreCrop | Crop | Tile):
            return max(_reach(operation))
    return 1


def _reach(operation: CentreCrop | Crop | Tile) -> tuple[int, int]:
    """Height and width that an image needs for a cut."""
    if isinstance(operation, CentreCrop):
        return operation.centre_crop, operation.centre_crop
    if isinstance(operation, Tile):
        return operation.tile, operation.tile
    box = operation.crop
    return box.top + box.height, box.left + box.width
