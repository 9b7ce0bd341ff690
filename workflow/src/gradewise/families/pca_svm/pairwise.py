"""Class probabilities from decisions between pairs of classes: a sigmoid per pair, then coupling of all pairs."""

from __future__ import annotations

from itertools import combinations

import numpy as np

CERTAIN = 1e-7
"""Probabilities of pairs are limited to this distance from 0 and 1."""

LARGEST_ODDS = 50.0
"""Logarithms of odds are limited to this magnitude, far beyond `CERTAIN`, so that exponentials stay finite."""

ROWS = 4096
"""Samples coupled at a time, which limits memory."""


def fit_sigmoids(decisions: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Platt's sigmoid for each pair of classes, fitted to the samples of the two classes.

    Targets are moved away from 0 and 1 as in Platt (1999, Probabilistic outputs for support vector machines, Advances
    in Large Margin Classifiers), so that separable pairs stay finite; counts are sums of weights.

    Parameters
    ----------
    decisions : ndarray, shape (n, pairs)
        Decisions on samples that the classifiers did not see, above zero for the first class of a pair. Pairs are in
        the order of `itertools.combinations`.
    targets : ndarray of int, shape (n,)
        0 to classes - 1, each of them present.
    weights : ndarray, shape (n,)

    Returns
    -------
    ndarray, shape (pairs, 2)
        Slope, never below zero, and offset of the logarithm of the odds for the first class.
    """
    # predicting needs no scikit-learn
    from sklearn.linear_model import LogisticRegression

    sigmoids = []
    for column, (first, second) in zip(decisions.T, combinations(range(int(targets.max()) + 1), 2), strict=True):
        rows = (targets == first) | (targets == second)
        positive, weight, scores = targets[rows] == first, weights[rows], column[rows][:, None]
        of_first, of_second = weight[positive].sum(), weight[~positive].sum()
        smoothed = np.where(positive, (of_first + 1) / (of_first + 2), 1 / (of_second + 2))
        # Logistic regression takes no targets between 0 and 1, so each sample counts for both classes. Its solver needs
        # values of about one, whereas decisions of a weak classifier may be tiny.
        scale = float(np.abs(scores).max()) or 1.0
        model = LogisticRegression(C=np.inf).fit(
            np.concatenate([scores, scores]) / scale,
            np.repeat([1, 0], len(scores)),
            sample_weight=np.concatenate([weight * smoothed, weight * (1 - smoothed)]),
        )
        slope, offset = model.coef_[0, 0] / scale, model.intercept_[0]
        if slope < 0:
            # Decisions that carry no information on unseen samples (a kernel far too narrow) may lean the wrong way by
            # chance, and the sigmoid would invert every one. Only the shares of the two classes are known.
            slope, offset = 0.0, float(np.log((of_first + 1) / (of_second + 1)))
        sigmoids.append((slope, offset))
    return np.array(sigmoids)


def couple(decisions: np.ndarray, sigmoids: np.ndarray, classes: int) -> np.ndarray:
    """Class probabilities that agree best with all pairs.

    The second method of Wu, Lin & Weng (2004), Probability estimates for multi-class classification by pairwise
    coupling, Journal of Machine Learning Research 5:975, which libsvm uses. With two classes it is the sigmoid.

    Parameters
    ----------
    decisions : ndarray, shape (n, pairs)
        As for `fit_sigmoids`.
    sigmoids : ndarray, shape (pairs, 2)
    classes : int

    Returns
    -------
    ndarray, shape (n, classes)
        Rows add up to one.
    """
    odds = decisions * sigmoids[:, 0] + sigmoids[:, 1]
    pairs = np.clip(1 / (1 + np.exp(-np.clip(odds, -LARGEST_ODDS, LARGEST_ODDS))), CERTAIN, 1 - CERTAIN)
    parts = [_couple(pairs[start : start + ROWS], classes) for start in range(0, len(pairs), ROWS)]
    return np.concatenate(parts) if parts else np.zeros((0, classes))


def _couple(pairs: np.ndarray, classes: int) -> np.ndarray:
    firsts, seconds = np.array(list(combinations(range(classes), 2))).T
    # Probability of each class against each other one.
    matrix = np.zeros((len(pairs), classes, classes))
    matrix[:, firsts, seconds] = pairs
    matrix[:, seconds, firsts] = 1 - pairs
    # Least squares, with a Lagrange multiplier for probabilities that add up to one.
    system = np.ones((len(pairs), classes + 1, classes + 1))
    system[:, :classes, :classes] = -matrix * matrix.transpose(0, 2, 1)
    diagonal = np.arange(classes)
    system[:, diagonal, diagonal] = np.sum(matrix**2, axis=1)
    system[:, classes, classes] = 0
    right_side = np.zeros((len(pairs), classes + 1, 1))
    right_side[:, classes] = 1
    probabilities = np.clip(np.linalg.solve(system, right_side)[:, :classes, 0], 0, None)
    return np.asarray(probabilities / probabilities.sum(axis=1, keepdims=True))
