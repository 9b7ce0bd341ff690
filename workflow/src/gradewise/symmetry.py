"""The eight rotations and flips of a square (the dihedral group D4) as index permutations of its pixels.

Applying an element moves pixels and never resamples, so it is exact, and the eight images of one sample are as
valid as the sample itself wherever orientation carries no meaning.
"""

from __future__ import annotations

import numpy as np

ORDER = 8


def permutations(side: int) -> np.ndarray:
    """Pixel permutations of the eight elements.

    Parameters
    ----------
    side : int
        Side of the square in pixels.

    Returns
    -------
    ndarray of int64, shape (8, side * side)
        ``flat[:, table[k]]`` applies element k to flattened squares. Element 0 is the identity, 1 to 3 are rotations
        by 90, 180 and 270 degrees counter-clockwise, 4 to 7 the same after a left-right flip.
    """
    grid = np.arange(side * side).reshape(side, side)
    return np.stack([np.rot90(start, turns).ravel() for start in (grid, grid[:, ::-1]) for turns in range(4)])


def orbit(pixels: np.ndarray) -> np.ndarray:
    """All eight rotations and flips of each sample.

    Parameters
    ----------
    pixels : ndarray, shape (n, side, side, channels)

    Returns
    -------
    ndarray, shape (n, 8, side, side, channels), same type
        Element 0 is the sample itself.

    Raises
    ------
    ValueError
        Where samples are not square.
    """
    n, height, width, channels = pixels.shape
    if height != width:
        raise ValueError(f"the eight rotations and flips need square samples, not {height} x {width}")
    flat = pixels.reshape(n, height * width, channels)
    return flat[:, permutations(height)].reshape(n, ORDER, height, width, channels)
