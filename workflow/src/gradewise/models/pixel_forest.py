"""A trained forest as a classifier of pixels, and its files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from sklearn.ensemble import RandomForestClassifier
from sklearn.utils import gen_batches

from gradewise.models.classifier import check_pixels
from gradewise.models.run import write_json
from gradewise.models.stored import read_estimator, write_estimator

TRUSTED = ("sklearn.tree._tree.Tree",)
BLOCK_BYTES = 2**26


@dataclass(frozen=True)
class PixelForest:
    """A forest on raw pixels 0..255.

    Attributes
    ----------
    forest : RandomForestClassifier
        Its classes are positions in `classes`.
    classes : list of str
    shape : tuple of int
        Height, width and channels of a sample.
    threads : int
        For prediction; the result does not depend on it.
    """

    forest: RandomForestClassifier
    classes: list[str]
    shape: tuple[int, ...]
    threads: int = 1

    def predict_proba(self, pixels: np.ndarray) -> np.ndarray:
        """Class probabilities, shape (n, classes), of uint8 samples (n, height, width, channels)."""
        check_pixels(pixels, self.shape)
        flat = pixels.reshape(len(pixels), -1)
        # Threads over blocks of samples rather than over trees: each sum over trees keeps its order.
        blocks = gen_batches(len(flat), max(1, min(BLOCK_BYTES // (4 * flat.shape[1]), -(-len(flat) // self.threads))))
        parts = Parallel(self.threads, require="sharedmem")(
            delayed(lambda part: self.forest.predict_proba(flat[part].astype(np.float32)))(part) for part in blocks
        )
        return np.concatenate(parts)

    def write(self, directory: Path) -> None:
        """Write `forest.skops` and `model.json`."""
        write_estimator(self.forest, directory / "forest.skops")
        write_json(directory / "model.json", {"classes": self.classes, "shape": list(self.shape)})


def read_forest(directory: Path, threads: int = 1) -> PixelForest:
    """Read what `PixelForest.write` wrote.

    Raises
    ------
    UserError
        Where the stored forest holds types that a forest never has.
    """
    facts = json.loads((directory / "model.json").read_text())
    forest = read_estimator(directory / "forest.skops", TRUSTED)
    return PixelForest(forest, facts["classes"], tuple(facts["shape"]), threads)
