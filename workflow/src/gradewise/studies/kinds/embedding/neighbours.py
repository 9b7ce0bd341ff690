"""A vote of nearest neighbours that never asks a point's own group."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import pairwise_distances_chunked


def vote(points: np.ndarray, targets: np.ndarray, groups: np.ndarray, neighbours: int) -> np.ndarray:
    """Class of each point by majority of its nearest neighbours of other groups; the smaller of classes that tie.

    Points are of shape (n, d), targets and groups integers of shape (n,), with at least two groups. Fewer neighbours
    vote where other groups have no more points.
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
