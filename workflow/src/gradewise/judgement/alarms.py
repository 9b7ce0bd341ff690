"""From which strangeness on an image is unknown, so that few images of the same kind are flagged by mistake."""

from __future__ import annotations

import numpy as np

PARTS = 100
"""Parts of the groups that are left out in turn, to measure a threshold on groups that it does not come from."""


def attainable(false_alarms: float, groups: int) -> float:
    """The share of false alarms that so many groups can keep to: the one asked for, but at least 1 / (groups + 1)."""
    return max(false_alarms, 1 / (groups + 1))


def threshold_of(strangeness: np.ndarray, group: np.ndarray, false_alarms: float) -> float:
    """The strangeness that an image of a new group exceeds with the attainable share of false alarms.

    It is the quantile by Weibull's plotting positions (definition 6 of Hyndman & Fan 1996, The American Statistician
    50:361), for which the expected share of new draws above it is the one asked for, with the group as the unit: the
    images of a group share its weight of one. `bench/unknown.txt` has the false alarms that it leads to.

    Parameters
    ----------
    strangeness : ndarray, shape (n,)
        Of tested images.
    group : ndarray of int, shape (n,)
        Positions; every one below the highest occurs.
    false_alarms : float
    """
    sizes = np.bincount(group)
    descending = np.argsort(-strangeness, kind="stable")
    position = np.cumsum(1 / sizes[group[descending]]) / (len(sizes) + 1)
    return float(np.interp(attainable(false_alarms, len(sizes)), position, strangeness[descending]))


def thresholds_without_each(
    strangeness: np.ndarray, group: np.ndarray, false_alarms: float, rng: np.random.Generator
) -> np.ndarray | None:
    """For each image the threshold from other groups than its own, shape (n,); None where there is a single group."""
    count = int(group.max()) + 1
    if count < 2:
        return None
    part = rng.permutation(count)[group] % min(PARTS, count)
    thresholds = np.empty(len(strangeness))
    for number in range(part.max() + 1):
        out = part == number
        others = np.unique(group[~out], return_inverse=True)[1]
        thresholds[out] = threshold_of(strangeness[~out], others, false_alarms)
    return thresholds
