"""The family `linear`: multinomial logistic regression on standardised pixels or principal component scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from gradewise.config.section import Section
from gradewise.families.family import Family, Fitted
from gradewise.families.settings import ClassWeight
from gradewise.resources import Resources

if TYPE_CHECKING:
    from gradewise.families.linear.classifier import LinearClassifier
    from gradewise.families.training_set import TrainingSet


class LinearSettings(Section):
    """Multinomial logistic regression on standardised inputs."""

    components: int | None = Field(None, ge=1, description="fit to this many principal components instead of pixels")
    C: float = Field(0.01, gt=0, description="inverse strength of the penalty on squared weights")
    class_weight: ClassWeight = None


class Linear(Family[LinearSettings]):
    """Logistic regression."""

    name = "linear"
    label = "logistic regression"
    colour = "#6b4423"
    settings = LinearSettings
    fit_module = "gradewise.families.linear.fit"
    files = ("linear.safetensors", "model.json")
    takes_features = True
    onnx_module = "gradewise.families.linear.onnx"

    def resources(self, candidates: Sequence[LinearSettings]) -> Resources:
        """Memory for training pixels as numbers of 32 bits, and of 64 bits while their variance is computed."""
        on_pixels = any(settings.components is None for settings in candidates)
        return Resources(mb_per_thread=20, memory_per_mb=16 if on_pixels else 2)

    def components(self, settings: LinearSettings) -> int | None:
        """The components that the settings ask for."""
        return settings.components

    def fit(self, training: TrainingSet, settings: LinearSettings) -> Fitted:
        """Fit a classifier, see `fit.fit`."""
        from gradewise.families.linear.fit import fit

        return fit(training, settings)

    def load(self, folder: Path) -> LinearClassifier:
        """Read a classifier."""
        from gradewise.families.linear.classifier import read_linear

        return read_linear(folder)
