"""Probabilities adjusted to the shares of classes that are expected in use.

A model's probabilities belong to the mix of classes that it was fitted on: of an image that tells it nothing, it states
the shares of that mix. Multiplied by expected share / share in training and divided by their sum, they belong to the
expected mix, as long as images of a class look the same there (Saerens, Latinne & Decaestecker 2002, Neural Computation
14:21, Equation 2.4).

Shares in training are those of samples, for an image with many tiles counted often in the fit; equal ones if
`class_weight` balanced the classes; and for a blend, whose probability is the mean over members, the mean of theirs.
The verdict on an image is adjusted, not its samples, as the expected shares are those of images. A mean over samples
or members still states the shares of training where nothing is known. Votes and highest probabilities do not, and
neither do tiles with labels of their own, so these cannot be adjusted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

from gradewise import tables
from gradewise.config.section import Section
from gradewise.families.stored import read_record
from gradewise.verdicts import classify

Share = Annotated[float, Field(gt=0, lt=1)]


class Shares(Section):
    """The mixes of classes between which probabilities are adjusted: the part of `model.json` that prediction needs."""

    training: dict[str, Share] = Field(description="share of each class that the model's own probabilities belong to")
    expected: dict[str, Share] = Field(description="share of each class in use, to which they are adjusted")
    accuracy: float | None = Field(
        default=None, description="of adjusted verdicts on test images, under the expected shares"
    )
    low: float | None = Field(default=None, description="end of its 95 % interval")
    high: float | None = Field(default=None, description="end of its 95 % interval")

    def adjust(self, probabilities: np.ndarray, classes: Sequence[str]) -> np.ndarray:
        """Probabilities under the expected mix, shape (n, classes), from those of the model."""
        return _reweighted(probabilities, classes, self.training, self.expected)

    def restore(self, probabilities: np.ndarray, classes: Sequence[str]) -> np.ndarray:
        """The model's own probabilities, shape (n, classes), from adjusted ones."""
        return _reweighted(probabilities, classes, self.expected, self.training)

    def adjust_verdicts(
        self, verdicts: pd.DataFrame, classes: Sequence[str], costs: np.ndarray | None = None
    ) -> pd.DataFrame:
        """Verdicts on images with adjusted probabilities, and with the class that follows from these.

        Parameters
        ----------
        verdicts : DataFrame
            With `predicted` and ``p_<class>``, as from `verdicts.gather`.
        classes : sequence of str
        costs : ndarray, shape (k, k), optional
            Cost of each prediction, a row per true class, where the verdict is the class of least expected cost.
        """
        columns = [f"p_{name}" for name in classes]
        adjusted = self.adjust(verdicts[columns].to_numpy(dtype=np.float64), classes)
        told = dict(zip(columns, adjusted.astype(np.float32).T, strict=True))
        return verdicts.assign(predicted=np.take(list(classes), classify(adjusted, costs)), **told)

    @property
    def amplification(self) -> float:
        """By how much a small difference of probabilities can grow when they are adjusted."""
        factors = [self.expected[name] / share for name, share in self.training.items()]
        return max(factors) / min(factors)


def _reweighted(
    probabilities: np.ndarray, classes: Sequence[str], before: Mapping[str, float], after: Mapping[str, float]
) -> np.ndarray:
    weighted = probabilities * np.array([after[name] / before[name] for name in classes])
    return np.asarray(weighted / weighted.sum(axis=1, keepdims=True))


class _Settings(BaseModel):
    class_weight: str | None = None


class _Run(BaseModel):
    settings: _Settings


def training_shares(folders: Iterable[Path], classes: Sequence[str]) -> dict[str, float]:
    """Shares of classes that the probabilities of a model belong to.

    Parameters
    ----------
    folders : iterable of Path
        Of its run; of the runs of all members if it is a blend by probability.
    classes : sequence of str
    """
    shares = np.mean([_shares_of_run(folder, classes) for folder in folders], axis=0)
    return dict(zip(classes, shares.tolist(), strict=True))


def _shares_of_run(folder: Path, classes: Sequence[str]) -> np.ndarray:
    if read_record(folder / "run.json", _Run).settings.class_weight == "balanced":
        return np.full(len(classes), 1 / len(classes))
    labels = tables.read(folder / "predictions.parquet", columns=["label"], role="train")["label"]
    return np.asarray(labels.value_counts(normalize=True).reindex(classes, fill_value=0.0))
