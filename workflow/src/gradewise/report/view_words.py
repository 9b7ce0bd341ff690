"""What a view does, in words."""

from __future__ import annotations

from gradewise.config import CentreCrop, Crop, Operation, Resize, View

_KEPT = {"all": "all kept", "typical": "the most typical one kept", "centre": "the middle one kept"}
_WORDS = {"grey": "grey", "rgb": "colour", "polar": "turned into polar coordinates"}


def describe(view: View) -> str:
    """The operations of a view in words: 'colour, resized to 256 x 256 px, middle 224 x 224 px'."""
    return ", ".join(_one(operation) for operation in view.operations)


def _one(operation: Operation) -> str:
    if isinstance(operation, str):
        return _WORDS[operation]
    if isinstance(operation, Resize):
        height, width = operation.size
        return f"resized to {width} x {height} px"
    if isinstance(operation, CentreCrop):
        return f"middle {operation.centre_crop} x {operation.centre_crop} px"
    if isinstance(operation, Crop):
        box = operation.crop
        return f"cut to {box.width} x {box.height} px at ({box.left}, {box.top})"
    kept = _KEPT.get(operation.keep, f"{operation.count} kept at random")
    return f"tiles of {operation.tile} x {operation.tile} px, {kept}"
