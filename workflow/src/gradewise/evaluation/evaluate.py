"""The step `evaluate`: from the predictions of every run to verdicts on images and what can be said about them.

That is metrics with intervals, how far probabilities can be believed, and accuracy in subgroups of the images.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gradewise import command, tables
from gradewise.command import UserError
from gradewise.config.aggregation import Aggregate
from gradewise.evaluation.calibration import calibrate
from gradewise.evaluation.calibration_slope import calibration_slope
from gradewise.evaluation.estimates import Estimate, estimate
from gradewise.evaluation.schemas import CALIBRATION, METRICS, SUBGROUPS, verdicts_schema
from gradewise.evaluation.subgroups import describe, measure_subgroups
from gradewise.evaluation.totals import Totals, add_up
from gradewise.images.schemas import MANIFEST
from gradewise.progress import track
from gradewise.results import Results
from gradewise.verdicts import Level, check_labels, gather, reclassify

ROLES = ("train", "validation", "test")
LEVELS: tuple[Level, Level] = ("sample", "image")
log = logging.getLogger(__name__)


def evaluate(
    *,
    dataset: str,
    results: Path,
    classes: list[str],
    positive: str = "",
    ordered: bool = False,
    aggregate: Aggregate = "mean",
    level: Level = "image",
    costs: list[list[float]] | None = None,
    least_cost: bool = False,
    metrics: Path,
    verdicts: Path,
    calibration: Path,
    subgroups: Path,
) -> None:
    """Measure every run, and every model over all its repeats.

    Metrics stand for samples and for images, for each role, with 95 % intervals by groups (see `intervals`). What does
    not apply is left out; what is undefined (a class without images, say) is null.

    Parameters
    ----------
    dataset : str
        Its name, for the tables.
    results : Path
        Folder of the dataset's results, or of a variant's. Predictions are read one run at a time; the label of the
        manifest is the truth about an image.
    classes : list of str
        In the order of the configuration.
    positive : str
        The class that ROC AUC speaks of where there are two; empty for none.
    ordered : bool
        Whether classes are grades.
    aggregate : {"mean", "max", "vote"} or Top
        From samples to a verdict on their image.
    level : {"image", "sample"}
        What calibration and subgroups speak of.
    costs : list of list of float, optional
        Cost of each prediction, a row per true class, both in the order of the classes; adds the cost of 100 verdicts.
    least_cost : bool
        Whether the class of least expected cost is predicted, of samples and images; otherwise the most probable class.
    metrics, verdicts, calibration, subgroups : Path
        Tables written.

    Raises
    ------
    UserError
        Where files do not belong together.
    """
    if positive and positive not in classes:
        raise UserError(f"--positive {positive}: not one of the classes {classes}")
    if least_cost and costs is None:
        raise UserError("--least_cost needs --costs; give the cost of each prediction")
    files = Results(results)
    runs = list(files.runs())
    manifest = Results(files.dataset).table("manifest")
    further = [name for name in tables.names(manifest) if name not in MANIFEST.names]
    images = tables.read(manifest, ["image_id", "label", "group", *further])
    matrix = None if costs is None else np.array(costs)
    decisive = matrix if least_cost else None
    labels = images.set_index("image_id")["label"]
    groups = pd.Index(images["group"].unique())
    targets = target_classes(classes, positive or None)
    described = describe(images)
    columns = ["image_id", "group", "role", "label", "predicted", *(f"p_{name}" for name in classes)]
    columns += ["sample_id"] if level == "sample" else []
    measured: list[dict[str, Any]] = []
    curves: list[pd.DataFrame] = []
    shares: list[dict[str, Any]] = []
    with tables.appending(verdicts, verdicts_schema(classes)) as append:
        for model, of_model in groupby(track(runs, len(runs), "prediction files"), key=lambda run: run.model):
            tested: list[pd.DataFrame] = []
            parts: dict[tuple[str, str], list[_Part]] = defaultdict(list)
            for run in of_model:
                _check_classes(run.record, classes)
                samples = reclassify(tables.read(run.predictions, columns), classes, decisive)
                check_labels(run.predictions, labels, samples["image_id"], classes)
                by_image = gather(samples, labels, classes, positive or None, aggregate, decisive)
                append(by_image.assign(model=model, repeat=run.repeat))
                for each, table in zip(LEVELS, (samples, by_image), strict=True):
                    if each == level:
                        tested.append(table.loc[table["role"] == "test"].assign(repeat=run.repeat))
                    for role, chosen in table.groupby("role"):
                        part = _part(chosen, classes, labels.index, groups, targets)
                        measured += _rows(
                            [part], run.repeat, classes, ordered, matrix, (dataset, model, str(role), each)
                        )
                        parts[str(role), each].append(part)
            for (role, where), repeats in parts.items():
                measured += _rows(repeats, None, classes, ordered, matrix, (dataset, model, role, where))
            of_test = pd.concat(tested, ignore_index=True)
            curve, figures = _calibration(of_test, classes, {"dataset": dataset, "model": model, "level": level})
            curves.append(curve)
            measured += figures
            shares += [{"dataset": dataset, "model": model, **row} for row in measure_subgroups(of_test, described)]
    tables.write(pd.concat(curves), calibration, CALIBRATION)
    tables.write(pd.DataFrame(shares, columns=SUBGROUPS.names), subgroups, SUBGROUPS)
    frame = pd.DataFrame(measured)
    frame["repeat"] = frame["repeat"].astype("Int32")
    order = {name: position for position, name in enumerate((*ROLES, *LEVELS))}
    models = {name: position for position, name in enumerate(dict.fromkeys(frame["model"]))}
    ranks = [
        frame["model"].map(models),
        frame["repeat"].fillna(-1),
        frame["role"].map(order),
        frame["level"].map(order),
    ]
    frame = frame.iloc[np.lexsort([rank.to_numpy(dtype=np.int64) for rank in reversed(ranks)])]
    tables.write(frame, metrics, METRICS)
    log.info("%s: %d models, %d runs, %d rows", metrics, len(models), len(runs), len(frame))


@dataclass(frozen=True)
class _Part:
    """Totals of one run in one role at one level, with the positions of the images and groups they come from."""

    totals: Totals
    images: np.ndarray
    groups: np.ndarray


def _part(table: pd.DataFrame, classes: list[str], images: pd.Index, groups: pd.Index, targets: list[int]) -> _Part:
    of_images, of_groups = (
        np.unique(known.get_indexer(table[name])) for known, name in ((images, "image_id"), (groups, "group"))
    )
    return _Part(add_up_verdicts(table, classes, groups, targets), of_images, of_groups)


def add_up_verdicts(table: pd.DataFrame, classes: list[str], groups: pd.Index, targets: list[int]) -> Totals:
    """Totals of verdicts on images or samples.

    Parameters
    ----------
    table : DataFrame
        group, label, predicted and ``p_<class>``.
    classes : list of str
    groups : Index of str
        All groups to count by, those without images here too.
    targets : list of int
        See `target_classes`.
    """
    return add_up(
        truth=pd.Categorical(table["label"], categories=classes).codes.astype(np.int64),
        predicted=pd.Categorical(table["predicted"], categories=classes).codes.astype(np.int64),
        probabilities=table[[f"p_{name}" for name in classes]].to_numpy(dtype=np.float64),
        group=groups.get_indexer(table["group"]),
        groups=len(groups),
        targets=targets,
    )


def _calibration(
    verdicts: pd.DataFrame, classes: list[str], names: dict[str, str]
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Curves of a model, and the numbers that are further rows of the metrics."""
    found = calibrate(verdicts, classes)
    known = {**names, "repeat": None, "role": "test", "class": None}
    known |= {"images": verdicts["image_id"].nunique(), "groups": verdicts["group"].nunique()}
    estimates = {
        "calibration_error": found.error,
        "calibration_error_by_chance": Estimate(found.by_chance, np.nan, np.nan),
        "calibration_slope": calibration_slope(verdicts, classes),
        "accuracy_at_90_coverage": found.kept,
    }
    measured = [
        {**known, "metric": name, "value": one.value, "low": one.low, "high": one.high}
        for name, one in estimates.items()
    ]
    return found.curves.assign(dataset=names["dataset"], model=names["model"]), measured


