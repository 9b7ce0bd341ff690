"""Metrics with their 95 % intervals, from the totals of one or several repeats."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gradewise.evaluation import totals
from gradewise.evaluation.intervals import delete_each, effective, interval, spread
from gradewise.evaluation.totals import Totals
from gradewise.metrics import METRICS, Counts, Key, Metric


@dataclass(frozen=True)
class Estimate:
    """A value and the ends of its 95 % interval, each None (or NaN) where undefined or unknown."""

    value: float | None
    low: float | None = None
    high: float | None = None

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Both ends; None where either is unknown."""
        if self.low is None or self.high is None or not (known(self.low) and known(self.high)):
            return None
        return self.low, self.high

    def turned(self) -> Estimate:
        """The same difference seen from the other side."""
        return Estimate(*(None if part is None else -part for part in (self.value, self.high, self.low)))


def known(value: float | None) -> bool:
    """Whether there is a finite number."""
    return value is not None and math.isfinite(value)


def estimate(
    by_repeat: list[Totals], classes: list[str], ordered: bool, costs: np.ndarray | None = None
) -> dict[Key, Estimate]:
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
    counts = totals.by_group(by_repeat)
    alone = len(by_repeat) == 1 and bool(np.all(counts.total <= 1))
    estimates = {}
    measured = totals.leave_out(by_repeat, classes, ordered, costs)
    sizes = {name: _sizes(METRICS[name], counts) for name, _ in measured}
    worth = {name: np.array([effective(of_part) for of_part in of_metric.T]) for name, of_metric in sizes.items()}
    for key, deletions in measured.items():
        name, of_class = key
        metric = METRICS[name]
        part = _part(of_class, classes, len(worth[name]))
        groups = float(worth[name][part].min())
        trials = sizes[name][:, part]
        singletons = int(trials.sum()) if alone and metric.plain_share and trials.shape[1] == 1 else None
        ends = interval(
            deletions.value, spread(deletions, groups), metric.limits(len(classes), costs), groups, singletons
        )
        estimates[key] = Estimate(deletions.value, *ends)
    return estimates


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
    return np.asarray(np.divide(sums[:, 0], sums[:, 1], out=np.full(len(sums), np.nan), where=sums[:, 1] > 0))


def _sizes(metric: Metric, counts: Counts) -> np.ndarray:
    """Sizes of the groups that a metric stands on, shape (g, parts): a column for each part that it needs."""
    sizes = metric.stands_on(counts)
    return sizes[:, None] if sizes.ndim == 1 else sizes


def _part(of_class: str | None, classes: list[str], parts: int) -> slice:
    """Parts that a value stands on: that of its class, where each class has one."""
    if of_class is None or parts == 1:
        return slice(None)
    place = classes.index(of_class)
    return slice(place, place + 1)
