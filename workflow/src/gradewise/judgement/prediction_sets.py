"""The step `prediction_sets`: which classes an image can have, and how often such sets hold the true class.

Thresholds come from all tested groups, as the deployed model needs them. What they achieve is measured with each group
left out in turn: its images get sets with the thresholds of the other groups. Over all classes this comes close to the
promise by construction, as thresholds are ranks; sizes of sets and the coverage of single classes are what it tells.
Verdicts of all repeats count, so that thresholds are those of models trained on sets of this size rather than of a
single one; a promise in the strict sense would need the predictions of each of these models (Barber, Candès, Ramdas &
Tibshirani 2021, Annals of Statistics 49:486).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gradewise import command
from gradewise.evaluation.estimates import Estimate, share
from gradewise.evaluation.intervals import cells
from gradewise.judgement.by_model import measure_models
from gradewise.judgement.schemas import PREDICTION_SETS
from gradewise.judgement.sets import COVERAGES, draw, highest_coverage, in_set
from gradewise.provenance import derive_seed

MEASURED = (0.9, 0.95, 0.99)
"""Coverages at which sets are measured, as far as the groups suffice; otherwise at the highest that they can."""


def prediction_sets(*, dataset: str, results: Path, classes: list[str], seed: int, output: Path) -> None:
    """Find the thresholds of prediction sets and measure what they achieve.

    Parameters
    ----------
    dataset : str
        Its name, for the table.
    results : Path
        Folder of the dataset's results, with its verdicts.
    classes : list of str
        In the order of the configuration.
    seed : int
        The configuration's seed, from which that of the draws is derived.
    output : Path
        The table written.
    """

    def measure_model(verdicts: pd.DataFrame) -> pd.DataFrame:
        # of the same images, every model has the same draws
        return measure(verdicts, classes, np.random.default_rng(derive_seed(seed, "prediction_sets")))

    measure_models(dataset, results, measure_model, output, PREDICTION_SETS, role="test")


def measure(verdicts: pd.DataFrame, classes: list[str], rng: np.random.Generator) -> pd.DataFrame:
    """Thresholds of one model, and what they achieve.

    Parameters
    ----------
    verdicts : DataFrame
        On the test images of every repeat, as `verdicts.parquet` has them.
    classes : list of str
        In the order of the probabilities.
    rng : Generator

    Returns
    -------
    DataFrame
        Rows of `prediction_sets.parquet`, without dataset and model.
    """
    group, names = pd.factorize(verdicts["group"])
    truth, predicted = (
        pd.Categorical(verdicts[name], categories=classes).codes.astype(int) for name in ("label", "predicted")
    )
    probabilities = verdicts[[f"p_{name}" for name in classes]].to_numpy(dtype=np.float64)
    drawn = draw(probabilities[np.arange(len(truth)), truth], group, rng)
    supported = [coverage for coverage in COVERAGES if drawn.least_probability(coverage) is not None]
    measurable = [coverage for coverage in supported if coverage <= highest_coverage(len(names) - 1) + 1e-9]
    measured = [coverage for coverage in measurable if coverage in MEASURED] or measurable[-1:]
    counted = {"images": verdicts["image_id"].nunique(), "groups": len(names)}
    rows: list[dict[str, Any]] = []
    for coverage in supported:
        overall = {"coverage": coverage, "class": None, "least_probability": drawn.least_probability(coverage)}
        least = drawn.without_each(coverage) if coverage in measured else None
        if least is None:
            rows.append(overall | counted)
            continue
        inside = in_set(probabilities, least[group], predicted)
        achieved = verdicts[["repeat", "group", "image_id"]].assign(
            covered=inside[np.arange(len(truth)), truth], size=inside.sum(axis=1)
        )
        rows.append(overall | _achieved(achieved))
        rows += [
            {"coverage": coverage, "class": name} | _achieved(achieved[truth == code])
            for code, name in enumerate(classes)
            if np.any(truth == code)
        ]
    return pd.DataFrame(rows, columns=[name for name in PREDICTION_SETS.names if name not in ("dataset", "model")])


def _achieved(verdicts: pd.DataFrame) -> dict[str, Any]:
    """What sets achieve, where each group counts alike."""
    repeat, group = pd.factorize(verdicts["repeat"])[0], pd.factorize(verdicts["group"])[0]
    sizes = np.bincount(group)
    weight = sizes.mean() / sizes[group]
    covered, size = verdicts["covered"].to_numpy(), verdicts["size"].to_numpy()
    alone = size == 1

    def rate(hits: np.ndarray, trials: np.ndarray) -> Estimate:
        return share(cells(repeat, group, np.stack([weight * hits, weight * trials], axis=1)))

    estimates = {
        "covered": rate(covered, np.ones(len(size))),
        "several": rate(~alone, np.ones(len(size))),
        "right_alone": rate(covered & alone, alone),
    }
    return {
        **{f"{name}{bound}": value for name, known in estimates.items() for bound, value in _columns(known).items()},
        "size": float(np.average(size, weights=weight)),
        "images": verdicts["image_id"].nunique(),
        "groups": len(sizes),
    }


def _columns(known: Estimate) -> dict[str, float | None]:
    return {"": known.value, "_low": known.low, "_high": known.high}


if __name__ == "__main__":
    command.run(prediction_sets)
