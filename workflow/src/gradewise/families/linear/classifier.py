"""A logistic regression as a classifier of pixels, and its files."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import softmax

from gradewise.config.section import Section
from gradewise.families.classifier import check_pixels
from gradewise.families.stored import Classes, SampleShape, read_record, read_tensors, write_tensors
from gradewise.records import write_json

BLOCK_BYTES = 2**26


@dataclass(frozen=True)
class LinearClassifier:
    """A linear score of the pixels for each class, then softmax.

    Standardisation and principal components are linear, too, so that they are part of the weights.

    Attributes
    ----------
    weights : ndarray of float64, shape (d, classes)
        For pixels 0..255; d = height x width x channels.
    intercept : ndarray of float64, shape (classes,)
    classes : list of str
    shape : tuple of int
        Height, width and channels of a sample.
    """

    weights: np.ndarray
    intercept: np.ndarray
    classes: list[str]
    shape: tuple[int, ...]

    def predict_proba(self, pixels: np.ndarray) -> np.ndarray:
        """Class probabilities, shape (n, classes), of uint8 samples (n, height, width, channels)."""
        check_pixels(pixels, self.shape)
        flat = pixels.reshape(len(pixels), -1)
        scores = np.empty((len(flat), len(self.classes)))
        at_a_time = max(1, BLOCK_BYTES // (8 * flat.shape[1]))
        for start in range(0, len(flat), at_a_time):
            part = slice(start, start + at_a_time)
            scores[part] = flat[part].astype(np.float64) @ self.weights
        return np.asarray(softmax(scores + self.intercept, axis=1))

    def write(self, folder: Path) -> None:
        """Write `linear.safetensors` and `model.json`."""
        write_tensors(folder / "linear.safetensors", {"weights": self.weights, "intercept": self.intercept})
        write_json(folder / "model.json", {"classes": self.classes, "shape": list(self.shape)})


class _Record(Section):
    """The content of `model.json`."""

    classes: Classes
    shape: SampleShape


def read_linear(folder: Path) -> LinearClassifier:
    """Read the files of `LinearClassifier.write`.

    Raises
    ------
    UserError
        If a file is missing, damaged or altered, or the files do not fit each other.
    """
    record = read_record(folder / "model.json", _Record)
    classes = len(record.classes)
    expected = {"weights": ("F64", (math.prod(record.shape), classes)), "intercept": ("F64", (classes,))}
    tensors = read_tensors(folder / "linear.safetensors", expected)
    return LinearClassifier(tensors["weights"], tensors["intercept"], record.classes, record.shape)
