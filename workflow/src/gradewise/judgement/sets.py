"""Prediction sets: the classes that an image can have, chosen so that a promised share of sets holds the true class.

A class is in the set of an image if the model gives it at least a certain probability, and the predicted class always
is. The threshold comes from images of groups that the model had not seen, with the group as the unit: split conformal
prediction (Sadinle, Lei & Wasserman 2019, Journal of the American Statistical Association 114:223) with one image drawn
from each group, which keeps its promise for a new image of a new group whatever the data are like (Dunn, Wasserman &
Ramdas 2023, Journal of the American Statistical Association 118:2491). As the threshold of a single draw depends on
chance, the median over many draws is used. In simulations it keeps the promise (see `bench/prediction_sets.txt`);
proven is only that sets miss the true class at most twice as often as promised (Rüger 1978, Metrika 25:171).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from gradewise.config.section import Section

DRAWS = 999
"""How often one image of each group is drawn: an odd number, so that the median is one of the thresholds."""

MOST_DRAWN = 20_000_000
"""Images drawn in all; with very many groups, fewer draws will do."""

COVERAGES = (*(percent / 100 for percent in range(50, 100)), 0.995, 0.999)
"""Coverages that can be asked for, as far as the groups suffice."""


class Threshold(Section):
    """The least probability of the classes in a set that holds the true class with some coverage."""

    coverage: float = Field(gt=0, lt=1)
    least_probability: float = Field(ge=0, le=1)


class PredictionSets(Section):
    """What it takes to give the classes that an image can have."""

    groups: int = Field(description="tested groups that the thresholds come from")
    thresholds: tuple[Threshold, ...] = Field(description="by coverage, ascending")

    def least_probability(self, coverage: float) -> float | None:
        """The least probability of the classes in a set; None if there is no threshold for this coverage."""
        for threshold in self.thresholds:
            if abs(threshold.coverage - coverage) < 1e-9:
                return threshold.least_probability
        return None


def highest_coverage(groups: int) -> float:
    """The highest coverage that so many groups can promise: 1 - 1 / (groups + 1)."""
    return 1 - 1 / (groups + 1)


def in_set(probabilities: np.ndarray, least_probability: float | np.ndarray, predicted: int | np.ndarray) -> np.ndarray:
    """Which classes are in the set of each image.

    Parameters
    ----------
    probabilities : ndarray, shape (n, k)
    least_probability : float or ndarray, shape (n,)
    predicted : int or ndarray of int, shape (n,)
        Position of the predicted class, which is in the set in any case.

    Returns
    -------
    ndarray of bool, shape (n, k)
    """
    inside = probabilities >= np.reshape(least_probability, (-1, 1))
    inside[np.arange(len(probabilities)), predicted] = True
    return inside


@dataclass(frozen=True)
class Drawn:
    """Probabilities of the true class, drawn again and again for one image of each group.

    Attributes
    ----------
    drawn : ndarray, shape (draws, groups)
    ordered : ndarray, shape (draws, groups)
        The same, ascending in each draw.
    """

    drawn: np.ndarray
    ordered: np.ndarray

    @property
    def groups(self) -> int:
        """Number of groups."""
        return int(self.drawn.shape[1])

    def least_probability(self, coverage: float) -> float | None:
        """The threshold from all groups; None if they are too few for this coverage."""
        place = _place(coverage, self.groups)
        return None if place < 0 else float(np.median(self.ordered[:, place]))

    def without_each(self, coverage: float) -> np.ndarray | None:
        """The thresholds from all groups but one, shape (groups,); None if they are too few for this coverage."""
        place = _place(coverage, self.groups - 1)
        if place < 0:
            return None
        low, high = self.ordered[:, place, None], self.ordered[:, place + 1, None]
        return np.asarray(np.median(np.where(self.drawn <= low, high, low), axis=0))


def draw(of_truth: np.ndarray, group: np.ndarray, rng: np.random.Generator) -> Drawn:
    """Draw one image of each group, many times.

    Parameters
    ----------
    of_truth : ndarray, shape (n,)
        Probability that the model gave to the true class of each image.
    group : ndarray of int, shape (n,)
        Positions; every one below the highest occurs.
    rng : Generator
    """
    sizes = np.bincount(group)
    by_group = of_truth[np.argsort(group, kind="stable")]
    starts = np.cumsum(sizes) - sizes
    draws = 1 if sizes.max() == 1 else min(DRAWS, 2 * (MOST_DRAWN // len(sizes) // 2) + 1)
    drawn = by_group[starts + rng.integers(0, sizes, (draws, len(sizes)))]
    return Drawn(drawn, np.sort(drawn, axis=1))


def _place(coverage: float, groups: int) -> int:
    """Position of the threshold among the probabilities of so many groups, ascending; below 0 if there is none."""
    # rounding must not turn a coverage of exactly (n - 1) / n into a higher one
    return groups - math.ceil(coverage * (groups + 1) - 1e-9)
