"""Counts verdicts by repeat and group, for statistics that compare one model under different splits."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gradewise.evaluation import metrics


def count(test: pd.DataFrame, groups: pd.Index, classes: list[str]) -> np.ndarray:
    """Confusion counts of one model's verdicts on test images.

    Parameters
    ----------
    test : DataFrame
        repeat, group, label, predicted.
    groups : Index of str
        All groups to count by, those without images here too.
    classes : list of str

    Returns
    -------
    ndarray of float64, shape (repeats, groups, k, k)
        Row: truth, column: prediction.
    """
    repeat, repeats = pd.factorize(test["repeat"], sort=True)
    truth = pd.Categorical(test["label"], categories=classes).codes.astype(np.int64)
    called = pd.Categorical(test["predicted"], categories=classes).codes.astype(np.int64)
    cells = repeat * len(groups) + groups.get_indexer(test["group"])
    counts = metrics.confusions(truth, called, cells, len(repeats) * len(groups), len(classes))
    return counts.reshape(len(repeats), len(groups), len(classes), len(classes))


def accuracy(confusion: np.ndarray) -> np.ndarray:
    """Accuracy of confusion counts, shape (..., k, k)."""
    names = [str(position) for position in range(confusion.shape[-1])]
    return metrics.from_confusion(confusion, names, ordered=False)["accuracy", None]
