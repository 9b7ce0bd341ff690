"""A model family in a package of its own: linear discriminant analysis on principal component scores.

Installed beside gradewise (`pip install examples/family`), the configuration takes it like any other family:
`lda: {family: discriminant, view: photos, components: 20, shrinkage: {choose: [0.1, 0.5]}}`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, FiniteFloat

from gradewise.config.section import Section
from gradewise.families.family import Family, Fitted

# The workflow imports a family while it is parsed: what takes long to import is imported where it is used.
if TYPE_CHECKING:
    import numpy as np

    from gradewise.families.pca import Pca
    from gradewise.families.training_set import TrainingSet


class DiscriminantSettings(Section):
    """Linear discriminant analysis on principal components."""

    components: int = Field(20, ge=1, description="principal components kept (at most what the data allow)")
    shrinkage: float = Field(0.1, ge=0, le=1, description="of the covariance towards a multiple of the identity")


class Record(Section):
    """The content of `model.json`."""

    classes: list[str]
    weights: list[list[FiniteFloat]]
    intercept: list[FiniteFloat]


@dataclass(frozen=True)
class DiscriminantClassifier:
    """Principal components, then a linear score for each class, then softmax."""

    pca: Pca
    weights: np.ndarray  # (components, classes)
    intercept: np.ndarray  # (classes,)
    classes: list[str]

    def predict_proba(self, pixels: np.ndarray) -> np.ndarray:
        """Class probabilities, shape (n, classes), of uint8 samples (n, height, width, channels)."""
        from scipy.special import softmax

        from gradewise.families.classifier import check_pixels

        check_pixels(pixels, self.pca.shape)
        return softmax(self.pca.project(pixels) @ self.weights + self.intercept, axis=1)

    def write(self, folder: Path) -> None:
        """Write the files that `Discriminant.files` names."""
        from gradewise.records import write_json

        self.pca.write(folder / "pca.safetensors")
        model = {"classes": self.classes, "weights": self.weights.tolist(), "intercept": self.intercept.tolist()}
        write_json(folder / "model.json", model)


class Discriminant(Family[DiscriminantSettings]):
    """Linear discriminant analysis."""

    name = "discriminant"
    label = "linear discriminant analysis"
    settings = DiscriminantSettings
    files = ("pca.safetensors", "model.json")

    def components(self, settings: DiscriminantSettings) -> int:
        """Fitted once per view and repeat, and shared with the other models that want some."""
        return settings.components

    def fit(self, training: TrainingSet, settings: DiscriminantSettings) -> Fitted:
        """Fit to the scores of the training samples."""
        import numpy as np
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        shared = training.components
        pca = shared.pca.first(settings.components)
        positions, targets = training.train
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=settings.shrinkage)
        model.fit(shared.scores[positions, : len(pca.components)].astype(np.float64), targets)
        weights, intercept = model.coef_.T, model.intercept_
        if len(training.classes) == 2:  # scikit-learn keeps one score, of the second class
            weights, intercept = np.hstack([0 * weights, weights]), np.append(0 * intercept, intercept)
        classifier = DiscriminantClassifier(pca, weights, intercept, training.classes)
        parameters = pca.mean.size + pca.components.size + weights.size + intercept.size
        return Fitted(classifier, parameters, seconds_elsewhere=shared.seconds)

    def load(self, folder: Path) -> DiscriminantClassifier:
        """Read what `DiscriminantClassifier.write` wrote; a damaged file is an error of one line that names it."""
        import numpy as np

        from gradewise.families.pca import read_pca
        from gradewise.families.stored import read_record, require

        path = folder / "model.json"
        model = read_record(path, Record)
        pca, _ = read_pca(folder / "pca.safetensors")
        weights, intercept = np.array(model.weights), np.array(model.intercept)
        shape = (len(pca.components), len(model.classes))
        fits = weights.shape == shape and intercept.shape == shape[1:]
        require(fits, path, f"weights and intercept do not fit {shape[0]} components and {shape[1]} classes")
        return DiscriminantClassifier(pca, weights, intercept, model.classes)
