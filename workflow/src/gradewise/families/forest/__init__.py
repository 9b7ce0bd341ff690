"""The family `forest`: random forests on pixels, with out-of-bag accuracy over rows or over groups."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gradewise.families.family import Family, Fitted
from gradewise.families.forest.settings import ForestSettings
from gradewise.resources import Resources

if TYPE_CHECKING:
    from gradewise.families.forest.classifier import ForestClassifier
    from gradewise.families.training_set import TrainingSet


class Forest(Family[ForestSettings]):
    """Random forests."""

    name = "forest"
    label = "random forest"
    colour = "#009e73"
    settings = ForestSettings
    fit_module = "gradewise.families.forest.fit"
    files = ("forest.safetensors", "model.json")
    takes_features = True
    onnx_module = "gradewise.families.forest.onnx"

    def resources(self, candidates: Sequence[ForestSettings]) -> Resources:
        """Memory for the samples as bytes, with rotations and flips as 32-bit numbers where rows are few or reduced."""
        reduced = [settings.siblings for settings in candidates if settings.components is not None]
        return Resources(mb_per_thread=10, memory_per_mb=3 + 5 * max(reduced, default=0))

    def fit(self, training: TrainingSet, settings: ForestSettings) -> Fitted:
        """Grow a forest, see `fit.fit_best`."""
        return self.fit_best(training, [settings])[1]

    def fit_best(self, training: TrainingSet, candidates: Sequence[ForestSettings]) -> tuple[ForestSettings, Fitted]:
        """As `Family.fit_best`; candidates share rows, and only the chosen one gets an out-of-bag accuracy."""
        from gradewise.families.forest.fit import fit_best

        return fit_best(training, candidates)

    def load(self, folder: Path) -> ForestClassifier:
        """Read a forest."""
        from gradewise.families.forest.classifier import read_forest

        return read_forest(folder)
