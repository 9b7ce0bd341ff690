"""A trained forest as a classifier of pixels, and its files."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from joblib import Parallel, delayed
from sklearn.ensemble import RandomForestClassifier
from sklearn.utils import gen_batches

from gradewise.config.section import Section
from gradewise.families.classifier import check_pixels
from gradewise.families.forest.reduction import Features, SelectedPixels, read_selected
from gradewise.families.forest.rows import AllPixels
from gradewise.families.forest.stored import read_trees, write_trees
from gradewise.families.pca import Pca, read_pca
from gradewise.families.stored import Classes, SampleShape, read_record, require
from gradewise.records import write_json

BLOCK_BYTES = 2**26


@dataclass(frozen=True)
class ForestClassifier:
    """A forest on pixels 0..255 or on features computed from them.

    Attributes
    ----------
    forest : RandomForestClassifier
        Its classes are positions in `classes`.
    features : AllPixels, SelectedPixels or Pca
        Computes the forest's features from a sample.
    classes : list of str
    shape : tuple of int
        Height, width and channels of a sample.
    threads : int
        For prediction; the result does not depend on it.
    """

    forest: RandomForestClassifier
    features: Features
    classes: list[str]
    shape: tuple[int, ...]
    threads: int = 1

    def predict_proba(self, pixels: np.ndarray) -> np.ndarray:
        """Class probabilities, shape (n, classes), of uint8 samples (n, height, width, channels)."""
        check_pixels(pixels, self.shape)
        # The last digits of scores depend on the blocks they are computed in, so these must not depend on threads.
        scores = self.features.project(pixels) if isinstance(self.features, Pca) else None

        def predict(part: slice) -> np.ndarray:
            rows = self.features.project(pixels[part]) if scores is None else scores[part]
            return np.asarray(self.forest.predict_proba(rows))

        # Threads work on blocks of samples rather than on trees, so each sum over trees keeps its order.
        largest = BLOCK_BYTES // (4 * int(np.prod(self.shape)))
        blocks = gen_batches(len(pixels), max(1, min(largest, -(-len(pixels) // self.threads))))
        return np.concatenate(Parallel(self.threads, require="sharedmem")(delayed(predict)(part) for part in blocks))

    def write(self, directory: Path) -> None:
        """Write `forest.safetensors`, `model.json` and, if needed, `pixels.safetensors` or `pca.safetensors`."""
        write_trees(self.forest, directory / "forest.safetensors")
        if isinstance(self.features, SelectedPixels):
            self.features.write(directory / "pixels.safetensors")
        elif isinstance(self.features, Pca):
            self.features.write(directory / "pca.safetensors")
        facts = {"classes": self.classes, "shape": list(self.shape), "features": type(self.features).__name__}
        write_json(directory / "model.json", facts)


class _Record(Section):
    """The content of `model.json`."""

    classes: Classes
    shape: SampleShape
    features: Literal["AllPixels", "SelectedPixels", "Pca"]


def read_forest(directory: Path, threads: int = 1) -> ForestClassifier:
    """Read the files of `ForestClassifier.write`.

    Raises
    ------
    UserError
        If a file is missing, damaged or altered, or the files do not fit each other.
    """
    record = read_record(directory / "model.json", _Record)
    values = math.prod(record.shape)
    features: Features = AllPixels()
    if record.features == SelectedPixels.__name__:
        features = read_selected(directory / "pixels.safetensors", values)
        values = len(features.kept)
    elif record.features == Pca.__name__:
        path = directory / "pca.safetensors"
        features = read_pca(path)[0]
        require(features.shape == record.shape, path, f"has components of {features.shape}, not of {record.shape}")
        values = len(features.components)
    forest = read_trees(directory / "forest.safetensors", values, len(record.classes))
    return ForestClassifier(forest, features, record.classes, record.shape, threads)
