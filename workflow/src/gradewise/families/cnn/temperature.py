"""Temperature scaling: one number that matches the confidence of a network to its accuracy."""

from __future__ import annotations

import numpy as np
import scipy  # loads its parts when they are first used
from scipy.special import log_softmax, stdtrit

LIMITS = (0.05, 20.0)
"""Range of the temperature; an optimum outside it is replaced by the nearer limit."""

LEAST_GROUPS = 5
"""Validation groups from which a temperature may be used; fewer agree by chance too often."""

FOLDS = 10


def choose_temperature(scores: np.ndarray, targets: np.ndarray, groups: np.ndarray) -> float:
    """The temperature of `fit_temperature` if other groups confirm that it helps, otherwise 1.

    On few groups the best temperature depends on a handful of mistakes and makes probabilities of other images worse.
    Each tenth of the groups therefore tells how much log loss it gains by the temperature fitted on all other groups
    (cross-fitting), and a temperature is used only if the mean gain is above zero at 97.5 %, by Student's t with groups
    as units.

    Parameters
    ----------
    scores, targets : ndarray
        As for `fit_temperature`.
    groups : ndarray, shape (n,)
        Name of each sample's group. With fewer than `LEAST_GROUPS` of them the temperature is 1.
    """
    codes = np.unique(groups, return_inverse=True)[1]
    sizes = np.bincount(codes)
    count = len(sizes)
    if count < LEAST_GROUPS:
        return 1.0
    gain = np.empty(len(targets))
    for fold in range(min(FOLDS, count)):
        held_out = codes % FOLDS == fold
        temperature = fit_temperature(scores[~held_out], targets[~held_out])
        gain[held_out] = _log_loss(scores[held_out], targets[held_out])
        gain[held_out] -= _log_loss(scores[held_out] / temperature, targets[held_out])
    mean = gain.mean()
    # Standard error of a ratio, since groups differ in size (Cochran 1977, Sampling Techniques, section 6.3).
    residuals = np.bincount(codes, weights=gain) - mean * sizes
    error = np.sqrt(count / (count - 1) * np.sum(residuals**2)) / len(gain)
    return fit_temperature(scores, targets) if mean > stdtrit(count - 1, 0.975) * error else 1.0


def _log_loss(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Log loss of each sample."""
    return -np.asarray(log_softmax(scores, axis=1)[np.arange(len(targets)), targets])


def fit_temperature(scores: np.ndarray, targets: np.ndarray) -> float:
    """The temperature that minimises log loss.

    Dividing scores by it before softmax does not change the most probable class (Guo et al. 2017, On calibration of
    modern neural networks, ICML, PMLR 70:1321, section 4.2). The loss is convex in the inverse temperature, over which
    the search runs. The target for a class with n samples is (n + 1) / (n + k) instead of 1, and the other classes
    share the rest, which extends Platt (1999, Probabilistic outputs for support vector machines, section 2.2) to k
    classes: a network must not become certain because it is right on a few samples.

    Parameters
    ----------
    scores : ndarray, shape (n, k)
        Scores before softmax of samples that were not used for training.
    targets : ndarray of int, shape (n,)
        Positions of the true classes.

    Returns
    -------
    float
        Above 1 if the network was overconfident, below 1 if it was underconfident.
    """
    scores = np.asarray(scores, dtype=np.float64)
    classes = scores.shape[1]
    rest = 1 / (np.bincount(targets, minlength=classes)[targets] + classes)
    smoothed = np.repeat(rest[:, None], classes, axis=1)
    smoothed[np.arange(len(targets)), targets] = 1 - (classes - 1) * rest

    def loss(inverse: float) -> float:
        return -float((smoothed * log_softmax(scores * inverse, axis=1)).sum(axis=1).mean())

    optimum = scipy.optimize.minimize_scalar(
        loss, bounds=(1 / LIMITS[1], 1 / LIMITS[0]), method="bounded", options={"xatol": 1e-6}
    )
    return 1 / float(optimum.x)
