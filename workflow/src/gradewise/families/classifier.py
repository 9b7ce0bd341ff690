"""The interfaces of trained models of all families, and the check of their input."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

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


@runtime_checkable
class Locator(Protocol):
    """A trained model that also tells where in a sample a class shows.

    A sample is divided into places, squares of `stride` x `stride` px from its top left corner; those at the right and
    bottom edges may be cut off.
    """

    @property
    def stride(self) -> int:
        """Side of a place [px]."""
        ...

    @property
    def reach(self) -> int:
        """How far from a place pixels change its score [px], so that large images can be mapped in parts."""
        ...

    def maps(self, pixels: np.ndarray, label: str) -> np.ndarray:
        """How much each place speaks for a class.

        Scores of a class are comparable between samples, and between models fitted on parts of one dataset.

        Parameters
        ----------
        pixels : ndarray of uint8, shape (n, height, width, channels)
            Samples; they may be larger than those of training, but not smaller.
        label : str
            The class.

        Returns
        -------
        ndarray of float32, shape (n, ceil(height / stride), ceil(width / stride))
            The higher, the more it speaks for the class.

        Raises
        ------
        ValueError
            If samples are smaller than those of training or have other channels, or the model has no such class.
        """
        ...


def maps_of(classifier: Classifier, pixels: np.ndarray, label: str) -> np.ndarray:
    """How much each place of samples speaks for a class.

    Parameters
    ----------
    classifier : Classifier
    pixels : ndarray of uint8, shape (n, height, width, channels)
        As large as those of training.
    label : str

    Returns
    -------
    ndarray of float32, shape (n, rows, columns)
        See `Locator.maps`; of a classifier that is no locator, the probability of the class, one place per sample.
    """
    if isinstance(classifier, Locator):
        return classifier.maps(pixels, label)
    column = position_of(label, classifier.classes)
    return np.asarray(classifier.predict_proba(pixels)[:, column, None, None], dtype=np.float32)


def position_of(label: str, classes: list[str]) -> int:
    """Position of a class among those of a model; ValueError if it has no such class."""
    if label not in classes:
        raise ValueError(f"this model knows no class {label!r}, only {', '.join(classes)}")
    return classes.index(label)


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


def check_larger(pixels: np.ndarray, shape: tuple[int, int, int]) -> None:
    """Reject samples that are smaller than those of training, have other channels or another dtype.

    Raises
    ------
    ValueError
        If they do.
    """
    height, width, channels = shape
    too_small = pixels.ndim != 4 or pixels.shape[1] < height or pixels.shape[2] < width
    if too_small or pixels.shape[3] != channels or pixels.dtype != np.uint8:
        actual = " x ".join(map(str, pixels.shape[1:]))
        raise ValueError(
            f"this model maps samples of at least {height} x {width} x {channels} uint8, not {actual} {pixels.dtype}"
        )
