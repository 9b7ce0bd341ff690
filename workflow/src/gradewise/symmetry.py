"""The eight rotations and flips of a square (the dihedral group D4) as index permutations of its pixels.

Applying an element moves pixels without resampling, so it is exact. Where orientation carries no meaning, the eight
versions of a sample are equally valid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np

from gradewise.config.symmetries import Symmetry

ORDER = 8

NAMES: tuple[str, ...] = get_args(Symmetry)
"""Names of the elements, in the order of `permutations`."""

SETS = {"none": (0,), "flip": (0, 4), "rotate": (0, 1, 2, 3), "d4": tuple(range(ORDER))}
"""Elements that each value of `augment` stands for."""


def elements(augment: str | Sequence[str]) -> tuple[int, ...]:
    """Elements of an `augment` setting in ascending order, each as often as it is listed.

    Parameters
    ----------
    augment : str or sequence of str
        `none`, `flip`, `rotate` or `d4`, or names of elements.
    """
    if isinstance(augment, str):
        return SETS[augment]
    return tuple(sorted(NAMES.index(name) for name in augment))


def turns_sideways(element: int) -> bool:
    """Whether an element exchanges height and width, as rotations by 90 and 270 degrees do."""
    return element % 2 == 1


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
    return np.stack([permutation(element, side, side) for element in range(ORDER)])


def permutation(element: int, height: int, width: int) -> np.ndarray:
    """Pixel permutation of one element on rectangles, shape (height * width,); see `permutations`."""
    grid = np.arange(height * width).reshape(height, width)
    return np.rot90(grid[:, ::-1] if element >= 4 else grid, element % 4).ravel()


def orbit(pixels: np.ndarray, which: Sequence[int] = SETS["d4"]) -> np.ndarray:
    """Rotations and flips of each sample.

    Parameters
    ----------
    pixels : ndarray, shape (n, height, width, channels)
    which : sequence of int
        Elements in the order of the result; all eight by default.

    Returns
    -------
    ndarray, shape (n, len(which), height, width, channels), same dtype
        Element 0 is the sample itself.

    Raises
    ------
    ValueError
        If samples are not square and an element rotates them by 90 or 270 degrees.
    """
    n, height, width, channels = pixels.shape
    sideways = [NAMES[element] for element in which if turns_sideways(element)]
    if height != width and sideways:
        raise ValueError(f"{', '.join(dict.fromkeys(sideways))} need square samples, not {height} x {width}")
    flat = pixels.reshape(n, height * width, channels)
    table = np.stack([permutation(element, height, width) for element in which])
    return flat[:, table].reshape(n, len(which), height, width, channels)
