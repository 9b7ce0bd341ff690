"""Temperature scaling: one number that makes a network's probabilities as sure as its answers are right."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

LIMITS = (0.05, 20.0)
"""Where the optimum lies outside, the nearer limit is taken."""


SURE = 2.0
"""Standard errors by which a temperature must lower the loss to be used."""


def choose_temperature(scores: np.ndarray, targets: np.ndarray, groups: np.ndarray) -> float:
    """The temperature of `fit_temperature` where the groups agree that it helps, else 1.

    On few groups the best temperature follows a handful of mistakes and makes probabilities of other images worse. It
    is used only where the mean gain in log loss is `SURE` standard errors above zero, groups being the unit.

    Parameters
    ----------
    scores, targets : ndarray
        As for `fit_temperature`.
    groups : ndarray, shape (n,)
        Name of each sample's group.
    """
    found = fit_temperature(scores, targets)
    at = np.arange(len(targets))
    gain = log_softmax(scores / found, axis=1)[at, targets] - log_softmax(scores, axis=1)[at, targets]
    codes = np.unique(groups, return_inverse=True)[1]
    sums, sizes = np.bincount(codes, weights=gain), np.bincount(codes)
    if len(sums) < 2:
        return 1.0
    mean = gain.mean()
    # the ratio estimator's standard error, as groups differ in size (Cochran 1977, Sampling Techniques, section 6.3)
    error = np.sqrt(len(sums) / (len(sums) - 1) * np.sum((sums - mean * sizes) ** 2)) / len(gain)
    return found if mean > SURE * error else 1.0


def fit_temperature(scores: np.ndarray, targets: np.ndarray) -> float:
    """The temperature that minimises log loss.

    Dividing scores by it before softmax leaves the most probable class as it is (Guo et al. 2017, On calibration of
    modern neural networks, ICML, PMLR 70:1321, section 4.2). The loss is convex in its inverse, which is searched. Of a
    class with n samples the target is (n + 1) / (n + k) rather than 1, the rest being shared by the other classes, as
    Platt (1999, Probabilistic outputs for support vector machines, section 2.2) has it for two: a network that is right
    on all of a few samples must not become certain.

    Parameters
    ----------
    scores : ndarray, shape (n, k)
        Before softmax, of samples that trained nothing.
    targets : ndarray of int, shape (n,)
        Positions of the true classes.

    Returns
    -------
    float
        Above 1 where the network was too sure of itself, below 1 where it was not sure enough.
    """
    scores = np.asarray(scores, dtype=np.float64)
    classes = scores.shape[1]
    spare = 1 / (np.bincount(targets, minlength=classes)[targets] + classes)
    wanted = np.repeat(spare[:, None], classes, axis=1)
    wanted[np.arange(len(targets)), targets] = 1 - (classes - 1) * spare

    def loss(inverse: float) -> float:
        return -float((wanted * log_softmax(scores * inverse, axis=1)).sum(axis=1).mean())

    found = minimize_scalar(loss, bounds=(1 / LIMITS[1], 1 / LIMITS[0]), method="bounded", options={"xatol": 1e-6})
    return 1 / float(found.x)
