"""Sums that metrics are functions of: confusion counts, losses and pairs of samples put in order."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from gradewise.metrics import METRICS, Counts


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


def count(test: pd.DataFrame, groups: pd.Index, classes: list[str]) -> np.ndarray:
    """Confusion counts of one model's verdicts on test images.

    Parameters
    ----------
    test : DataFrame
        repeat, group, label, predicted.
    groups : Index of str
        All groups to count by, those without images here too.
    classes : list of str

    Returns
    -------
    ndarray of float64, shape (repeats, groups, k, k)
        Row: truth, column: prediction.
    """
    repeat, repeats = pd.factorize(test["repeat"], sort=True)
    truth = pd.Categorical(test["label"], categories=classes).codes.astype(np.int64)
    called = pd.Categorical(test["predicted"], categories=classes).codes.astype(np.int64)
    cells = repeat * len(groups) + groups.get_indexer(test["group"])
    counts = confusions(truth, called, cells, len(repeats) * len(groups), len(classes))
    return counts.reshape(len(repeats), len(groups), len(classes), len(classes))


def accuracy(confusion: np.ndarray) -> np.ndarray:
    """Accuracy of confusion counts, shape (..., k, k)."""
    return METRICS["accuracy"].overall(Counts(confusion))


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
    return np.asarray(rankdata(keys)[positive] - rankdata(keys[positive]))
