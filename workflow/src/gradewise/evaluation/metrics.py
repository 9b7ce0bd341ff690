"""What is measured: every metric as a function of sums that add up over samples.

Confusion counts, summed losses and counted pairs are all that a metric needs. Because they add up, the same functions
give a metric for one run, for all repeats together, or for every set that lacks one group, in one array operation.
Undefined values (a class that is absent, say) are NaN, never 0.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

Key = tuple[str, str | None]
"""A metric's name and the class it speaks of; None for all classes together."""

ORDERED = ("quadratic_kappa", "adjacent_accuracy", "grade_error", "far_errors")
"""Metrics that only ordered classes have."""


def confusions(truth: np.ndarray, predicted: np.ndarray, group: np.ndarray, groups: int, classes: int) -> np.ndarray:
    """Confusion counts of each group.

    Parameters
    ----------
    truth, predicted, group : ndarray of int, shape (n,)
        Positions of true class, predicted class and group.
    groups, classes : int
        How many there are.

    Returns
    -------
    ndarray of float64, shape (groups, classes, classes)
        Row: truth, column: prediction.
    """
    cells = (group * classes + truth) * classes + predicted
    counts = np.bincount(cells, minlength=groups * classes**2).astype(np.float64)
    return counts.reshape(groups, classes, classes)


def from_confusion(
    confusion: np.ndarray, classes: list[str], ordered: bool, costs: np.ndarray | None = None
) -> dict[Key, np.ndarray]:
    """Metrics of confusion counts.

    Precision, recall, F score and accuracy are Equations 1 to 4 of the nanofibre paper, taken
    for each class in turn as the positive one, and averaged without weights (macro) as in the last line of its Table 4.
    Quadratic weighted kappa is Cohen (1968), Psychological Bulletin 70:213. Grades are positions in `classes`:
    `adjacent_accuracy` is the share at most one grade away, `grade_error` the mean absolute difference in grades, and
    `far_errors` the share two or more grades away. `cost_per_100` is the mean cost of an answer (the empirical risk
    under a cost matrix; Elkan 2001, IJCAI 973) times 100.

    Parameters
    ----------
    confusion : ndarray, shape (..., k, k)
        Row: truth, column: prediction.
    classes : list of str
        Names of the k classes.
    ordered : bool
        Adds the metrics of `ORDERED`.
    costs : ndarray, shape (k, k), optional
        Cost of each answer, laid out as the counts; adds `cost_per_100`.

    Returns
    -------
    dict of ndarray, shape (...)
    """
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    true, called, total = confusion.sum(axis=-1), confusion.sum(axis=-2), confusion.sum(axis=(-2, -1))
    precision, recall, f1 = _ratio(hits, called), _ratio(hits, true), _ratio(2 * hits, true + called)
    found: dict[Key, np.ndarray] = {
        ("accuracy", None): _ratio(hits.sum(axis=-1), total),
        ("balanced_accuracy", None): recall.mean(axis=-1),
    }
    for name, values in (("precision", precision), ("recall", recall), ("f1", f1)):
        found[name, None] = values.mean(axis=-1)
        found |= {(name, which): values[..., position] for position, which in enumerate(classes)}
    if ordered:
        grades = np.arange(len(classes))
        distance = np.abs(grades[:, None] - grades)
        chance = _ratio(true[..., :, None] * called[..., None, :], total[..., None, None])
        squares = distance**2
        kappa = 1 - _ratio((confusion * squares).sum(axis=(-2, -1)), (chance * squares).sum(axis=(-2, -1)))
        found["quadratic_kappa", None] = kappa
        found["adjacent_accuracy", None] = _ratio((confusion * (distance <= 1)).sum(axis=(-2, -1)), total)
        found["grade_error", None] = _ratio((confusion * distance).sum(axis=(-2, -1)), total)
        found["far_errors", None] = _ratio((confusion * (distance >= 2)).sum(axis=(-2, -1)), total)
    if costs is not None:
        found["cost_per_100", None] = 100 * _ratio((confusion * costs).sum(axis=(-2, -1)), total)
    return found


def bounds(name: str, classes: int, costs: np.ndarray | None = None) -> tuple[float, float]:
    """Least and greatest value that a metric can take."""
    if name == "cost_per_100" and costs is not None:
        return 100 * float(costs.min()), 100 * float(costs.max())
    limits = {
        "quadratic_kappa": (-1.0, 1.0),
        "grade_error": (0.0, classes - 1.0),
        "log_loss": (0.0, np.inf),
        "brier_score": (0.0, 1.0 if classes == 2 else 2.0),
    }
    return limits.get(name, (0.0, 1.0))


def losses(probabilities: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Log loss and Brier score of each sample.

    Log loss is the negative natural logarithm of the true class's probability, which is kept from 0 by the resolution
    of float32 as in scikit-learn. The score of Brier (1950), Monthly Weather Review 78:1, is the squared distance
    between probabilities and truth summed over classes, halved for two classes so that it lies between 0 and 1.

    Parameters
    ----------
    probabilities : ndarray, shape (n, k)
    truth : ndarray of int, shape (n,)

    Returns
    -------
    ndarray, shape (n, 2)
    """
    n, k = probabilities.shape
    of_truth = probabilities[np.arange(n), truth]
    smallest = float(np.finfo(np.float32).eps)
    distance = ((probabilities - np.eye(k)[truth]) ** 2).sum(axis=1)
    return np.stack([-np.log(np.clip(of_truth, smallest, 1 - smallest)), distance / (2 if k == 2 else 1)], axis=1)


def pairs_won(
    scores: np.ndarray, positive: np.ndarray, group: np.ndarray, groups: int
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of a positive and a negative sample that scores put in order: with all groups and without each one.

    The area under the ROC curve is the share of pairs won (Hanley & McNeil 1982, Radiology 143:29; ties count half).
    Leaving out a group takes away its positives' pairs and its negatives' pairs, and those counted in both once only.

    Parameters
    ----------
    scores : ndarray, shape (n,)
    positive : ndarray of bool, shape (n,)
    group : ndarray of int, shape (n,)
    groups : int

    Returns
    -------
    won, pairs : ndarray, shape (1 + groups,)
        Position 0 holds all groups, position 1 + g what is left without group g.
    """
    order = np.unique(scores, return_inverse=True)[1].astype(np.int64)
    of_positive, of_negative = group[positive], group[~positive]
    positives = np.bincount(of_positive, minlength=groups).astype(np.float64)
    negatives = np.bincount(of_negative, minlength=groups).astype(np.float64)
    below = _negatives_below(order, positive)
    above = positives.sum() - _negatives_below(order, ~positive)
    by_group = group * (order.max(initial=0) + 1) + order
    earlier = np.cumsum(negatives) - negatives
    inside = _negatives_below(by_group, positive) - earlier[of_positive]
    lost = np.bincount(of_positive, weights=below - inside, minlength=groups) + np.bincount(
        of_negative, weights=above, minlength=groups
    )
    won = below.sum() - np.concatenate([[0.0], lost])
    left_positive = positives.sum() - np.concatenate([[0.0], positives])
    left_negative = negatives.sum() - np.concatenate([[0.0], negatives])
    return won, left_positive * left_negative


def _negatives_below(keys: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """For each positive, how many negatives have a lower key, ties half."""
    return rankdata(keys)[positive] - rankdata(keys[positive])


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(np.broadcast_shapes(part.shape, whole.shape), np.nan), where=whole > 0)
