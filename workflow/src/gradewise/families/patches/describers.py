"""What all descriptions of patches have in common.

A description turns a sample into features at places, one in the middle of each square of `stride` x `stride` px.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from gradewise.families.stored import Tensors


class Describer(Protocol):
    """Computes features of patches."""

    @property
    def stride(self) -> int:
        """Distance of neighbouring places [px]."""
        ...

    @property
    def length(self) -> int:
        """Number of features."""
        ...

    @property
    def reach(self) -> int:
        """How far from the middle of a place pixels change its features [px]."""
        ...

    @property
    def in_words(self) -> str:
        """What describes a patch, for people."""
        ...

    @property
    def tensors(self) -> dict[str, np.ndarray]:
        """What was learnt, by name; empty if nothing was."""
        ...

    def describe(self, pixels: np.ndarray) -> np.ndarray:
        """Features of a sample.

        Parameters
        ----------
        pixels : ndarray of uint8, shape (height, width, channels)

        Returns
        -------
        ndarray of float32, shape (ceil(height / stride), ceil(width / stride), length)
        """
        ...


def places(length: int, stride: int) -> int:
    """Number of places along a side."""
    return -(-length // stride)


def to_grey(pixels: np.ndarray) -> np.ndarray:
    """Mean of the channels in 0..1, float32 (height, width)."""
    return np.asarray(pixels.mean(axis=2, dtype=np.float32) / np.float32(255))


def padded(pixels: np.ndarray, margin: int, stride: int) -> np.ndarray:
    """Pixels with their reflection around them: `margin` px, and at the bottom and right up to a whole place."""
    height, width = pixels.shape[:2]
    widths = [(margin, margin + places(side, stride) * stride - side) for side in (height, width)]
    return np.pad(pixels, widths + [(0, 0)] * (pixels.ndim - 2), mode="reflect" if min(height, width) > 1 else "edge")


def prefixed(prefix: str, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Tensors under longer names."""
    return {f"{prefix}.{name}": values for name, values in tensors.items()}


def without_prefix(prefix: str, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Tensors whose names begin with a prefix, under the rest of their names."""
    start = f"{prefix}."
    return {name.removeprefix(start): values for name, values in tensors.items() if name.startswith(start)}


def expected_under(prefix: str, expected: Tensors) -> Tensors:
    """What is expected of tensors, under longer names."""
    return {f"{prefix}.{name}": kind for name, kind in expected.items()}
