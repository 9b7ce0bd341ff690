"""Rows of pixels as bytes; rotations and flips of a sample are read from its own pixels instead of being stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gradewise import symmetry

SAMPLES = 64


@dataclass(frozen=True)
class ByteRows:
    """Training rows of a forest that are many enough to stay bytes, see `rows.LARGE`.

    Attributes
    ----------
    columns : ndarray of uint8, shape (pixels, n)
        Pixel after pixel of all samples, for trees read column by column.
    turns : ndarray of int32, shape (versions, features)
        The pixel that each feature of a version of a sample is. The versions of a sample are consecutive rows.
    """

    columns: np.ndarray
    turns: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and features."""
        return self.columns.shape[1] * len(self.turns), self.turns.shape[1]

    def __len__(self) -> int:
        return self.shape[0]

    def keep(self, features: np.ndarray | slice) -> ByteRows:
        """The same rows with some of the features."""
        return replace(self, turns=np.ascontiguousarray(self.turns[:, features]))


def byte_rows(pixels: np.ndarray, positions: np.ndarray, elements: Sequence[int]) -> ByteRows:
    """Rows of some samples.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (all samples, height, width, channels)
    positions : ndarray of int, shape (n,)
    elements : sequence of int
        Rotations and flips of each sample, see `symmetry.elements`.
    """
    height, width, channels = pixels.shape[1:]
    columns = np.empty((height * width * channels, len(positions)), np.uint8)
    for start in range(0, len(positions), SAMPLES):
        part = positions[start : start + SAMPLES]
        columns[:, start : start + len(part)] = pixels[part].reshape(len(part), -1).T
    places = np.stack([symmetry.permutation(element, height, width) for element in elements])
    turns = places[:, :, None] * channels + np.arange(channels)
    return ByteRows(columns, turns.reshape(len(elements), -1).astype(np.int32))
