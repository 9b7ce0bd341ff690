"""The family `cnn`: convolutional networks on the pixels of a view, trained from random weights or a backbone's."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from gradewise.families.cnn.settings import CnnSettings, FineTuningSettings, TrainingSettings
from gradewise.families.family import Family, Fitted
from gradewise.resources import Resources

if TYPE_CHECKING:
    from gradewise.families.classifier import Classifier
    from gradewise.families.training_set import TrainingSet


class Cnn(Family[TrainingSettings]):
    """Convolutional networks."""

    name = "cnn"
    label = "convolutional network"
    colour = "#0072b2"
    settings = CnnSettings
    fit_module = "gradewise.families.cnn.fit"
    fine_tuning = FineTuningSettings
    fine_tuning_module = "gradewise.families.cnn.fine_tune"
    files = ("model.safetensors", "model.json")
    onnx_module = "gradewise.families.cnn.onnx"

    def resources(self, candidates: Sequence[TrainingSettings]) -> Resources:
        """One GPU; profiles name the GPU resource or set it to 0. A backbone takes much time and memory per sample."""
        if any(isinstance(settings, FineTuningSettings) for settings in candidates):
            memory = 4500 if any(getattr(settings, "layers", None) == "all" for settings in candidates) else 2200
            return Resources(
                mb_per_thread=5, memory_mb=memory, memory_per_mb=2, minutes=30, minutes_per_gb=1200, gpus=1
            )
        return Resources(mb_per_thread=40, memory_mb=2600, memory_per_mb=2, minutes=30, minutes_per_gb=600, gpus=1)

    def fit(self, training: TrainingSet, settings: TrainingSettings) -> Fitted:
        """Train a network, see `fit.fit` and `fine_tune.fine_tune`."""
        if isinstance(settings, FineTuningSettings):
            fitted: Fitted = import_module(self.fine_tuning_module).fine_tune(training, settings)
            return fitted
        from gradewise.families.cnn.fit import fit

        assert isinstance(settings, CnnSettings), "settings of a network are of one kind or the other"
        return fit(training, settings)

    def load(self, folder: Path) -> Classifier:
        """Read a network; one trained from random weights goes onto the accelerator if there is one."""
        from gradewise.families.stored import read_json

        record = read_json(folder / "model.json")
        if isinstance(record, dict) and "backbone" in record:
            fine_tuned: Classifier = import_module(self.fine_tuning_module).load_fine_tuned(folder)
            return fine_tuned
        from gradewise.families.cnn.classifier import load_cnn

        return load_cnn(folder)
