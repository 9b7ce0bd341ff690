"""How new images differ from those of the dataset in brightness, contrast, sharpness and size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from gradewise.config.section import Section
from gradewise.evaluation.intervals import Spread, cells, delete_each, effective, spread
from gradewise.images.foresight import LEVEL

LEAST_GROUPS = 5
"""Groups on each side from which a difference has an interval: fewer do not tell how much groups differ."""


@dataclass(frozen=True)
class Statistic:
    """A number about an image that does not depend on its class alone.

    Attributes
    ----------
    name, title, unit : str
    of : callable
        From the manifest's and the fingerprint's columns of images to values, NaN where unknown.
    log : bool
        Whether images are compared on the logarithmic scale, where doubling counts the same everywhere.
    """

    name: str
    title: str
    unit: str
    of: Callable[[pd.DataFrame], pd.Series]
    log: bool = False

    def measure(self, images: pd.DataFrame) -> np.ndarray:
        """Values on the scale on which images are compared; NaN where unknown."""
        values = self.of(images).to_numpy(dtype=np.float64)
        # a blank image has no sharpness, whose logarithm would be infinite
        return np.log(np.where(values > 0, values, np.nan)) if self.log else values

    def typical(self, values: np.ndarray) -> float:
        """The mean of such values in the unit of the statistic; for logarithms the geometric mean."""
        if not np.isfinite(values).any():
            return float("nan")
        mean = float(np.nanmean(values))
        return float(np.exp(mean)) if self.log else mean


STATISTICS = (
    Statistic("brightness", "Brightness", "grey levels", lambda images: images["brightness"]),
    Statistic("contrast", "Contrast", "grey levels", lambda images: images["contrast"]),
    Statistic("sharpness", "Sharpness", "variance of the Laplacian", lambda images: images["sharpness"], log=True),
    Statistic("pixels", "Pixels", "megapixels", lambda images: images["width"] * images["height"] / 1e6, log=True),
    Statistic("aspect", "Width to height", "", lambda images: images["width"] / images["height"], log=True),
    Statistic("pixel_size", "Pixel size", "nm", lambda images: images["pixel_size_nm"], log=True),
)


class Drift(Section):
    """A statistic of new images beside that of the dataset's images; null: unknown."""

    statistic: str
    new: float
    dataset: float
    difference: float | None
    """In standard deviations between images of the dataset; null where these are all equal."""
    low: float | None
    high: float | None
    """Ends of the interval; intervals of all statistics together hold with 95 %."""

    @property
    def shown(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def measure_drift(new: pd.DataFrame, dataset: pd.DataFrame) -> list[Drift]:
    """Standardised differences between new images and those of the dataset.

    A difference of means is divided by the standard deviation between images of the dataset (Glass 1976, Educational
    Researcher 5:3). Its variance is that of the jackknife over groups on either side, and its degrees of freedom follow
    Satterthwaite. As the largest of several differences is large partly by chance, the intervals are widened so that
    all of them hold together (Bonferroni).

    Parameters
    ----------
    new, dataset : DataFrame
        Rows of the manifest with those of the fingerprints.

    Returns
    -------
    list of Drift
        For each statistic that is known on both sides.
    """
    sides = [
        [_Side.of(statistic.measure(images), images["group"]) for statistic in STATISTICS] for images in (new, dataset)
    ]
    known = [
        (statistic, mine, theirs)
        for statistic, mine, theirs in zip(STATISTICS, *sides, strict=True)
        if len(mine.known) and len(theirs.known)
    ]
    return [_compare(statistic, mine, theirs, len(known)) for statistic, mine, theirs in known]


@dataclass(frozen=True)
class _Side:
    """Known values of a statistic, and the group of each."""

    known: np.ndarray
    group: np.ndarray

    @staticmethod
    def of(values: np.ndarray, groups: pd.Series) -> _Side:
        is_known = np.isfinite(values)
        return _Side(values[is_known], pd.factorize(groups[is_known])[0])

    def vary(self, statistic: Callable[[np.ndarray], np.ndarray]) -> Spread:
        """Spread, over its groups, of a statistic of the sums of 1, value and square."""
        ones = np.ones(len(self.known))
        by_cell = cells(np.zeros(len(ones), dtype=int), self.group, np.stack([ones, self.known, self.known**2], 1))
        if by_cell.shape[1] < LEAST_GROUPS:
            return Spread(np.nan, np.nan)
        return spread(delete_each(by_cell, statistic), effective(by_cell[0, :, 0]))


def _compare(statistic: Statistic, new: _Side, dataset: _Side, compared: int) -> Drift:
    facts: dict[str, Any] = {
        "statistic": statistic.name,
        "new": statistic.typical(new.known),
        "dataset": statistic.typical(dataset.known),
    }
    middle = dataset.known.mean()
    # centred, as the variance is a difference of sums
    new, dataset = (_Side(side.known - middle, side.group) for side in (new, dataset))
    mean, deviation = new.known.mean(), dataset.known.std()
    if deviation < 1e-9:
        return Drift(**facts, difference=None, low=None, high=None)
    spreads = [
        new.vary(lambda sums: sums[:, 1] / sums[:, 0] / deviation),
        dataset.vary(lambda sums: (mean - sums[:, 1] / sums[:, 0]) / _deviation(sums)),
    ]
    difference, variances = mean / deviation, np.array([part.error**2 for part in spreads])
    if not np.isfinite(variances).all():
        return Drift(**facts, difference=difference, low=None, high=None)
    half = 0.0
    if variances.sum() > 0:
        freedom = variances.sum() ** 2 / sum(part.error**4 / part.freedom for part in spreads)
        half = float(stdtrit(freedom, 1 - (1 - LEVEL) / (2 * compared)) * np.sqrt(variances.sum()))
    return Drift(**facts, difference=difference, low=difference - half, high=difference + half)


def _deviation(sums: np.ndarray) -> np.ndarray:
    """Standard deviation from the sums of 1, value and square, shape (b, 3)."""
    mean = sums[:, 1] / sums[:, 0]
    return np.asarray(np.sqrt(np.maximum(sums[:, 2] / sums[:, 0] - mean**2, np.finfo(float).tiny)))
