"""The step `expected_shares`: how good models are where classes are mixed as in use and not as in the test.

Among the images of one class, verdicts are distributed as in the test; classes have the expected shares. That holds
where images of a class look the same in use, only more or less often. The same is measured for verdicts whose
probabilities are adjusted to these shares (`judgement.shares`), each from the training of its own run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from gradewise import command
from gradewise.evaluation.blend import read_blend
from gradewise.evaluation.intervals import cells, delete_each, effective, interval, spread
from gradewise.judgement.by_model import measure_models
from gradewise.judgement.schemas import EXPECTED_SHARES
from gradewise.judgement.shares import Shares, training_shares
from gradewise.metrics import Counts, ratio
from gradewise.results import Results

_Key = tuple[str, str | None]


def expected_shares(
    *,
    dataset: str,
    results: Path,
    classes: list[str],
    shares: list[float],
    costs: list[list[float]] | None = None,
    least_cost: bool,
    adjustable: bool,
    output: Path,
) -> None:
    """Measure every model under the shares of classes that are expected in use.

    Parameters
    ----------
    dataset : str
        Its name, for the table.
    results : Path
        Folder of the dataset's results, with its verdicts and runs.
    classes : list of str
        In the order of the configuration.
    shares : list of float
        Of each class.
    costs : list of list of float, optional
        Cost of each prediction, a row per true class, both in the order of the classes.
    least_cost : bool
        Whether verdicts are the classes of least expected cost.
    adjustable : bool
        Whether probabilities of verdicts on images can be adjusted at all.
    output : Path
        The table written.
    """
    files = Results(results)
    matrix = None if costs is None else np.array(costs)
    expected = dict(zip(classes, shares, strict=True))

    def measure_model(verdicts: pd.DataFrame) -> pd.DataFrame:
        rows = measure(verdicts, classes, shares, matrix)
        adjusted = adjust(verdicts, classes, expected, matrix if least_cost else None, files) if adjustable else None
        if adjusted is None:
            return rows.assign(adjusted=np.nan, adjusted_low=np.nan, adjusted_high=np.nan)
        again = measure(adjusted, classes, shares, matrix)
        return rows.assign(adjusted=again["value"], adjusted_low=again["low"], adjusted_high=again["high"])

    measure_models(dataset, results, measure_model, output, EXPECTED_SHARES, role="test")


def adjust(
    verdicts: pd.DataFrame, classes: list[str], expected: dict[str, float], costs: np.ndarray | None, files: Results
) -> pd.DataFrame | None:
    """Verdicts of one model on test images, adjusted in each repeat from the shares that this run was fitted on.

    Parameters
    ----------
    verdicts : DataFrame
        As `verdicts.parquet` has them.
    classes : list of str
    expected : dict of str to float
        Share of each class.
    costs : ndarray, shape (k, k), optional
        Where verdicts are the classes of least expected cost.
    files : Results
        With the runs.

    Returns
    -------
    DataFrame or None
        None of a blend of votes, which cannot be adjusted.
    """
    parts = []
    for (model, repeat), part in verdicts.groupby(["model", "repeat"], sort=False):
        run = files.run(str(model), int(repeat))
        blend = read_blend(run.record)
        if blend is not None and blend.by == "vote":
            return None
        folders = [run.folder] if blend is None else blend.folders(files)
        shares = Shares(training=training_shares(folders, classes), expected=expected)
        parts.append(shares.adjust_verdicts(part, classes, costs))
    return pd.concat(parts)


def measure(
    verdicts: pd.DataFrame, classes: list[str], shares: Sequence[float], costs: np.ndarray | None = None
) -> pd.DataFrame:
    """Accuracy, predictive values and cost of one model under other shares of classes.

    Parameters
    ----------
    verdicts : DataFrame
        On the test images of every repeat, as `verdicts.parquet` has them.
    classes : list of str
    shares : sequence of float
        Of each class.
    costs : ndarray, shape (k, k), optional

    Returns
    -------
    DataFrame
        Rows of `expected_shares.parquet`, without dataset and model.
    """
    k = len(classes)
    truth, predicted = (
        np.asarray(pd.Categorical(verdicts[name], categories=classes).codes, dtype=np.int64)
        for name in ("label", "predicted")
    )
    repeat, group = pd.factorize(verdicts["repeat"])[0], pd.factorize(verdicts["group"])[0]
    by_cell = cells(repeat, group, np.eye(k * k)[truth * k + predicted])
    by_class = by_cell.sum(axis=0).reshape(-1, k, k).sum(axis=2)
    groups = min(effective(of_class) for of_class in by_class.T)
    tested = _values(by_cell.sum(axis=(0, 1))[None].reshape(1, k, k), classes, costs)
    counted = {"images": verdicts["image_id"].nunique(), "groups": verdicts["group"].nunique()}
    rows = []
    bounds = {"cost_per_100": (0.0, 1.0) if costs is None else (100 * float(costs.min()), 100 * float(costs.max()))}
    for key, value in tested.items():

        def statistic(sums: np.ndarray, key: _Key = key) -> np.ndarray:
            return _values(_mixed(sums.reshape(-1, k, k), shares), classes, costs)[key]

        deletions = delete_each(by_cell, statistic)
        low, high = interval(deletions.value, spread(deletions, groups), bounds.get(key[0], (0.0, 1.0)), groups)
        named = {"metric": key[0], "class": key[1], "tested": float(value[0])}
        rows.append(named | {"value": deletions.value, "low": low, "high": high} | counted)
    return pd.DataFrame(rows)


def _mixed(confusion: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """Confusion matrices, shape (b, k, k), with the shares of true classes that are expected; NaN without a class."""
    of_class = confusion.sum(axis=2, keepdims=True)
    return np.asarray(ratio(confusion, of_class) * np.array(shares)[:, None])


def _values(confusion: np.ndarray, classes: list[str], costs: np.ndarray | None) -> dict[_Key, np.ndarray]:
    counts = Counts(confusion)
    total = counts.total[..., None]
    precision = ratio(counts.hits, counts.called)
    negative = ratio(total - counts.true - counts.called + counts.hits, total - counts.called)
    values: dict[_Key, np.ndarray] = {("accuracy", None): ratio(counts.hits.sum(axis=-1), counts.total)}
    for place, name in enumerate(classes):
        values["precision", name] = precision[..., place]
        values["negative_predictive_value", name] = negative[..., place]
    if costs is not None:
        values["cost_per_100", None] = 100 * counts.mean(costs)
    return values


if __name__ == "__main__":
    command.run(expected_shares)
