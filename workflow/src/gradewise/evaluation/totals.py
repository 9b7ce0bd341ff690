"""Sums over samples, with all groups and without each group, from which every metric follows.

`Totals` of several repeats add up to those of all repeats together; differences of totals leave a group, a repeat, or a
group in one repeat out.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from gradewise.evaluation import metrics
from gradewise.evaluation.intervals import Deletions


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
        return self.confusion.sum(axis=(1, 2))

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
    confusion = metrics.confusions(truth, predicted, group, groups, probabilities.shape[1])
    by_sample = metrics.losses(probabilities, truth)
    lost = np.stack([np.bincount(group, weights=column, minlength=groups) for column in by_sample.T], axis=1)
    ranked = [metrics.pairs_won(probabilities[:, at], truth == at, group, groups) for at in targets]
    return Totals(
        _without_each(confusion),
        _without_each(lost),
        np.stack([won for won, _ in ranked], axis=1),
        np.stack([pairs for _, pairs in ranked], axis=1),
    )


def _without_each(by_group: np.ndarray) -> np.ndarray:
    total = by_group.sum(axis=0, keepdims=True)
    return np.concatenate([total, total - by_group])


def measure(
    totals: Totals, classes: list[str], ordered: bool, costs: np.ndarray | None = None
) -> dict[metrics.Key, np.ndarray]:
    """Every metric of each entry of totals.

    ROC AUC is that of the one target class, or the plain average of each class against the rest. Pairs are counted
    within repeats only, since scores of different fits need not share a scale.

    Parameters
    ----------
    totals : Totals
        With m entries.
    classes : list of str
    ordered : bool
        Whether classes are grades.
    costs : ndarray, shape (k, k), optional
        Cost of each answer; row: truth, column: prediction.

    Returns
    -------
    dict of ndarray, shape (m,)
    """
    found = metrics.from_confusion(totals.confusion, classes, ordered, costs)
    samples = totals.samples
    with np.errstate(invalid="ignore", divide="ignore"):
        found["roc_auc", None] = np.where(totals.pairs > 0, totals.won / totals.pairs, np.nan).mean(axis=1)
        means = np.where(samples[:, None] > 0, totals.losses / samples[:, None], np.nan)
    found["log_loss", None], found["brier_score", None] = means[:, 0], means[:, 1]
    return found


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
        return measure(part, classes, ordered, costs)

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
