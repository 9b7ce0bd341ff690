"""The interface of trained models of all families, and the check of their input."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np


class Classifier(Protocol):
    """A trained model."""

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of the probabilities."""
        ...

    def predict_proba(self, pixels: np.ndarray) -> np.ndarray:
        """Class probabilities.

        Parameters
        ----------
        pixels : ndarray of uint8, shape (n, height, width, channels)

        Returns
        -------
        ndarray, shape (n, classes)
        """
        ...

    def write(self, folder: Path) -> None:
        """Write the model's files atomically and without pickle into an existing folder."""
        ...


def check_pixels(pixels: np.ndarray, shape: tuple[int, ...]) -> None:
    """Reject samples whose shape or dtype differs from the training samples: pixels, or float32 features (1, 1, d).

    Raises
    ------
    ValueError
        If they differ.
    """
    dtype = np.dtype(np.float32 if shape[:2] == (1, 1) else np.uint8)
    if pixels.shape[1:] != shape or pixels.dtype != dtype:
        expected = " x ".join(map(str, shape))
        actual = " x ".join(map(str, pixels.shape[1:]))
        raise ValueError(f"this model expects samples of {expected} {dtype}, not {actual} {pixels.dtype}")