def _rows(
    parts: list[_Part],
    repeat: int | None,
    classes: list[str],
    ordered: bool,
    costs: np.ndarray | None,
    names: tuple[str, str, str, str],
) -> list[dict[str, Any]]:
    dataset, model, role, level = names
    known = {
        "dataset": dataset,
        "model": model,
        "repeat": repeat,
        "role": role,
        "level": level,
        "images": len(np.unique(np.concatenate([part.images for part in parts]))),
        "groups": len(np.unique(np.concatenate([part.groups for part in parts]))),
    }
    return [
        {**known, "metric": name, "class": which, "value": found.value, "low": found.low, "high": found.high}
        for (name, which), found in estimate([part.totals for part in parts], classes, ordered, costs).items()
    ]


def target_classes(classes: list[str], positive: str | None) -> list[int]:
    """Classes whose ROC curves count: the positive one of two (either gives the same area), each of more."""
    if len(classes) > 2:
        return list(range(len(classes)))
    return [1 if positive is None else classes.index(positive)]


def _check_classes(run: Path, classes: list[str]) -> None:
    recorded = json.loads(run.read_text())["classes"]
    if recorded != classes:
        raise UserError(f"{run}: has the classes {recorded}, not {classes}; fit the model again")


if __name__ == "__main__":
    command.run(evaluate)
