"""What a trained model of any family offers, and the check that it is given the samples it was trained on."""

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
        """Write the model's files into a folder that exists, without pickle, each whole or not at all."""
        ...


def check_pixels(pixels: np.ndarray, shape: tuple[int, ...]) -> None:
    """Refuse samples of another shape or type than the model was trained on.

    Raises
    ------
    ValueError
        Naming both.
    """
    if pixels.shape[1:] != shape or pixels.dtype != np.uint8:
        expected = " x ".join(map(str, shape))
        found = " x ".join(map(str, pixels.shape[1:]))
        raise ValueError(f"this model takes samples of {expected} uint8, not {found} {pixels.dtype}")
