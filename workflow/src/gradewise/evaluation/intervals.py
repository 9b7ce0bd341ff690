"""95 % intervals that respect groups and repeats.

What is estimated is the value to expect on new groups from a model trained on a set of this size. Two things make an
observed value stray from it: which groups happened to be tested, and which training set (and random start) each repeat
drew. The first is estimated by leaving out one group at a time from all repeats at once, so that testing the same
images again in another repeat never counts as new evidence; the second by how much more the repeats differ than their
groups explain. With a single repeat the second cannot be seen, and the interval speaks of the model as trained. Neither
sees that all repeats draw on one data set, for which no unbiased estimate exists (Bengio & Grandvalet 2004, Journal of
Machine Learning Research 5:1089).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit

from gradewise.images.foresight import LEVEL

Combine = Callable[[np.ndarray], np.ndarray]
"""A linear function of sums, from shape (parts, ...) to shape (sets, ...): which parts make up each set of samples."""


@dataclass(frozen=True)
class Deletions:
    """A statistic, and how it changes when something is left out.

    Attributes
    ----------
    value : float
        With everything.
    groups : ndarray, shape (g,)
        Change when a group is left out of every repeat; only groups that were tested.
    repeats : ndarray, shape (r,)
        Change when a repeat is left out; one zero where there is just one.
    cells : ndarray, shape (r, g)
        Change when a group is left out of one repeat.
    """

    value: float
    groups: np.ndarray
    repeats: np.ndarray
    cells: np.ndarray

    def __neg__(self) -> Deletions:
        return Deletions(-self.value, -self.groups, -self.repeats, -self.cells)

    def __sub__(self, other: Deletions) -> Deletions:
        return Deletions(
            self.value - other.value,
            self.groups - other.groups,
            self.repeats - other.repeats,
            self.cells - other.cells,
        )


def cells(repeat: np.ndarray, group: np.ndarray, values: np.ndarray | Iterable[np.ndarray]) -> np.ndarray:
    """Sums of each repeat and group.

    Parameters
    ----------
    repeat, group : ndarray of int, shape (n,)
        Positions; every one below the highest occurs.
    values : ndarray, shape (n, m), or its m columns

    Returns
    -------
    ndarray, shape (repeats, groups, m)
    """
    shape = (int(repeat.max()) + 1, int(group.max()) + 1)
    at = repeat * shape[1] + group
    columns = values.T if isinstance(values, np.ndarray) else values
    sums = [np.bincount(at, weights=column, minlength=shape[0] * shape[1]) for column in columns]
    return np.stack(sums, axis=1).reshape(*shape, -1)


def delete_each(by_cell: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray]) -> Deletions:
    """A statistic over all repeats, and how it changes without each group, repeat, and group in one repeat.

    Parameters
    ----------
    by_cell : ndarray, shape (repeats, groups, ...)
        Sums of each repeat and group.
    statistic : callable
        From sums, shape (b, ...), to values, shape (b,).
    """
    repeats, groups = by_cell.shape[:2]
    sums = by_cell.reshape(repeats * groups, *by_cell.shape[2:])
    return delete_cells(repeats, groups, lambda combine: statistic(combine(sums)))


def delete_cells(repeats: int, groups: int, statistic: Callable[[Combine], np.ndarray]) -> Deletions:
    """As `delete_each`, of sums that are known to the statistic alone.

    Parameters
    ----------
    repeats, groups : int
    statistic : callable
        From a way to combine the sums of each repeat and group, repeat by repeat, to the values of what results.
    """

    def by_repeat(sums: np.ndarray) -> np.ndarray:
        return sums.reshape(repeats, groups, *sums.shape[1:])

    value = statistic(lambda sums: sums.sum(axis=0, keepdims=True))
    without_group = statistic(lambda sums: sums.sum(axis=0) - by_repeat(sums).sum(axis=0)) - value
    if repeats == 1:
        return Deletions(float(value[0]), without_group, np.zeros(1), without_group[None])
    without_repeat = statistic(lambda sums: sums.sum(axis=0) - by_repeat(sums).sum(axis=1)) - value
    without_cell = statistic(lambda sums: sums.sum(axis=0) - sums) - value
    return Deletions(float(value[0]), without_group, without_repeat, without_cell.reshape(repeats, groups))


@dataclass(frozen=True)
class Spread:
    """Standard error of a statistic and its degrees of freedom; NaN where it cannot be known."""

    error: float
    freedom: float


def spread(deletions: Deletions, groups: float, test_to_train: float = 0.0) -> Spread:
    """Standard error from groups left out, plus what repeats differ beyond that.

    The part of the groups is the delete-one jackknife (Efron 1982, The Jackknife, the Bootstrap and Other Resampling
    Plans, chapter 3) with the group as unit. The part of the repeats is the variance between them less what the groups'
    draws alone would give, in the manner of two-way clustering (Cameron, Gelbach & Miller 2011, Journal of Business &
    Economic Statistics 29:238), never below zero. Degrees of freedom after Satterthwaite (1946), Biometrics Bulletin
    2:110.

    Parameters
    ----------
    deletions : Deletions
    groups : float
        Effective number of groups, see `effective`.
    test_to_train : float
        Test images for each training image. More than 0 widens the part of the repeats for training sets that overlap,
        from 1 / r to 1 / r + test_to_train times their variance (Nadeau & Bengio 2003, Machine Learning 52:239).
    """
    count, repeats = len(deletions.groups), len(deletions.repeats)
    if count < 2 or groups <= 1:
        return Spread(np.nan, np.nan)
    by_group = (count - 1) / count * float(np.sum(deletions.groups**2))
    freedom = _freedom(deletions.groups, groups)
    if repeats == 1:
        return Spread(float(np.sqrt(by_group)), freedom)
    share = (repeats - 1) / repeats
    by_repeat = float(np.sum((share * deletions.repeats) ** 2))
    by_cell = float(np.sum(deletions.cells**2))
    of_training = max(0.0, (by_repeat - by_cell + by_group / repeats) / share) * (1 + repeats * test_to_train)
    total = by_group + of_training
    if total > 0:
        freedom = total**2 / (by_group**2 / freedom + of_training**2 / (repeats - 1))
    return Spread(float(np.sqrt(total)), freedom)


def _freedom(changes: np.ndarray, groups: float) -> float:
    """Degrees of freedom of a variance that a few groups may carry alone.

    2n / (kurtosis - (n - 3) / (n - 1)) of O'Neill (2014), The American Statistician 68:282, which is n - 1 under
    normality and falls towards 2 where a single group differs from the rest.
    """
    n = len(changes)
    squares = float(np.sum(changes**2))
    if n < 2 or squares == 0:
        return max(groups - 1, 1.0)
    kurtosis = n * float(np.sum(changes**4)) / squares**2
    return float(np.clip(2 * n / (kurtosis - (n - 3) / (n - 1)), 1.0, max(groups - 1, 1.0)))


def effective(sizes: np.ndarray) -> float:
    """Effective number of groups of unequal sizes: (sum)^2 / sum of squares (Kish 1965, Survey Sampling), 0 of none."""
    squares = float(np.sum(sizes**2))
    return float(np.sum(sizes)) ** 2 / squares if squares else 0.0


def wilson(share: float, count: float, quantile: float) -> tuple[float, float]:
    """Score interval of a share.

    Wilson (1927), Journal of the American Statistical Association 22:209; with an effective count and a quantile of
    Student's t it serves clustered data (Dean & Pagano 2015, Journal of Survey Statistics and Methodology 3:484).

    Parameters
    ----------
    share : float
        Observed, 0 to 1.
    count : float
        How many independent trials, or as many as the data are worth.
    quantile : float
        Of the normal or t distribution, 1.96 for 95 %.
    """
    weight = quantile**2 / count
    middle = (share + weight / 2) / (1 + weight)
    half = quantile / (1 + weight) * np.sqrt(share * (1 - share) / count + weight / (4 * count))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def interval(
    value: float, spread: Spread, bounds: tuple[float, float], groups: float, singletons: int | None = None
) -> tuple[float, float]:
    """95 % interval of a metric.

    Parameters
    ----------
    value : float
    spread : Spread
    bounds : tuple of float
        Least and greatest value the metric can take; the interval stays inside, (0, inf) is handled on the log scale.
    groups : float
        Effective number of groups; what an observed extreme (all right, say) is worth.
    singletons : int or None
        Number of trials where the metric is a share of images that each stand alone in one test set: plain Wilson.

    Returns
    -------
    low, high : float
        NaN where nothing can be said: an undefined value, or too few groups.
    """
    low, high = bounds
    if singletons is not None and np.isfinite(value) and singletons > 0:
        return wilson(value, singletons, float(ndtri((1 + LEVEL) / 2)))
    if not np.isfinite(value) or not np.isfinite(spread.error):
        return np.nan, np.nan
    quantile = float(stdtrit(spread.freedom, (1 + LEVEL) / 2))
    if np.isinf(high):
        factor = np.exp(quantile * spread.error / value) if value > 0 else np.nan
        return value / factor, value * factor
    share = min(max((value - low) / (high - low), 0.0), 1.0)
    error = spread.error / (high - low)
    # Without any spread the groups agreed to the last: each is then worth one trial at most.
    unanimous = error < 1e-9 or min(share, 1 - share) < 1e-9
    count = groups if unanimous else share * (1 - share) / error**2
    ends = wilson(share, count, quantile)
    return low + (high - low) * ends[0], low + (high - low) * ends[1]


def difference_interval(difference: float, spread: Spread, scale: float) -> tuple[float, float]:
    """95 % interval of a difference between two models, by Student's t, inside -scale to scale; NaN where unknown."""
    if not np.isfinite(difference) or not np.isfinite(spread.error):
        return np.nan, np.nan
    half = float(stdtrit(spread.freedom, (1 + LEVEL) / 2)) * spread.error
    return max(-scale, difference - half), min(scale, difference + half)
