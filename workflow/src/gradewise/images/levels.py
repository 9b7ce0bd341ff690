"""Brings pixels of all kinds of numbers to grey levels of 8 or 16 bits, by rules that are the same for a whole dataset.

Nothing depends on the values of one image, so that grey levels of two images are comparable; what a rule does not cover
is refused.
"""

from __future__ import annotations

import numpy as np

from gradewise.images.files import UnreadableError
from gradewise.images.strips import strips

DEEPEST = 2**16 - 1
"""The highest level of 16 bits."""


def to_levels(numbers: np.ndarray, grey_range: tuple[float, float] | None) -> np.ndarray:
    """Grey levels of numbers as they are stored in a file.

    Parameters
    ----------
    numbers : ndarray
        Unsigned integers of at most 16 bits are levels already. Others are levels from black to white in `grey_range`;
        without it, floating-point numbers go from 0 to 1, and integers from 0 to 65535.
    grey_range : tuple of float and float, or None
        The numbers of black and of white; numbers beyond become black or white.

    Returns
    -------
    ndarray of uint8 or uint16, same shape

    Raises
    ------
    UnreadableError
        If some numbers are not finite, or beyond what is a level without `grey_range`.
    """
    if numbers.dtype.kind == "u" and numbers.dtype.itemsize <= 2:
        return np.asarray(numbers, dtype=np.dtype(f"u{numbers.dtype.itemsize}"))
    is_float = numbers.dtype.kind == "f"
    lowest, highest = (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 0.0)
    if not np.isfinite([lowest, highest]).all():
        raise UnreadableError("some of its pixels are infinite or not a number (NaN); save it with finite values")
    low, high = grey_range or (0.0, 1.0 if is_float else float(DEEPEST))
    if grey_range is None and (lowest < low or highest > high):
        kind = "floating-point numbers" if is_float else "integers"
        raise UnreadableError(
            f"its pixels are {kind} from {lowest:g} to {highest:g}, of which only {low:g} to {high:g} are known as "
            "grey levels; set grey_range: [black, white] of the dataset, or convert to 8 or 16 bits"
        )
    if grey_range is None and not is_float:
        return numbers.astype(np.uint16)
    exact = np.float32 if is_float and numbers.itemsize <= 4 else np.float64
    levels = np.empty(numbers.shape, np.uint16)
    for rows in strips(*numbers.shape[:2]):
        scaled = np.subtract(numbers[rows], low, dtype=exact)
        scaled *= DEEPEST / (high - low)
        levels[rows] = np.clip(np.rint(scaled), 0, DEEPEST)
    return levels


def without_alpha(numbers: np.ndarray, opaque: float) -> np.ndarray:
    """Pixels without their alpha channel, if all are opaque.

    Parameters
    ----------
    numbers : ndarray, shape (height, width, 2) or (height, width, 4)
        The last channel is alpha.
    opaque : float
        Alpha of an opaque pixel.

    Raises
    ------
    UnreadableError
        If a pixel is transparent: white laid under it would count as depth.
    """
    if (numbers[..., -1] < opaque).any():
        bits = 8 * numbers.itemsize
        raise UnreadableError(f"transparent pixels of {bits} bits; save the image without transparency")
    return numbers[..., 0] if numbers.shape[2] == 2 else numbers[..., :3]
