"""The step `evaluate`: from the predictions of every run to verdicts on images and what can be said about them.

That is metrics with intervals, how far probabilities can be believed, and accuracy in subgroups of the images.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
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
from gradewise.evaluation.positions import ROLES, Gathering, Images, read_images, read_predictions
from gradewise.evaluation.schemas import CALIBRATION, METRICS, SUBGROUPS, verdicts_schema
from gradewise.evaluation.subgroups import measure_subgroups
from gradewise.evaluation.totals import Totals, add_up
from gradewise.memory import give_back_memory
from gradewise.progress import track
from gradewise.results import Results, RunFolder
from gradewise.verdicts import Level

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
    known = read_images(Results(files.dataset).table("manifest"), classes)
    matrix = None if costs is None else np.array(costs)
    rules = Gathering(classes, positive or None, aggregate, matrix if least_cost else None)
    measures = _Measures(dataset, known, rules, level, ordered, matrix)
    measured: list[dict[str, Any]] = []
    curves: list[pd.DataFrame] = []
    shares: list[dict[str, Any]] = []
    with tables.appending(verdicts, verdicts_schema(classes)) as append:
        for model, of_model in groupby(track(runs, len(runs), "prediction files"), key=lambda run: run.model):
            found = measures.of_model(model, of_model, append)
            measured += found.metrics
            curves.append(found.curves)
            shares += found.subgroups
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
class _Found:
    """Rows of the tables about one model."""

    metrics: list[dict[str, Any]]
    curves: pd.DataFrame
    subgroups: list[dict[str, Any]]


@dataclass(frozen=True)
class _Part:
    """Totals of one run in one role at one level, and a bit for each image of the dataset that they come from."""

    totals: Totals
    images: np.ndarray


@dataclass(frozen=True)
class _Measures:
    """How the models of a dataset are measured.

    Attributes
    ----------
    dataset, level, ordered, costs
        Arguments of `evaluate`; costs as an array.
    known : Images
    rules : Gathering
        With costs only where the class of least expected cost is predicted.
    """

    dataset: str
    known: Images
    rules: Gathering
    level: Level
    ordered: bool
    costs: np.ndarray | None

    def of_model(self, model: str, runs: Iterable[RunFolder], append: Callable[[pd.DataFrame], None]) -> _Found:
        """Measure a model in each of its runs and over all of them; verdicts on images are appended to a file."""
        names = {"dataset": self.dataset, "model": model}
        measured: list[dict[str, Any]] = []
        tested: list[pd.DataFrame] = []
        parts: dict[tuple[str, Level], list[_Part]] = defaultdict(list)
        for run in runs:
            _check_classes(run.record, self.rules.classes)
            for level, table in self._tables(run, append):
                if level == self.level:
                    # a copy, since verdicts on images will lie in the memory of samples
                    tested.append(table.loc[table["role"] == "test"].copy().assign(repeat=run.repeat))
                for role in table["role"].unique():
                    part = self._part(table, table["role"] == role)
                    measured += self._rows([part], {**names, "repeat": run.repeat, "role": role, "level": level})
                    parts[role, level].append(part)
                del table  # before the next is made
        for (role, level), repeats in parts.items():
            measured += self._rows(repeats, {**names, "repeat": None, "role": role, "level": level})
        of_test = pd.concat(tested, ignore_index=True)
        curves, figures = _calibration(of_test, self.rules.classes, {**names, "level": self.level})
        of_test["group"] = self.known.rank[of_test["group"]]
        subgroups = [{**names, **row} for row in measure_subgroups(of_test, self.known.described)]
        return _Found(measured + figures, curves, subgroups)

    def _tables(self, run: RunFolder, append: Callable[[pd.DataFrame], None]) -> Iterator[tuple[Level, pd.DataFrame]]:
        """Verdicts on the samples of a run, then on its images; these are also appended, with the names of images and
        groups.

        The second table lies in the memory of the first, which is gone then. What it took to make or measure a table is
        given back before the next is made, since the holes that it leaves are seldom filled.
        """
        give_back_memory()
        predictions = read_predictions(
            run.predictions, self.known, self.rules.classes, self.rules.costs, self.level == "sample"
        )
        give_back_memory()
        yield "sample", predictions.table()
        give_back_memory()
        verdicts = self.rules.gather(
            predictions,
            self.known,
            lambda part: append(_named(part, self.known).assign(model=run.model, repeat=run.repeat)),
        )
        give_back_memory()
        yield "image", verdicts.table()

    def _part(self, table: pd.DataFrame, chosen: pd.Series) -> _Part:
        present = np.zeros(len(self.known.names), dtype=bool)
        present[table["image_id"].to_numpy()[chosen]] = True
        totals = add_up(
            truth=table["label"].array.codes[chosen],
            predicted=table["predicted"].array.codes[chosen],
            probabilities=table.loc[chosen, [f"p_{name}" for name in self.rules.classes]].to_numpy(),
            group=table["group"].to_numpy()[chosen],
            groups=len(self.known.groups),
            targets=target_classes(self.rules.classes, self.rules.positive),
        )
        return _Part(totals, np.packbits(present))

    def _rows(self, parts: list[_Part], names: dict[str, Any]) -> list[dict[str, Any]]:
        """Every metric of some runs together."""
        known = {
            **names,
            "images": int(np.bitwise_count(np.bitwise_or.reduce([part.images for part in parts])).sum()),
            "groups": len(np.unique(np.concatenate([part.totals.present for part in parts]))),
        }
        measured = estimate([part.totals for part in parts], self.rules.classes, self.ordered, self.costs)
        return [
            {**known, "metric": name, "class": which, "value": found.value, "low": found.low, "high": found.high}
            for (name, which), found in measured.items()
        ]


def _named(verdicts: pd.DataFrame, known: Images) -> pd.DataFrame:
    """Verdicts with the names of their images and groups."""
    names = {"image_id": known.names, "group": known.groups}
    return verdicts.assign(
        **{column: pd.array(of_column.take(verdicts[column].to_numpy()), "str") for column, of_column in names.items()}
    )


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
