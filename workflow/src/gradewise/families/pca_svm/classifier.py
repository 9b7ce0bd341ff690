"""A trained support vector classifier on principal components as a classifier of pixels, and its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, FiniteFloat

from gradewise.config.section import Section
from gradewise.families.classifier import check_pixels
from gradewise.families.pca import Pca, read_pca
from gradewise.families.pca_svm.machine import Machine, read_machine, scale
from gradewise.families.pca_svm.pairwise import couple
from gradewise.families.pca_svm.settings import SvmSettings
from gradewise.families.stored import Classes, read_record, require
from gradewise.records import write_json


@dataclass(frozen=True)
class PcaSvmClassifier:
    """Principal components, then a calibrated support vector classifier.

    Attributes
    ----------
    pca : Pca
        The components in use.
    machine : Machine
        Its classes are positions in `classes`.
    sigmoids : ndarray, shape (pairs, 2)
        See `pairwise.fit_sigmoids`.
    settings : SvmSettings
    classes : list of str
    """

    pca: Pca
    machine: Machine
    sigmoids: np.ndarray
    settings: SvmSettings
    classes: list[str]

    def predict_proba(self, pixels: np.ndarray) -> np.ndarray:
        """Class probabilities, shape (n, classes), of uint8 samples (n, height, width, channels)."""
        check_pixels(pixels, self.pca.shape)
        return self.predict_proba_of_scores(self.pca.project(pixels))

    def predict_proba_of_scores(self, scores: np.ndarray) -> np.ndarray:
        """Class probabilities, shape (n, classes), of principal component scores (n, k)."""
        decisions = self.machine.decide(scale(scores, self.pca.explained_variance, self.settings))
        return couple(decisions, self.sigmoids, len(self.classes))

    def write(self, directory: Path) -> None:
        """Write `pca.safetensors`, `svm.safetensors` and `model.json`."""
        self.pca.write(directory / "pca.safetensors")
        self.machine.write(directory / "svm.safetensors")
        facts = {
            "classes": self.classes,
            "settings": self.settings.model_dump(mode="json"),
            "gamma": self.machine.gamma,
            "sigmoids": self.sigmoids.tolist(),
        }
        write_json(directory / "model.json", facts)


class _Record(Section):
    """The content of `model.json`."""

    classes: Classes
    settings: SvmSettings
    gamma: Annotated[FiniteFloat, Field(gt=0)] | None
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
    has_gamma = record.settings.kernel == "rbf"
    require(
        (record.gamma is not None) == has_gamma, path, f"gamma is {record.gamma} for a {record.settings.kernel} kernel"
    )
    machine = read_machine(directory / "svm.safetensors", features, classes, record.gamma)
    return PcaSvmClassifier(pca, machine, sigmoids, record.settings, record.classes)
