"""Whether probabilities can be believed, and what is gained when doubtful images go to a person.

The confidence of a verdict is the probability of the class it names. A model is calibrated where verdicts of
confidence 0.9 are right nine times in ten. Everything here speaks of verdicts on test, over all repeats.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gradewise.evaluation.estimates import Estimate, share
from gradewise.evaluation.intervals import cells, delete_each, effective, interval, spread

BINS = 10
IMAGES_IN_A_BIN = 20
"""Fewer images, or samples, make fewer bins, so that each has about this many different ones."""

COVERAGES = np.linspace(0.5, 1.0, 11)
KEPT = 0.9


@dataclass(frozen=True)
class Calibration:
    """How far probabilities of one model can be believed.

    Attributes
    ----------
    error : Estimate
        Expected calibration error.
    by_chance : float
        The expected calibration error that a calibrated model would show here, since its hits in each bin scatter too.
    kept : Estimate
        Accuracy on the most confident `KEPT` of verdicts.
    curves : DataFrame
        Rows of `calibration.parquet`, without dataset and model.
    """

    error: Estimate
    by_chance: float
    kept: Estimate
    curves: pd.DataFrame


def calibrate(verdicts: pd.DataFrame, classes: list[str]) -> Calibration:
    """Measure calibration and selective accuracy of one model.

    The expected calibration error (Naeini, Cooper & Hauskrecht 2015, AAAI 2901; Guo et al. 2017, ICML, PMLR 70:1321,
    Equation 3) is the mean over bins of the gap between mean confidence and accuracy, weighted by the verdicts in each.
    Bins hold equally many verdicts, as Nixon et al. (2019, CVPR Workshops 38) advise; equal confidences share a bin.
    It cannot be negative, so chance alone makes it positive: `by_chance` adds up the mean absolute gap of normal
    scatter, sqrt(2 / pi) standard errors a bin, where the standard errors are those of `intervals.spread`.

    Accuracy against coverage (El-Yaniv & Wiener 2010, Journal of Machine Learning Research 11:1605) keeps the most
    confident share of verdicts; of verdicts that tie at the threshold each counts in part.

    Parameters
    ----------
    verdicts : DataFrame
        On the test images of every repeat, as `verdicts.parquet` has them, or on samples, with their `sample_id`.
    classes : list of str
        In the order of the probabilities.
    """
    repeat, group = pd.factorize(verdicts["repeat"])[0], pd.factorize(verdicts["group"])[0]
    called = pd.Categorical(verdicts["predicted"], categories=classes).codes
    confidence = np.empty(len(verdicts))
    for place, name in enumerate(classes):
        np.copyto(confidence, verdicts[f"p_{name}"].to_numpy(), where=called == place)
    right = (verdicts["label"] == verdicts["predicted"]).to_numpy(dtype=bool)
    unit = "sample_id" if "sample_id" in verdicts else "image_id"
    which = equal_mass(confidence, min(BINS, verdicts[unit].nunique() // IMAGES_IN_A_BIN))
    rows = []
    for place in range(which.max() + 1):
        inside = which == place
        found = share(cells(repeat, group, (right & inside, inside)))
        rows.append(_row("bin", inside, confidence[inside].mean(), found))
    levels = _Levels.of(confidence)
    for coverage in COVERAGES:
        weight = levels.most_confident(float(coverage))
        found = share(cells(repeat, group, (right * weight, weight)))
        rows.append(_row("coverage", weight, confidence[weight > 0].min(), found))
    weight = levels.most_confident(KEPT)
    kept = share(cells(repeat, group, (right * weight, weight)))
    error, by_chance = _calibration_error(repeat, group, confidence - right, which)
    return Calibration(error, by_chance, kept, pd.DataFrame(rows))


def equal_mass(confidence: np.ndarray, bins: int) -> np.ndarray:
    """Which bin each verdict falls in, from the least confident up; bins that ties leave empty are not counted."""
    edges = np.quantile(confidence, np.linspace(0, 1, max(1, bins) + 1)[1:-1])
    return np.unique(np.searchsorted(edges, confidence), return_inverse=True)[1]


def most_confident(confidence: np.ndarray, coverage: float) -> np.ndarray:
    """Weight 0 to 1 of each verdict, adding up to the share `coverage`; verdicts as confident as each other weigh
    the same."""
    return _Levels.of(confidence).most_confident(coverage)


@dataclass(frozen=True)
class _Levels:
    """Different confidences in falling order: how many verdicts have each, and which one each verdict has."""

    counts: np.ndarray
    place: np.ndarray

    @staticmethod
    def of(confidence: np.ndarray) -> _Levels:
        _, place, counts = np.unique(-confidence, return_inverse=True, return_counts=True)
        return _Levels(counts, place.astype(np.int32))

    def most_confident(self, coverage: float) -> np.ndarray:
        """See the function of this name."""
        before = np.cumsum(self.counts) - self.counts
        weights = np.clip((coverage * len(self.place) - before) / self.counts, 0.0, 1.0)
        return np.asarray(weights[self.place])


def _calibration_error(
    repeat: np.ndarray, group: np.ndarray, gap: np.ndarray, which: np.ndarray
) -> tuple[Estimate, float]:
    bins = which.max() + 1
    by_cell = cells(repeat, group, _columns_of_bins(gap, which, bins))
    groups = effective(by_cell[..., 0].sum(axis=0))
    deletions = delete_each(by_cell, lambda sums: np.abs(sums[:, 1:]).sum(axis=1) / _positive(sums[:, 0]))
    ends = interval(deletions.value, spread(deletions, groups), (0.0, 1.0), groups)
    errors = [
        spread(delete_each(by_cell[..., [0, place]], lambda sums: sums[:, 1] / _positive(sums[:, 0])), groups).error
        for place in range(1, bins + 1)
    ]
    return Estimate(deletions.value, *ends), float(np.sqrt(2 / np.pi) * np.sum(errors))


def _columns_of_bins(gap: np.ndarray, which: np.ndarray, bins: int) -> Iterator[np.ndarray]:
    """Ones, then the gaps of each bin and zeros elsewhere."""
    yield np.ones(len(gap))
    yield from (gap * (which == place) for place in range(bins))


def _positive(counts: np.ndarray) -> np.ndarray:
    return np.where(counts > 0, counts, np.nan)


def _row(part: str, weight: np.ndarray, confidence: float, found: Estimate) -> dict[str, object]:
    return {
        "part": part,
        "share": float(weight.mean()),
        "confidence": float(confidence),
        "accuracy": found.value,
        "low": found.low,
        "high": found.high,
        "verdicts": float(weight.sum()),
    }
