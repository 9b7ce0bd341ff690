"""Sums that metrics are functions of: confusion counts, losses and pairs of samples put in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from gradewise.evaluation.intervals import Combine
from gradewise.metrics import Counts

MEMBERS = 2**16
"""Samples of some groups that are ordered at a time."""


@dataclass(frozen=True)
class Confusions:
    """Confusion counts of each part of some samples, such as a group, or a group in one repeat.

    Only cells that are not zero are stored: with many classes, a part has samples in few of its cells.

    Attributes
    ----------
    part, truth, predicted : ndarray of int, shape (c,)
        Positions of part, true class and predicted class of each cell.
    samples : ndarray of float64, shape (c,)
        Number in each cell.
    parts, classes : int
        How many there are.
    """

    part: np.ndarray
    truth: np.ndarray
    predicted: np.ndarray
    samples: np.ndarray
    parts: int
    classes: int

    @staticmethod
    def join(several: list[Confusions]) -> Confusions:
        """The parts of several, one after the other; all have the same classes."""
        first = np.cumsum([0, *(confusions.parts for confusions in several)])
        part = [confusions.part + start for confusions, start in zip(several, first, strict=False)]
        truth, predicted, samples = (
            np.concatenate([getattr(confusions, name) for confusions in several])
            for name in ("truth", "predicted", "samples")
        )
        return Confusions(np.concatenate(part), truth, predicted, samples, int(first[-1]), several[0].classes)

    @cached_property
    def hits(self) -> np.ndarray:
        """Samples of each class that are predicted as that class, shape (parts, k)."""
        return self._by_class(self.truth, self.samples * (self.truth == self.predicted))

    @cached_property
    def true(self) -> np.ndarray:
        """Samples of each class, shape (parts, k)."""
        return self._by_class(self.truth, self.samples)

    @cached_property
    def called(self) -> np.ndarray:
        """Samples predicted as each class, shape (parts, k)."""
        return self._by_class(self.predicted, self.samples)

    @cached_property
    def total(self) -> np.ndarray:
        """All samples, shape (parts,)."""
        return np.bincount(self.part, weights=self.samples, minlength=self.parts)

    def weighted(self, weights: np.ndarray | float) -> np.ndarray:
        """Sum over samples of the weights of their cells, shape (parts,)."""
        by_cell = np.broadcast_to(weights, (self.classes, self.classes))[self.truth, self.predicted]
        return np.bincount(self.part, weights=self.samples * by_cell, minlength=self.parts)

    def dense(self) -> np.ndarray:
        """All cells, shape (parts, k, k); row: truth, column: prediction."""
        counts = np.zeros((self.parts, self.classes, self.classes))
        counts[self.part, self.truth, self.predicted] = self.samples
        return counts

    def combined(
        self,
        combine: Combine,
        costs: np.ndarray | None = None,
        losses: np.ndarray | None = None,
        won: np.ndarray | None = None,
        pairs: np.ndarray | None = None,
    ) -> Counts:
        """Counts of sets of samples that consist of parts; the other arguments are those of `Counts`."""
        return _Combined(self, combine, costs=costs, losses=losses, won=won, pairs=pairs)

    def _by_class(self, place: np.ndarray, weights: np.ndarray) -> np.ndarray:
        cells = self.part * self.classes + place
        sums = np.bincount(cells, weights=weights, minlength=self.parts * self.classes)
        return sums.reshape(self.parts, self.classes)


class _Combined(Counts):
    """Counts that follow from those of parts; confusion matrices are made for metrics that ask for them, no others."""

    _parts: Confusions
    _combine: Combine

    def __init__(self, parts: Confusions, combine: Combine, **further: np.ndarray | None) -> None:
        # the class is frozen, hence without assignments
        vars(self).update(_parts=parts, _combine=combine, **further)

    @cached_property
    def confusion(self) -> np.ndarray:
        """Shape (sets, k, k)."""
        return self._combine(self._parts.dense())

    @cached_property
    def hits(self) -> np.ndarray:
        return self._combine(self._parts.hits)

    @cached_property
    def true(self) -> np.ndarray:
        return self._combine(self._parts.true)

    @cached_property
    def called(self) -> np.ndarray:
        return self._combine(self._parts.called)

    @cached_property
    def total(self) -> np.ndarray:
        return self._combine(self._parts.total)

    def weighted(self, weights: np.ndarray | float) -> np.ndarray:
        return self._combine(self._parts.weighted(weights))


def confusions(truth: np.ndarray, predicted: np.ndarray, part: np.ndarray, parts: int, classes: int) -> Confusions:
    """Confusion counts of each part.

    Parameters
    ----------
    truth, predicted, part : ndarray of int, shape (n,)
        Positions of true class, predicted class and part of each sample.
    parts, classes : int
        How many there are.
    """
    # counted in blocks first, which takes a fraction of the memory; of no samples, there is an empty one
    counted = [
        np.unique((part[rows].astype(np.int64) * classes + truth[rows]) * classes + predicted[rows], return_counts=True)
        for rows in blocks(max(1, len(part)), 1)
    ]
    cells, place = np.unique(np.concatenate([cells for cells, _ in counted]), return_inverse=True)
    samples = np.bincount(place, np.concatenate([counts for _, counts in counted]), len(cells))
    of_part, inside = np.divmod(cells, classes**2)
    return Confusions(of_part, *np.divmod(inside, classes), samples, parts, classes)


def hits_and_trials(test: pd.DataFrame, groups: pd.Index) -> np.ndarray:
    """Correct verdicts and all verdicts of one model on test images.

    Parameters
    ----------
    test : DataFrame
        repeat, group, label, predicted.
    groups : Index of str
        All groups to count by, those without images here too.

    Returns
    -------
    ndarray of float64, shape (repeats, groups, 2)
    """
    repeat, repeats = pd.factorize(test["repeat"], sort=True)
    cell = repeat * len(groups) + groups.get_indexer(test["group"])
    right = (test["label"] == test["predicted"]).to_numpy(dtype=np.float64)
    sums = [np.bincount(cell, weights, minlength=len(repeats) * len(groups)) for weights in (right, None)]
    return np.stack(sums, axis=-1).astype(np.float64).reshape(len(repeats), len(groups), 2)


def blocks(rows: int, columns: int) -> Iterator[slice]:
    """Parts of so many rows in which a table of float64 with so many columns stays in the caches of a processor."""
    length = max(1, 2**16 // columns)
    return (slice(start, min(start + length, rows)) for start in range(0, rows, length))


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
    order = _ranks(scores)
    of_positive, of_negative = group[positive], group[~positive]
    positives = np.bincount(of_positive, minlength=groups).astype(np.float64)
    negatives = np.bincount(of_negative, minlength=groups).astype(np.float64)
    below = np.bincount(of_positive, _marked_below(order, ~positive, positive), minlength=groups)
    above = positives.sum() * negatives
    above -= np.bincount(of_negative, _marked_below(order, positive, ~positive), minlength=groups)
    lost = below - _won_inside(order, positive, group, groups) + above
    won = below.sum() - np.concatenate([[0.0], lost])
    left_positive = positives.sum() - np.concatenate([[0.0], positives])
    left_negative = negatives.sum() - np.concatenate([[0.0], negatives])
    return won, left_positive * left_negative


def _won_inside(order: np.ndarray, positive: np.ndarray, group: np.ndarray, groups: int) -> np.ndarray:
    """Pairs won of samples of the same group, shape (groups,); some groups at a time, which limits memory."""
    members = np.argsort(group, kind="stable").astype(np.int32)
    ends = np.cumsum(np.bincount(group, minlength=groups))
    won = np.zeros(groups)
    start = first = 0
    while first < groups:
        last = max(first + 1, int(np.searchsorted(ends, start + MEMBERS, side="right")))
        rows = members[start : ends[last - 1]]
        own, is_positive = group[rows] - first, positive[rows]
        # ordered by group first, so that what is below and in an earlier group can be taken away
        ranks = _ranks(own.astype(np.int64) * (len(order) + 1) + order[rows])
        below = _marked_below(ranks, ~is_positive, is_positive)
        negatives = np.bincount(own[~is_positive], minlength=last - first)
        earlier = np.cumsum(negatives) - negatives
        of_positive = own[is_positive]
        won[first:last] = np.bincount(of_positive, weights=below - earlier[of_positive], minlength=last - first)
        start, first = int(ends[last - 1]), last
    return won


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks 0, 1, .. of values, int32; equal values have the same."""
    order = np.argsort(values).astype(np.int32)
    ordered = values[order]
    higher = np.zeros(len(values), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=higher[1:])
    del ordered
    ranks = np.empty(len(values), np.int32)
    ranks[order] = np.cumsum(higher, dtype=np.int32)
    return ranks


def _marked_below(ranks: np.ndarray, marked: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """For each sample asked for, how many marked ones have a lower rank, those of equal rank half."""
    at_rank = np.bincount(ranks[marked], minlength=int(ranks.max(initial=0)) + 1).astype(np.int32)
    asked_ranks = ranks[asked]
    below: np.ndarray = at_rank[asked_ranks] * -0.5
    below += np.cumsum(at_rank, out=at_rank)[asked_ranks]
    return below
