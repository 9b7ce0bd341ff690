"""A fine-tuned backbone with its head as a classifier of pixels, and its files.

The backbone computes features as a frozen one does (`backbones.embedding`), one sample at a time, so that probabilities
do not depend on which samples are predicted together.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import softmax

from gradewise.config.backbones import Backbone
from gradewise.config.section import Section
from gradewise.families.backbones.embedding import Embedding
from gradewise.families.backbones.network import count_features, tensors_expected
from gradewise.families.cnn.settings import FineTuningSettings
from gradewise.families.stored import (
    Classes,
    Positive,
    SampleShape,
    Tensors,
    read_record,
    read_tensors,
    require,
    write_tensors,
)
from gradewise.records import write_json


@dataclass(frozen=True)
class FineTunedClassifier:
    """A fine-tuned backbone and a linear score of its features for each class, then softmax.

    Attributes
    ----------
    embedding : Embedding
        The backbone with its fine-tuned weights.
    weights : ndarray of float32, shape (features, classes)
    intercept : ndarray of float32, shape (classes,)
    classes : list of str
    settings : FineTuningSettings
    temperature : float
        Divides class scores before softmax.
    threads : int
        Samples that are predicted at a time.
    """

    embedding: Embedding
    weights: np.ndarray
    intercept: np.ndarray
    classes: list[str]
    settings: FineTuningSettings
    temperature: float = 1.0
    threads: int = 1

    def scores(self, pixels: np.ndarray) -> np.ndarray:
        """Class scores before temperature and softmax, float32 (n, classes), of uint8 samples."""
        features = self.embedding.embed(pixels, self.threads).reshape(len(pixels), -1)
        return np.asarray(features @ self.weights + self.intercept)

    def predict_proba(self, pixels: np.ndarray) -> np.ndarray:
        """Class probabilities, float32 (n, classes), of uint8 samples (n, height, width, channels)."""
        return np.asarray(softmax(self.scores(pixels) / np.float32(self.temperature), axis=1))

    def write(self, folder: Path) -> None:
        """Write `model.safetensors` and `model.json`."""
        tensors = self.embedding.tensors | {"head.weight": self.weights, "head.bias": self.intercept}
        write_tensors(folder / "model.safetensors", tensors)
        write_json(
            folder / "model.json",
            {
                "settings": self.settings.model_dump(mode="json"),
                "backbone": self.embedding.backbone.model_dump(mode="json"),
                "shape": list(self.embedding.shape),
                "classes": self.classes,
                "temperature": self.temperature,
            },
        )


class _Record(Section):
    """The content of `model.json`."""

    settings: FineTuningSettings
    backbone: Backbone
    shape: SampleShape
    classes: Classes
    temperature: Positive


def load_fine_tuned(folder: Path) -> FineTunedClassifier:
    """Read the files of `FineTunedClassifier.write`.

    Raises
    ------
    UserError
        If a file is missing, damaged or altered, or the files do not fit each other.
    """
    record = read_record(folder / "model.json", _Record)
    architecture = record.backbone.architecture
    require(record.backbone.fine_tunes, folder / "model.json", f"names {architecture}, which is not fine-tuned")
    classes = len(record.classes)
    expected = tensors_expected(architecture)
    features = count_features(architecture, record.backbone.maps)
    head: Tensors = {"head.weight": ("F32", (features, classes)), "head.bias": ("F32", (classes,))}
    tensors = read_tensors(folder / "model.safetensors", {**expected, **head})
    weights, intercept = (tensors.pop(name) for name in head)
    embedding = Embedding(record.backbone, record.shape, tensors)
    return FineTunedClassifier(embedding, weights, intercept, record.classes, record.settings, record.temperature)
