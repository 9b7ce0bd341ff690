"""The family `cnn`: convolutional networks on the pixels of a view."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gradewise.families.cnn.settings import CnnSettings
from gradewise.families.family import Family, Fitted
from gradewise.resources import Resources

if TYPE_CHECKING:
    from gradewise.families.cnn.classifier import CnnClassifier
    from gradewise.families.training_set import TrainingSet


class Cnn(Family[CnnSettings]):
    """Convolutional networks."""

    name = "cnn"
    label = "convolutional network"
    colour = "#0072b2"
    settings = CnnSettings
    files = ("model.safetensors", "model.json")
    onnx_module = "gradewise.families.cnn.onnx"

    def resources(self, candidates: Sequence[CnnSettings]) -> Resources:
        """One GPU; profiles name the GPU resource or set it to 0."""
        return Resources(mb_per_thread=10, memory_mb=1800, memory_per_mb=2, minutes=30, minutes_per_gb=600, gpus=1)

    def fit(self, training: TrainingSet, settings: CnnSettings) -> Fitted:
        """Train a network, see `fit.fit`."""
        from gradewise.families.cnn.fit import fit

        return fit(training, settings)

    def load(self, folder: Path) -> CnnClassifier:
        """Read a network, onto the accelerator if there is one."""
        from gradewise.families.cnn.classifier import load_cnn

        return load_cnn(folder)
