"""Tests of the hypothesis that two models are equally good, each for its own design, and Holm's correction."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats

from gradewise.evaluation.intervals import Spread

Statistic = Callable[[np.ndarray], np.ndarray]
"""From confusion counts, shape (b, k, k), to a metric, shape (b,)."""

EXACT_UP_TO = 12
"""Groups up to which all swaps are tried rather than a random sample of them."""


def mcnemar(first_only: int, second_only: int) -> float:
    """Exact McNemar test on images that just one of two models gets right.

    Parameters
    ----------
    first_only, second_only : int
        Independent images that only the first, only the second model gets right.

    Returns
    -------
    float
        Two-sided binomial p value (McNemar 1947, Psychometrika 12:153; exact form: Fagerland, Lydersen & Laake 2013,
        BMC Medical Research Methodology 13:91); 1 without such images.
    """
    discordant = first_only + second_only
    return float(stats.binomtest(first_only, discordant).pvalue) if discordant else 1.0


def group_swap(first: np.ndarray, second: np.ndarray, statistic: Statistic, seed: int, draws: int = 9999) -> float:
    """Permutation test in which two models exchange their verdicts on whole groups.

    McNemar's test takes images as independent; images of one group are not. Were the models equally good, which model
    gave which verdicts on a group would be a coin's toss (a paired permutation test with the group as unit: Good 2005,
    Permutation, Parametric and Bootstrap Tests of Hypotheses, chapter 3). With one image a group and accuracy it is the
    exact McNemar test.

    Parameters
    ----------
    first, second : ndarray, shape (g, k, k)
        Confusion counts of each model by group.
    statistic : Statistic
    seed : int
        Of the random swaps.
    draws : int
        Random swaps where groups are too many to try all.

    Returns
    -------
    float
        Two-sided p value; random swaps count the observed one, so that it is never 0 (Phipson & Smyth 2010, Statistical
        Applications in Genetics and Molecular Biology 9:39). NaN where the metric is undefined.
    """
    middle, half = (first + second).sum(axis=0) / 2, (first - second) / 2
    half = half[np.any(half != 0, axis=(1, 2))]
    observed = float(np.abs(_difference(half.sum(axis=0)[None], middle, statistic))[0])
    if not np.isfinite(observed):
        return np.nan
    count = len(half)
    if count <= EXACT_UP_TO:
        signs = 1.0 - 2.0 * (np.arange(2**count)[:, None] >> np.arange(count) & 1)
    else:
        signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(draws, count))
    found = np.abs(_difference(np.tensordot(signs, half, axes=1), middle, statistic))
    # An undefined metric after a swap counts against a difference; equal values may differ in the last digit.
    extreme = int(np.sum(~(found < observed - 1e-12)))
    return extreme / len(signs) if count <= EXACT_UP_TO else (extreme + 1) / (draws + 1)


def _difference(half: np.ndarray, middle: np.ndarray, statistic: Statistic) -> np.ndarray:
    return statistic(middle + half) - statistic(middle - half)


def can_show(units: int) -> bool:
    """Whether exchanging so many units, images or groups, can give a two-sided p value below 5 % at all."""
    return 2.0 ** (1 - units) < 0.05


def resampled_spread(differences: np.ndarray, test_to_train: float) -> Spread:
    """Standard error that the corrected resampled t test gives the mean difference of repeated splits.

    Repeats share training images, so that their differences are correlated and the plain t test finds differences that
    are not there. The variance is multiplied by 1/J + n_test/n_train instead of 1/J (Nadeau & Bengio 2003, Machine
    Learning 52:239); for repeated k-fold, J counts every fold of every repeat (Bouckaert & Frank 2004, PAKDD, LNCS
    3056:3).

    Parameters
    ----------
    differences : ndarray, shape (J,)
        Metric of the first model minus that of the second on the test images of each split.
    test_to_train : float
        Number of test images for each training image.

    Returns
    -------
    Spread
        J - 1 degrees of freedom; NaN where the differences do not vary or there are fewer than two.
    """
    splits = len(differences)
    variance = float(np.var(differences, ddof=1)) if splits > 1 else 0.0
    if not variance > 1e-24:
        return Spread(np.nan, np.nan)
    return Spread(float(np.sqrt((1 / splits + test_to_train) * variance)), splits - 1)


def corrected_resampled_t(differences: np.ndarray, test_to_train: float) -> float:
    """Two-sided p value of the mean difference of repeated splits, shape (J,), by `resampled_spread`; NaN as there."""
    return clustered_t(float(differences.mean()), resampled_spread(differences, test_to_train))


def clustered_t(difference: float, spread: Spread) -> float:
    """Two-sided t test of a difference by its standard error over groups and repeats (see `intervals.spread`).

    For repeats that all test the same images: their differences share the draw of test images, which the corrected
    resampled t test, made for random splits, would leave out.
    """
    if not np.isfinite(spread.error):
        return np.nan
    if spread.error == 0:
        return 1.0 if difference == 0 else 0.0
    return float(2 * stats.t.sf(abs(difference) / spread.error, spread.freedom))


def holm(p_values: np.ndarray) -> np.ndarray:
    """Adjust p values for their number, step-down (Holm 1979, Scandinavian Journal of Statistics 6:65).

    NaN stays NaN and is not counted.
    """
    adjusted = np.full(len(p_values), np.nan)
    known = np.flatnonzero(np.isfinite(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    steps = (len(order) - np.arange(len(order))) * p_values[order]
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
