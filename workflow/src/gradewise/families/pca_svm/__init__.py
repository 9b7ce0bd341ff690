"""The family `pca_svm`: principal components, then a support vector classifier with calibrated probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gradewise.families.family import Family, Fitted
from gradewise.families.pca_svm.settings import SvmSettings

if TYPE_CHECKING:
    from gradewise.families.pca_svm.classifier import PcaSvmClassifier
    from gradewise.families.training_set import TrainingSet


class PcaSvm(Family[SvmSettings]):
    """Support vector classifiers on principal component scores."""

    name = "pca_svm"
    label = "principal components and a support vector machine"
    colour = "#d55e00"
    settings = SvmSettings
    fit_module = "gradewise.families.pca_svm.fit"
    files = ("svm.safetensors", "pca.safetensors", "model.json")
    takes_features = True
    onnx_module = "gradewise.families.pca_svm.onnx"
    training_groups = 2

    def components(self, settings: SvmSettings) -> int:
        """The components that the settings ask for."""
        return settings.components

    def fit(self, training: TrainingSet, settings: SvmSettings) -> Fitted:
        """Fit and calibrate a classifier, see `fit.fit`."""
        from gradewise.families.pca_svm.fit import fit

        return fit(training, settings)

    def fit_best(self, training: TrainingSet, candidates: Sequence[SvmSettings]) -> tuple[SvmSettings, Fitted]:
        """As `Family.fit_best`; candidates share kernel matrices."""
        from gradewise.families.pca_svm.fit import fit_best

        return fit_best(training, candidates)

    def load(self, folder: Path) -> PcaSvmClassifier:
        """Read components and classifier."""
        from gradewise.families.pca_svm.classifier import read_pca_svm

        return read_pca_svm(folder)
