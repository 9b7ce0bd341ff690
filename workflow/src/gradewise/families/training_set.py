"""The input for fitting a model: the samples of one repeat with their roles, classes, seed and folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from gradewise.config.backbones import NamedBackbone
from gradewise.families.pca import Pca
from gradewise.families.targets import training_targets
from gradewise.views.samples import Samples


@dataclass(frozen=True)
class Components:
    """Principal components of a view's training samples, computed once for all models of the view.

    Attributes
    ----------
    pca : Pca
        As many components as the most demanding model needs.
    scores : ndarray of float32, shape (n, k)
        Scores of all samples, in their order.
    seconds : float
        Time to fit the components [s].
    """

    pca: Pca
    scores: np.ndarray
    seconds: float


@dataclass(frozen=True)
class Pretrained:
    """A backbone whose weights training starts from.

    Attributes
    ----------
    backbone : NamedBackbone
    weights : Path
        The file with its weights, as its authors publish it.
    """

    backbone: NamedBackbone
    weights: Path


class Judge(Protocol):
    """Compares candidate settings by the probabilities that they give to the same samples, see `judge.VerdictJudge`."""

    @property
    def described(self) -> dict[str, str]:
        """By what, on what and where candidates are compared."""

    def score(self, probabilities: np.ndarray) -> float:
        """How good probabilities, shape (n, k), are; NaN where that is undefined."""

    def better(self, score: float, other: float) -> bool:
        """Whether a score is better than another."""


@dataclass(frozen=True)
class TrainingSet:
    """Samples to fit a model to.

    Attributes
    ----------
    samples : Samples
        Every sample of the repeat; test samples are only there to be predicted.
    classes : list of str
        In the order of the configuration, which is also the order of probabilities.
    seed : int
        The run's own seed.
    threads : int
        Number that the job may use; numerical libraries are already limited to it.
    folder : Path
        The run's folder. Its files `checkpoint-*` are removed once the run is stored.
    components : Components or None
        Given if the family asks for principal components.
    judge : Judge or None
        Scores candidate settings on the validation samples; given if there are several.
    pretrained : Pretrained or None
        The backbone whose weights training starts from; given if the family fine-tunes and the model has one.
    positive : str or None
        The class that is not normal; given to a family that learns from one class, if the dataset has such a class.
    """

    samples: Samples
    classes: list[str]
    seed: int
    threads: int
    folder: Path
    components: Components | None = None
    judge: Judge | None = None
    pretrained: Pretrained | None = None
    positive: str | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of a sample."""
        height, width, channels = self.samples.pixels.shape[1:]
        return height, width, channels

    @cached_property
    def train(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions of the training samples, ascending, and their classes as positions in `classes`.

        Raises
        ------
        UserError
            If a class has no training sample.
        """
        return training_targets(self.samples, self.classes)

    @cached_property
    def validation(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions and classes of the validation samples; may be empty."""
        positions = self.samples.of("validation")
        return positions, self.samples.targets(self.classes)[positions]

    def groups(self, positions: np.ndarray) -> np.ndarray:
        """Names of the groups of samples."""
        return np.asarray(self.samples.table["group"].to_numpy()[positions])

    def predict_validation(self, predict_proba: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Class probabilities of the validation samples, shape (n, k)."""
        return predict_proba(self.samples.pixels[self.validation[0]])
