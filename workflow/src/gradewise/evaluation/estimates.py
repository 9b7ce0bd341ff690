"""Metrics with their 95 % intervals, from the totals of one or several repeats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradewise.evaluation import metrics, totals
from gradewise.evaluation.intervals import delete_each, effective, interval, spread
from gradewise.evaluation.totals import Totals


@dataclass(frozen=True)
class Estimate:
    """A metric's value and the ends of its 95 % interval; NaN where undefined or unknown."""

    value: float
    low: float
    high: float


def estimate(
    by_repeat: list[Totals], classes: list[str], ordered: bool, costs: np.ndarray | None = None
) -> dict[metrics.Key, Estimate]:
    """Every metric over the given repeats.

    Shares of images that each stand alone, in a single test set, get Wilson's interval; all else that of
    `intervals.interval`.

    Parameters
    ----------
    by_repeat : list of Totals
        One a repeat, as `totals.add_up` made them.
    classes : list of str
    ordered : bool
    costs : ndarray, shape (k, k), optional
        Cost of each answer; row: truth, column: prediction.
    """
    confusion = np.sum([one.confusion[0] - one.confusion[1:] for one in by_repeat], axis=0)
    alone = len(by_repeat) == 1 and bool(np.all(confusion.sum(axis=(1, 2)) <= 1))
    found = {}
    for key, deletions in totals.leave_out(by_repeat, classes, ordered, costs).items():
        groups = min(effective(sizes) for sizes in _relevant(key, confusion, classes))
        singletons = _trials(key, confusion, classes) if alone else None
        limits = metrics.bounds(key[0], len(classes), costs)
        ends = interval(deletions.value, spread(deletions, groups), limits, groups, singletons)
        found[key] = Estimate(deletions.value, *ends)
    return found


def share(by_cell: np.ndarray) -> Estimate:
    """A share over all repeats, with the interval that `estimate` gives to accuracy.

    Parameters
    ----------
    by_cell : ndarray, shape (repeats, groups, 2)
        Hits and trials of each repeat and group, as `intervals.cells` sums them.
    """
    deletions = delete_each(by_cell, hit_rate)
    trials = by_cell[..., 1].sum(axis=0)
    groups = effective(trials)
    singletons = int(trials.sum()) if len(by_cell) == 1 and bool(np.all(trials <= 1)) else None
    ends = interval(deletions.value, spread(deletions, groups), (0.0, 1.0), groups, singletons)
    return Estimate(deletions.value, *ends)


def hit_rate(sums: np.ndarray) -> np.ndarray:
    """Hits over trials, shape (b,), of sums with shape (b, 2); NaN without trials."""
    return np.divide(sums[:, 0], sums[:, 1], out=np.full(len(sums), np.nan), where=sums[:, 1] > 0)


def _relevant(key: metrics.Key, confusion: np.ndarray, classes: list[str]) -> list[np.ndarray]:
    """Sizes of the groups that a metric rests on: a list entry for each part that it cannot do without."""
    name, which = key
    true, called = confusion.sum(axis=2), confusion.sum(axis=1)
    chosen = range(len(classes)) if which is None else [classes.index(which)]
    if name in ("recall", "balanced_accuracy", "roc_auc"):
        return [true[:, at] for at in chosen]
    if name == "precision":
        return [called[:, at] for at in chosen]
    if name == "f1":
        return [true[:, at] + called[:, at] for at in chosen]
    return [confusion.sum(axis=(1, 2))]


def _trials(key: metrics.Key, confusion: np.ndarray, classes: list[str]) -> int | None:
    """Number of images that a metric is a share of, None where it is no plain share."""
    name, which = key
    total = confusion.sum(axis=0)
    if which is not None and name in ("recall", "precision"):
        return int(total.sum(axis=1 if name == "recall" else 0)[classes.index(which)])
    return int(total.sum()) if name in ("accuracy", "adjacent_accuracy", "far_errors") else None
