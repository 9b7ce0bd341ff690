"""A vote of nearest neighbours that never asks a point's own group."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import pairwise_distances_chunked


def vote(points: np.ndarray, targets: np.ndarray, groups: np.ndarray, neighbours: int) -> np.ndarray:
    """Class of each point by majority of its nearest neighbours of other groups.

    Parameters
    ----------
    points : ndarray, shape (n, d)
    targets, groups : ndarray of int, shape (n,)
        Of at least two groups.
    neighbours : int
        How many vote; fewer where other groups have no more points.

    Returns
    -------
    ndarray of int64, shape (n,)
        Of equally many votes the smaller class wins.
    """
    votes = np.zeros((len(points), int(targets.max()) + 1), dtype=np.int64)
    start = 0
    for block in pairwise_distances_chunked(points):
        rows = np.arange(start, start + len(block))
        start += len(block)
        block[groups[rows][:, None] == groups[None, :]] = np.inf
        nearest = np.argsort(block, axis=1, kind="stable")[:, :neighbours]
        asked = np.isfinite(np.take_along_axis(block, nearest, axis=1))
        np.add.at(votes, (np.broadcast_to(rows[:, None], nearest.shape)[asked], targets[nearest[asked]]), 1)
    return np.asarray(votes.argmax(axis=1))
