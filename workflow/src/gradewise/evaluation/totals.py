"""Sums over samples, with all groups and without each group, from which every metric follows.

`Totals` of several repeats add up to those of all repeats together; differences of totals leave a group, a repeat, or a
group in one repeat out.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from gradewise import metrics
from gradewise.evaluation.counting import confusions, losses, pairs_won
from gradewise.evaluation.intervals import Deletions
from gradewise.metrics import Counts


@dataclass(frozen=True)
class Totals:
    """Sums, one entry of the first axis for each set of samples summed over.

    Attributes
    ----------
    confusion : ndarray, shape (m, k, k)
        Counts; row: truth, column: prediction.
    losses : ndarray, shape (m, 2)
        Log loss and Brier score.
    won, pairs : ndarray, shape (m, t)
        Pairs of samples that scores put in order, and pairs there are, for each of t target classes.
    """

    confusion: np.ndarray
    losses: np.ndarray
    won: np.ndarray
    pairs: np.ndarray

    @property
    def samples(self) -> np.ndarray:
        """Number of samples of each entry."""
        return np.asarray(self.confusion.sum(axis=(1, 2)))

    def counts(self, costs: np.ndarray | None = None) -> Counts:
        """What metrics are functions of."""
        return Counts(self.confusion, costs, self.losses, self.won, self.pairs)

    def __add__(self, other: Totals) -> Totals:
        return Totals(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __sub__(self, other: Totals) -> Totals:
        return Totals(*(getattr(self, f.name) - getattr(other, f.name) for f in fields(self)))

    def __getitem__(self, which: slice | np.ndarray) -> Totals:
        return Totals(*(getattr(self, f.name)[which] for f in fields(self)))


def add_up(
    truth: np.ndarray,
    predicted: np.ndarray,
    probabilities: np.ndarray,
    group: np.ndarray,
    groups: int,
    targets: list[int],
) -> Totals:
    """Totals of one run's samples.

    Parameters
    ----------
    truth, predicted, group : ndarray of int, shape (n,)
        Positions of true class, predicted class and group.
    probabilities : ndarray, shape (n, k)
    groups : int
        How many groups there are in all; those without samples here change nothing.
    targets : list of int
        Positions of the classes whose ROC curve is wanted.

    Returns
    -------
    Totals
        Position 0 holds all groups, position 1 + g what is left without group g.
    """
    confusion = confusions(truth, predicted, group, groups, probabilities.shape[1])
    by_sample = losses(probabilities, truth)
    lost = np.stack([np.bincount(group, weights=column, minlength=groups) for column in by_sample.T], axis=1)
    ranked = [pairs_won(probabilities[:, place], truth == place, group, groups) for place in targets]
    return Totals(
        _without_each(confusion),
        _without_each(lost),
        np.stack([won for won, _ in ranked], axis=1),
        np.stack([pairs for _, pairs in ranked], axis=1),
    )


def _without_each(by_group: np.ndarray) -> np.ndarray:
    total = by_group.sum(axis=0, keepdims=True)
    return np.concatenate([total, total - by_group])


def leave_out(
    by_repeat: list[Totals], classes: list[str], ordered: bool, costs: np.ndarray | None = None
) -> dict[metrics.Key, Deletions]:
    """Every metric over all repeats, and how it changes without a group, a repeat, or a group in one repeat.

    Parameters
    ----------
    by_repeat : list of Totals
        One a repeat, as `add_up` made them, all with the same groups. Groups without samples are left out of the
        answer.
    classes : list of str
    ordered : bool
    costs : ndarray, shape (k, k), optional
    """

    def of(part: Totals) -> dict[metrics.Key, np.ndarray]:
        return metrics.measure(part.counts(costs), classes, ordered)

    pooled = by_repeat[0]
    for totals in by_repeat[1:]:
        pooled = pooled + totals
    tested = 1 + np.flatnonzero(pooled.samples[1:] != pooled.samples[0])
    everything, groups = pooled[:1], pooled[tested]
    value, without_group = of(everything), of(groups)
    if len(by_repeat) == 1:
        return {
            key: Deletions(float(value[key][0]), change := without_group[key] - value[key], np.zeros(1), change[None])
            for key in value
        }
    without_repeat = [of(everything - totals[:1]) for totals in by_repeat]
    without_cell = [of(everything - (totals[:1] - totals[tested])) for totals in by_repeat]
    return {
        key: Deletions(
            float(value[key][0]),
            without_group[key] - value[key],
            np.concatenate([found[key] for found in without_repeat]) - value[key],
            np.stack([found[key] for found in without_cell]) - value[key],
        )
        for key in value
    }
