"""A model on features of a backbone as a classifier of pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gradewise.families.backbones.embedding import Embedding
from gradewise.families.classifier import Classifier
from gradewise.families.run import BACKBONE


@dataclass(frozen=True)
class EmbeddedClassifier:
    """A backbone, then a classifier of its features.

    Attributes
    ----------
    embedding : Embedding
    head : Classifier
        Takes float32 features (n, 1, 1, d) as samples.
    """

    embedding: Embedding
    head: Classifier

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of the probabilities."""
        return self.head.classes

    def predict_proba(self, pixels: np.ndarray) -> np.ndarray:
        """Class probabilities, shape (n, classes), of uint8 samples (n, height, width, channels)."""
        return self.head.predict_proba(self.embedding.embed(pixels))

    def write(self, folder: Path) -> None:
        """Write the backbone and the files of the classifier."""
        self.embedding.write(folder / BACKBONE)
        self.head.write(folder)
