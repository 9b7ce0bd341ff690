"""What a family is given to fit a model: the samples of one repeat with their roles, and what the run is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from gradewise.families.pca import Pca
from gradewise.families.targets import training_targets
from gradewise.views.samples import Samples


@dataclass(frozen=True)
class Components:
    """Principal components of a view's training samples, made once for all models of the view.

    Attributes
    ----------
    pca : Pca
        As many components as the most demanding model asks for.
    scores : ndarray of float32, shape (n, k)
        Of all samples, in their order.
    seconds : float
        What the components took to fit.
    """

    pca: Pca
    scores: np.ndarray
    seconds: float


@dataclass(frozen=True)
class TrainingSet:
    """Samples to fit a model to.

    Attributes
    ----------
    samples : Samples
        Every sample of the repeat, whatever its role; test samples are there to be predicted and for nothing else.
    classes : list of str
        In the order of the configuration, which is the order of probabilities.
    seed : int
        Of this run alone.
    threads : int
        How many the job may use; numerical libraries are held to it already.
    folder : Path
        The run's folder. Files named `checkpoint-*` in it are removed once the run is stored.
    components : Components or None
        Where the family asks for principal components.
    """

    samples: Samples
    classes: list[str]
    seed: int
    threads: int
    folder: Path
    components: Components | None = None

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
            Where a class has no training sample.
        """
        return training_targets(self.samples, self.classes)

    @cached_property
    def validation(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions and classes of the validation samples, of which there may be none."""
        positions = self.samples.of("validation")
        return positions, self.samples.targets(self.classes)[positions]

    def groups(self, positions: np.ndarray) -> np.ndarray:
        """Names of the groups of samples."""
        return np.asarray(self.samples.table["group"].to_numpy()[positions])

    def validation_accuracy(self, predict_proba: Callable[[np.ndarray], np.ndarray]) -> float:
        """Share of the validation samples whose most probable class is theirs."""
        positions, targets = self.validation
        return float((predict_proba(self.samples.pixels[positions]).argmax(axis=1) == targets).mean())
