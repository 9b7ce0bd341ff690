"""A trained support vector classifier on principal components as a classifier of pixels, and its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import FiniteFloat

from gradewise.config.section import Section
from gradewise.families.classifier import check_pixels
from gradewise.families.estimators import write_estimator
from gradewise.families.pca import Pca, read_pca
from gradewise.families.pca_svm.settings import SvmSettings
from gradewise.families.pca_svm.stored import read_svc
from gradewise.families.pca_svm.svm import CalibratedSvm, scale
from gradewise.families.run import write_json
from gradewise.families.stored import Classes, read_record, require


@dataclass(frozen=True)
class PcaSvmClassifier:
    """Principal components, then a calibrated support vector classifier.

    Attributes
    ----------
    pca : Pca
        The components in use.
    svm : CalibratedSvm
        Its classes are positions in `classes`.
    settings : SvmSettings
    classes : list of str
    """

    pca: Pca
    svm: CalibratedSvm
    settings: SvmSettings
    classes: list[str]

    def predict_proba(self, pixels: np.ndarray) -> np.ndarray:
        """Class probabilities, shape (n, classes), of uint8 samples (n, height, width, channels)."""
        check_pixels(pixels, self.pca.shape)
        return self.predict_proba_of_scores(self.pca.project(pixels))

    def predict_proba_of_scores(self, scores: np.ndarray) -> np.ndarray:
        """Class probabilities, shape (n, classes), of principal component scores (n, k)."""
        return self.svm.predict_proba(scale(scores, self.pca.explained_variance, self.settings))

    def write(self, directory: Path) -> None:
        """Write `pca.safetensors`, `svm.skops` and `model.json`."""
        self.pca.write(directory / "pca.safetensors")
        write_estimator(self.svm.classifier, directory / "svm.skops")
        facts = {
            "classes": self.classes,
            "settings": self.settings.model_dump(mode="json"),
            "sigmoids": self.svm.sigmoids.tolist(),
        }
        write_json(directory / "model.json", facts)


class _Record(Section):
    """The content of `model.json`."""

    classes: Classes
    settings: SvmSettings
    sigmoids: list[tuple[FiniteFloat, FiniteFloat]]


def read_pca_svm(directory: Path) -> PcaSvmClassifier:
    """Read the files of `PcaSvmClassifier.write`.

    Raises
    ------
    UserError
        If a file is missing, damaged or altered, or the files do not fit each other.
    """
    path = directory / "model.json"
    record = read_record(path, _Record)
    classes = len(record.classes)
    sigmoids = np.array(record.sigmoids)
    pairs = classes * (classes - 1) // 2
    require(sigmoids.shape == (pairs, 2), path, f"has {len(sigmoids)} sigmoids, not {pairs} for {classes} classes")
    require(bool((sigmoids[:, 0] >= 0).all()), path, "the slope of a sigmoid is below zero")
    pca, _ = read_pca(directory / "pca.safetensors")
    features = min(len(pca.components), record.settings.components)
    svm = CalibratedSvm(read_svc(directory / "svm.skops", record.settings, features, classes), sigmoids)
    return PcaSvmClassifier(pca, svm, record.settings, record.classes)
