"""Whether parts of the test differ in accuracy, which of them stand out, and what to expect of each.

The parts are tested together, by exchanging what belongs to which part, before any of them is looked at alone. The
accuracy to expect of a part is its own, drawn towards the others by as much as chance makes parts of its size stray.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from gradewise.images.foresight import POWER

DRAWS = 1999


@dataclass(frozen=True)
class Units:
    """What is drawn anew: groups, or parts of them.

    Attributes
    ----------
    part : ndarray of int, shape (u,)
        The part that each unit belongs to, 0 .. p - 1.
    block : ndarray of int, shape (u,)
        Ascending. Units exchange their parts within a block.
    hits, trials : ndarray, shape (u,)
        Right verdicts and verdicts of each unit, over all repeats.
    """

    part: np.ndarray
    block: np.ndarray
    hits: np.ndarray
    trials: np.ndarray

    @property
    def accuracy(self) -> np.ndarray:
        """Accuracy of each part, shape (p,)."""
        return np.asarray(self.sums(self.hits) / self.sums(self.trials))

    @property
    def scale(self) -> np.ndarray:
        """Standard error of each part, shape (p,), in terms of a unit's: 1 / sqrt(n) for n units of equal size."""
        return np.asarray(np.sqrt(self.sums(self.trials**2)) / self.sums(self.trials))

    @property
    def deviation(self) -> float:
        """Standard deviation of a unit's accuracy within its part; at least one part must have several units."""
        several = (np.bincount(self.part) > 1)[self.part]
        units, parts = int(several.sum()), len(np.unique(self.part[several]))
        residuals = (self.hits - self.trials * self.accuracy[self.part])[several]
        return float(np.sqrt(np.sum(residuals**2) / np.sum(self.trials[several] ** 2) * units / (units - parts)))

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sums of the units' values in each part, shape (p,)."""
        return np.bincount(self.part, weights=values)

    def standing_out(self) -> np.ndarray:
        """How far each part's accuracy is from that of all, shape (p,), in multiples of `scale`."""
        return np.asarray(np.abs(self.accuracy - self.hits.sum() / self.trials.sum()) / self.scale)


def compare_parts(units: Units, level: float) -> tuple[np.ndarray, np.ndarray]:
    """P value of each part, adjusted for their number, and the deviation of a part that would be detected.

    The parts of units are exchanged at random, and the largest deviation of any part is recorded (Westfall & Young
    1993, Resampling-Based Multiple Testing, chapter 2). The smallest p value is thus that of a test of all parts
    together. No p value is 0, since the observed parts count as a draw (Phipson & Smyth 2010, Statistical Applications
    in Genetics and Molecular Biology 9:39).

    Parameters
    ----------
    units : Units
    level : float
        P value below which a part counts as different.

    Returns
    -------
    p_values : ndarray, shape (p,)
    detectable : ndarray, shape (p,)
        Difference from the accuracy of all that is detected with a probability of `POWER`; NaN where all verdicts are
        alike.
    """
    generator, count = np.random.default_rng(0), len(units.part)
    one_block = units.block[0] == units.block[-1]
    largest = np.empty(DRAWS)
    for draw in range(DRAWS):
        # sorting takes far longer than a permutation of many units
        order = generator.permutation(count) if one_block else np.lexsort((generator.random(count), units.block))
        exchanged = Units(units.part[order], units.block, units.hits, units.trials)
        largest[draw] = exchanged.standing_out().max()
    reached = largest[:, None] >= units.standing_out() - 1e-9
    p_values = (1 + reached.sum(axis=0)) / (DRAWS + 1)
    threshold = float(np.quantile(largest, 1 - level, method="higher"))
    detectable = (threshold + ndtri(POWER) * units.deviation) * units.scale
    return p_values, detectable if threshold > 0 else np.full(len(p_values), np.nan)


def shrink(units: Units) -> np.ndarray:
    """Accuracy to expect of each part, shape (p,).

    Parts are taken to stray around a common mean by a variance that is estimated by moments (DerSimonian & Laird 1986,
    Controlled Clinical Trials 7:177); each is drawn towards the mean by the share of its deviation that its own
    sampling error explains (Efron & Morris 1975, Journal of the American Statistical Association 70:311).
    """
    accuracy, errors = units.accuracy, units.deviation**2 * units.scale**2
    if units.deviation == 0:
        return accuracy
    weights = 1 / errors
    mean = np.average(accuracy, weights=weights)
    excess = np.sum(weights * (accuracy - mean) ** 2) - (len(accuracy) - 1)
    between = max(0.0, float(excess / (weights.sum() - np.sum(weights**2) / weights.sum())))
    mean = np.average(accuracy, weights=1 / (errors + between))
    return np.asarray(mean + between / (errors + between) * (accuracy - mean))


def holm(p_values: np.ndarray) -> np.ndarray:
    """Adjust p values for their number, step-down (Holm 1979, Scandinavian Journal of Statistics 6:65)."""
    order = np.argsort(p_values, kind="stable")
    adjusted = np.empty(len(p_values))
    steps = (len(order) - np.arange(len(order))) * p_values[order]
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
