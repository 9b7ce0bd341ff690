"""The rows that a forest is grown on: features of training samples with the requested rotations and flips."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from sklearn.utils import gen_batches

from gradewise import command, symmetry
from gradewise.families.forest.bootstrap import Bags, bags_of_groups, bags_of_rows
from gradewise.families.forest.byte_rows import ByteRows, byte_rows

LARGE = 2**23
"""Pixels of all rows from which on they stay bytes, and trees are grown by `byte_trees` instead of scikit-learn. A
hundred trees on fewer take scikit-learn a few seconds, and `byte_trees` takes as long to be compiled when it is first
used."""


class Projection(Protocol):
    """Turns samples into features."""

    def project(self, pixels: np.ndarray) -> np.ndarray:
        """Features, float32, shape (n, k), of uint8 samples (n, height, width, channels)."""
        ...


@dataclass(frozen=True)
class AllPixels:
    """All pixels, unchanged."""

    def project(self, pixels: np.ndarray) -> np.ndarray:
        """Values 0..255, float32, shape (n, d), of uint8 samples (n, height, width, channels)."""
        return pixels.reshape(len(pixels), -1).astype(np.float32)


@dataclass(frozen=True)
class TrainingRows:
    """The rows that a forest is grown on.

    Attributes
    ----------
    X : ndarray of float32 or ByteRows, shape (n, features)
        The versions of a sample are consecutive, in the order of the elements.
    y : ndarray of int64, shape (n,)
    groups : ndarray of int64, shape (n,)
        From 0.
    elements : tuple of int
        Rotations and flips of each sample, ascending; see `symmetry.elements`.
    repeated : int
        Rows whose pixels equal those of an earlier row, byte for byte.
    """

    X: np.ndarray | ByteRows
    y: np.ndarray
    groups: np.ndarray
    elements: tuple[int, ...]
    repeated: int

    def bags(self, unit: str) -> Bags:
        """What trees draw: single rows (`rows`) or whole groups, the same share of each class (`groups`)."""
        return bags_of_groups(self.groups, self.y) if unit == "groups" else bags_of_rows(len(self.X))

    def keep(self, features: np.ndarray | slice) -> TrainingRows:
        """The same rows with some of the features, by their positions."""
        return replace(self, X=self.X.keep(features) if isinstance(self.X, ByteRows) else self.X[:, features])

    @property
    def unaugmented(self) -> slice:
        """The rows of the original samples, once each; none if the identity is not among the elements."""
        return slice(None, None, len(self.elements)) if 0 in self.elements else slice(0)


def training_rows(
    pixels: np.ndarray,
    positions: np.ndarray,
    targets: np.ndarray,
    groups: np.ndarray,
    elements: tuple[int, ...],
    features: Projection,
) -> TrainingRows:
    """Features of training samples with the requested rotations and flips.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (all samples, height, width, channels)
    positions : ndarray of int, shape (n,)
        Positions of the training samples.
    targets, groups : ndarray of int64, shape (n,)
        Class and group of each training sample.
    elements : tuple of int
        From `symmetry.elements`.
    features : Projection
        Computes the forest's features from a sample.

    Raises
    ------
    UserError
        If samples that are not square are to be rotated by 90 or 270 degrees.
    """
    height, width = pixels.shape[1:3]
    if height != width and any(map(symmetry.turns_sideways, elements)):
        raise command.UserError(
            f"augment: rotations by 90 degrees need square samples, but those of this view are {height} x {width}; "
            "use a view that ends in a square, augment: none or flip, or list rotate_180 and flips"
        )
    siblings = len(elements)
    X: np.ndarray | ByteRows | None = None
    as_bytes = isinstance(features, AllPixels) and pixels.dtype == np.uint8
    if as_bytes and len(positions) * siblings * pixels[0].size >= LARGE:
        X = byte_rows(pixels, positions, elements)
    seen: set[bytes] = set()
    for part in gen_batches(len(positions), 64):
        block = symmetry.orbit(pixels[positions[part]], elements).reshape(-1, *pixels.shape[1:])
        if not isinstance(X, ByteRows):
            projected = features.project(block)
            if X is None:
                # Trees read column by column; in this order the same trees grow in a sixth to a quarter less time.
                X = np.empty((len(positions) * siblings, projected.shape[1]), dtype=np.float32, order="F")
            X[part.start * siblings : part.stop * siblings] = projected
        seen.update(hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in block)
    assert X is not None, "training_targets ensures that every class has a sample"
    return TrainingRows(X, np.repeat(targets, siblings), np.repeat(groups, siblings), elements, len(X) - len(seen))
