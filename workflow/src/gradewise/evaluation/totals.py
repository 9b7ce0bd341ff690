"""Sums over samples, with all groups and without each group, from which every metric follows."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from gradewise import metrics
from gradewise.evaluation.counting import Confusions, blocks, confusions, losses, pairs_won
from gradewise.evaluation.intervals import Combine, Deletions
from gradewise.metrics import Counts


@dataclass(frozen=True)
class Scores:
    """Sums about probabilities, one entry of the first axis for each set of samples summed over.

    Those of several repeats add up; differences leave a group, a repeat, or a group in one repeat out.

    Attributes
    ----------
    losses : ndarray, shape (m, 2)
        Log loss and Brier score.
    won, pairs : ndarray, shape (m, t)
        Pairs of samples that scores put in order, and pairs there are, for each of t target classes.
    """

    losses: np.ndarray
    won: np.ndarray
    pairs: np.ndarray

    def __add__(self, other: Scores) -> Scores:
        return Scores(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __sub__(self, other: Scores) -> Scores:
        return Scores(*(getattr(self, f.name) - getattr(other, f.name) for f in fields(self)))

    def __getitem__(self, which: slice | np.ndarray) -> Scores:
        return Scores(*(getattr(self, f.name)[which] for f in fields(self)))


@dataclass(frozen=True)
class Totals:
    """Sums of one run.

    Attributes
    ----------
    confusions : Confusions
        Of each group.
    scores : Scores
        Position 0 holds all groups, position 1 + i what is left without the i-th group that has samples.
    present : ndarray of int, shape (p,)
        The groups that have samples, ascending.
    """

    confusions: Confusions
    scores: Scores
    present: np.ndarray

    def scores_without(self, groups: np.ndarray) -> Scores:
        """Scores of what is left without each of the groups; all, where a group has no samples."""
        position = np.zeros(self.confusions.parts, dtype=np.int64)
        position[self.present] = 1 + np.arange(len(self.present))
        return self.scores[position[groups]]


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
    """
    present = np.flatnonzero(np.bincount(group, minlength=groups))
    place = np.zeros(groups, dtype=np.int32)
    place[present] = np.arange(len(present))
    place = place[group]
    sums = np.zeros((2, len(present)))
    for rows in blocks(len(truth), probabilities.shape[1]):
        for of_loss, column in zip(sums, losses(probabilities[rows].astype(np.float64), truth[rows]).T, strict=True):
            np.add.at(of_loss, place[rows], column)
    lost = np.ascontiguousarray(sums.T)
    total = lost.sum(axis=0, keepdims=True)
    ranked = [pairs_won(probabilities[:, target], truth == target, place, len(present)) for target in targets]
    scores = Scores(
        np.concatenate([total, total - lost]),
        np.stack([won for won, _ in ranked], axis=1),
        np.stack([pairs for _, pairs in ranked], axis=1),
    )
    return Totals(confusions(truth, predicted, group, groups, probabilities.shape[1]), scores, present)


def by_group(by_repeat: list[Totals]) -> Counts:
    """Confusion counts of each group over all repeats, in which all have the same groups."""
    return _join(by_repeat).combined(lambda sums: _by_repeat(sums, len(by_repeat)).sum(axis=0))


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
    joined, repeats = _join(by_repeat), len(by_repeat)

    def of(combine: Combine, scores: Scores) -> dict[metrics.Key, np.ndarray]:
        counts = joined.combined(combine, costs, scores.losses, scores.won, scores.pairs)
        return metrics.measure(counts, classes, ordered)

    def all_but(part: Combine) -> Combine:
        """All sums less some of them, which are taken from sums by repeat and group."""
        return lambda sums: sums.sum(axis=0) - part(_by_repeat(sums, repeats))

    tested = np.flatnonzero(_by_repeat(joined.total, repeats).sum(axis=0))
    everything = _sum([totals.scores[:1] for totals in by_repeat])
    value = of(lambda sums: sums.sum(axis=0, keepdims=True), everything)
    without_group = of(
        all_but(lambda sums: sums.sum(axis=0)[tested]), _sum([totals.scores_without(tested) for totals in by_repeat])
    )
    if repeats == 1:
        return {
            key: Deletions(float(value[key][0]), change := without_group[key] - value[key], np.zeros(1), change[None])
            for key in value
        }

    def without(repeat: int) -> tuple[dict[metrics.Key, np.ndarray], dict[metrics.Key, np.ndarray]]:
        """Without the repeat, and without each tested group in it."""
        own = by_repeat[repeat]
        return (
            of(all_but(lambda sums: sums[repeat].sum(axis=0, keepdims=True)), everything - own.scores[:1]),
            of(
                all_but(lambda sums: sums[repeat, tested]),
                everything - (own.scores[:1] - own.scores_without(tested)),
            ),
        )

    without_repeat, without_cell = zip(*map(without, range(repeats)), strict=True)
    return {
        key: Deletions(
            float(value[key][0]),
            without_group[key] - value[key],
            np.concatenate([values[key] for values in without_repeat]) - value[key],
            np.stack([values[key] for values in without_cell]) - value[key],
        )
        for key in value
    }


def _join(by_repeat: list[Totals]) -> Confusions:
    """Confusion counts of each repeat and group, repeat by repeat."""
    return Confusions.join([totals.confusions for totals in by_repeat])


def _by_repeat(sums: np.ndarray, repeats: int) -> np.ndarray:
    return sums.reshape(repeats, -1, *sums.shape[1:])


def _sum(scores: list[Scores]) -> Scores:
    total = scores[0]
    for further in scores[1:]:
        total = total + further
    return total
