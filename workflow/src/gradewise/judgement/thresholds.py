"""The step `thresholds`: misses, false alarms and cost where verdicts follow another threshold.

Classes stand in an order: grades, or two classes of which the positive one is the last. At a threshold an image is
given the highest class for which the probability of that class or a higher one reaches the threshold. Of two classes,
that is the positive one from a probability on; of grades, 0.5 is the median grade, and lower thresholds give higher
grades. The threshold of least cost is chosen on validation, so that what it costs on test is no better than in use.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gradewise import command
from gradewise.evaluation.estimates import Estimate, share
from gradewise.evaluation.intervals import cells, delete_each, effective, interval, spread
from gradewise.judgement.by_model import measure_models
from gradewise.judgement.schemas import THRESHOLDS

GRID = tuple(percent / 100 for percent in range(1, 100))
"""Thresholds that are measured."""


def thresholds(
    *, dataset: str, results: Path, classes: list[str], costs: list[list[float]] | None = None, output: Path
) -> None:
    """Measure every model at every threshold.

    Parameters
    ----------
    dataset : str
        Its name, for the table.
    results : Path
        Folder of the dataset's results, with its verdicts.
    classes : list of str
        From the lowest to the highest; of two classes the positive one is the last.
    costs : list of list of float, optional
        Cost of each prediction, a row per true class, both in the order of `classes`.
    output : Path
        The table written.
    """
    matrix = None if costs is None else np.array(costs)
    measure_models(dataset, results, lambda verdicts: measure(verdicts, classes, matrix), output, THRESHOLDS)


def measure(verdicts: pd.DataFrame, classes: list[str], costs: np.ndarray | None = None) -> pd.DataFrame:
    """Misses, false alarms and cost of one model on test at each threshold.

    Parameters
    ----------
    verdicts : DataFrame
        On the images of every repeat and role, as `verdicts.parquet` has them.
    classes : list of str
        From the lowest to the highest.
    costs : ndarray, shape (k, k), optional

    Returns
    -------
    DataFrame
        Rows of `thresholds.parquet`, without dataset and model.
    """
    test = verdicts.loc[verdicts["role"] == "test"]
    chosen = None if costs is None else least_cost(verdicts.loc[verdicts["role"] == "validation"], classes, costs)
    repeat, group = pd.factorize(test["repeat"])[0], pd.factorize(test["group"])[0]
    truth = _codes(test, classes)
    counted = {"images": test["image_id"].nunique(), "groups": test["group"].nunique()}
    rows = []
    for threshold in GRID:
        called = classify_at(test, classes, threshold)

        def rate(hits: np.ndarray, trials: np.ndarray) -> Estimate:
            return share(cells(repeat, group, np.stack([hits & trials, trials], axis=1).astype(float)))

        row: dict[str, Any] = {"threshold": threshold, "least_cost": threshold == chosen, **counted}
        row |= _columns("missed", rate(called < truth, truth > 0))
        row |= _columns("false_alarms", rate(called > truth, truth < len(classes) - 1))
        if costs is not None:
            row |= _columns("cost", _mean_cost(repeat, group, costs[truth, called], costs))
        rows.append(row)
    return pd.DataFrame(rows).reindex(columns=[name for name in THRESHOLDS.names if name not in ("dataset", "model")])


def classify_at(verdicts: pd.DataFrame, classes: list[str], threshold: float) -> np.ndarray:
    """Positions of the classes that images are given at a threshold, shape (n,)."""
    probabilities = verdicts[[f"p_{name}" for name in classes]].to_numpy(dtype=np.float64)
    at_least = probabilities[:, ::-1].cumsum(axis=1)[:, ::-1]
    return np.asarray((at_least[:, 1:] >= threshold - 1e-9).sum(axis=1))


def least_cost(verdicts: pd.DataFrame, classes: list[str], costs: np.ndarray) -> float | None:
    """The threshold of least cost; of several, the middle one; None without verdicts."""
    if verdicts.empty:
        return None
    truth = _codes(verdicts, classes)
    spent = np.array([costs[truth, classify_at(verdicts, classes, threshold)].sum() for threshold in GRID])
    best = np.flatnonzero(np.isclose(spent, spent.min()))
    return float(GRID[best[(len(best) - 1) // 2]])


def _codes(verdicts: pd.DataFrame, classes: list[str]) -> np.ndarray:
    return np.asarray(pd.Categorical(verdicts["label"], categories=classes).codes, dtype=np.int64)


def _mean_cost(repeat: np.ndarray, group: np.ndarray, spent: np.ndarray, costs: np.ndarray) -> Estimate:
    """Cost of 100 verdicts."""
    by_cell = cells(repeat, group, np.stack([100 * spent, np.ones(len(spent))], axis=1))
    deletions = delete_each(by_cell, lambda sums: sums[:, 0] / np.where(sums[:, 1] > 0, sums[:, 1], np.nan))
    groups = effective(by_cell[..., 1].sum(axis=0))
    bounds = (100 * float(costs.min()), 100 * float(costs.max()))
    return Estimate(deletions.value, *interval(deletions.value, spread(deletions, groups), bounds, groups))


def _columns(name: str, known: Estimate) -> dict[str, float | None]:
    return {name: known.value, f"{name}_low": known.low, f"{name}_high": known.high}


if __name__ == "__main__":
    command.run(thresholds)
