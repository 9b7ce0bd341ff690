"""The step `summarise`: what became of each combination of settings of a study, over all repeats.

Takes the runs of cells of any family, gathers their predictions to verdicts on images as evaluation does, and chooses
settings on validation where the study asks for it. Leaves accuracies with intervals, how far the cells err on the same
images, and training curves.
"""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from gradewise import command, tables
from gradewise.command import UserError
from gradewise.config.aggregation import Aggregate
from gradewise.evaluation import estimates, intervals
from gradewise.results import Results
from gradewise.studies.cell_runs import read_runs
from gradewise.studies.cells import in_words
from gradewise.studies.measures import MEASURES, recorded
from gradewise.studies.planned import read_cells
from gradewise.studies.schemas import AGREEMENTS, CELLS, CURVES
from gradewise.verdicts import check_labels, gather

ROLES = ("train", "validation", "test")
ALL = "*"
"""Name of the cell that stands for all cells together."""
KEYS = ["repeat", "image_id"]


def summarise(
    *,
    results: Path,
    study: str,
    classes: list[str],
    positive: str = "",
    aggregate: Aggregate = "mean",
    costs: list[list[float]] | None = None,
    output: Path,
) -> None:
    """Sum up a study that varies settings.

    Parameters
    ----------
    results : Path
        Folder of the dataset's results: its plan of studies, its manifest and the runs of the study's cells.
    study : str
        Its name in the configuration.
    classes : list of str
        In the order of the configuration.
    positive : str
        The class that some ways to gather look for; empty for none.
    aggregate : {"mean", "max", "vote"} or Top
        From the samples of an image to a verdict on it.
    costs : list of list of float, optional
        Cost of each prediction, a row per true class, where verdicts are classes of least expected cost.
    output : Path
        Folder for `cells.parquet`, `agreements.parquet` and `curves.parquet`.

    Raises
    ------
    UserError
        Where a cell has no results, or settings are to be chosen and there are no validation images.
    """
    below = Results(results)
    planned = read_cells(below, study)
    labels = tables.read(below.table("manifest"), columns=["image_id", "label"]).set_index("image_id")["label"]
    matrix = None if costs is None else np.array(costs)
    verdicts, measures, hits, curves = [], [], [], []
    for run in read_runs(below, study, planned):
        of_run = {"cell": run.cell, "repeat": run.repeat}
        predictions = run.predictions()
        check_labels(run.file, labels, predictions["image_id"], classes)
        gathered = gather(predictions, labels, classes, positive or None, aggregate, matrix)
        verdicts.append(gathered[["role", "image_id", "group", "label", "predicted"]].assign(**of_run))
        values = {name: recorded(run.record, name) for name in MEASURES}
        measures += [{**of_run, "measure": name, "value": value} for name, value in values.items() if value is not None]
        for name, counts in run.record.get("oob_hits", {}).items():
            hits.append(pd.DataFrame(counts).assign(measure=name, **of_run))
        if run.record.get("curves"):
            curves.append(pd.DataFrame(run.record["curves"]).assign(**of_run))
    verdict, measure = pd.concat(verdicts, ignore_index=True), pd.DataFrame(measures)
    settings = {cell.name: cell.varied for cell in planned.cells}
    chosen = {name: json.dumps(varied) for name, varied in settings.items()}
    voted = pd.concat(hits) if hits else pd.DataFrame(columns=["cell", "repeat", "measure", "group", "right", "rows"])
    if planned.best_of:
        picked, chosen = _choose(verdict, settings, list(planned.best_of))
        verdict, measure, voted = (_renamed(table, picked) for table in (verdict, measure, voted))
    rows = [row for name in chosen for row in _rows(name, chosen[name], verdict, measure, voted)]
    wrong = errors(verdict.loc[verdict["role"] == "test"], list(chosen))
    rows += _together(verdict, list(chosen), classes, wrong)
    tables.write(pd.DataFrame(rows), output / "cells.parquet", CELLS)
    tables.write(agreements(wrong), output / "agreements.parquet", AGREEMENTS)
    tables.write(_curves(curves), output / "curves.parquet", CURVES)


def _choose(
    verdict: pd.DataFrame, settings: dict[str, dict[str, Any]], best_of: list[str]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Of the cells that differ in `best_of` alone, the best on validation in each repeat.

    Each repeat chooses by its own validation images, since those may be another repeat's test images. Returns a table
    of cell, repeat and the name that stands for all cells that were chosen among; and by that name JSON of the
    settings: those fixed, and for those chosen the values by repeat.
    """
    validation = verdict.loc[verdict["role"] == "validation"]
    if validation.empty:
        raise UserError(f"best_of: {', '.join(best_of)} are chosen on validation images, and there are none")
    right = (validation["label"] == validation["predicted"]).groupby([validation["cell"], validation["repeat"]]).mean()
    by_name: dict[str, list[str]] = {}
    chosen: dict[str, dict[str, Any]] = {}
    for cell, varied in settings.items():
        fixed = {key: value for key, value in varied.items() if key not in best_of}
        name = in_words(fixed) or "best"
        by_name.setdefault(name, []).append(cell)
        chosen[name] = fixed | {key: [] for key in best_of}
    picked = []
    for repeat in sorted(verdict["repeat"].unique()):
        for name, alike in by_name.items():
            best = max(alike, key=lambda cell: right[cell, repeat])
            picked.append({"cell": best, "repeat": repeat, "name": name})
            for key in best_of:
                chosen[name][key].append(settings[best][key])
    return pd.DataFrame(picked), {name: json.dumps(varied) for name, varied in chosen.items()}


def _renamed(table: pd.DataFrame, picked: pd.DataFrame) -> pd.DataFrame:
    """Rows of the cells that were picked, under the names that they stand for."""
    return table.merge(picked, on=["cell", "repeat"]).drop(columns="cell").rename(columns={"name": "cell"})


def _rows(
    name: str, settings: str, verdict: pd.DataFrame, measure: pd.DataFrame, voted: pd.DataFrame
) -> list[dict[str, Any]]:
    rows = []
    common = {"cell": name, "settings": settings}
    of_cell = verdict.loc[verdict["cell"] == name]
    for role in ROLES:
        of_role = of_cell.loc[of_cell["role"] == role]
        if len(of_role):
            rows.append({**common, "measure": role, **accuracy(of_role)})
    training = of_cell.loc[of_cell["role"] == "train"]
    behind = {"images": training["image_id"].nunique(), "groups": training["group"].nunique()}
    numbers = measure.loc[measure["cell"] == name]
    for what, values in numbers.groupby("measure", sort=False)["value"]:
        counts = voted.loc[(voted["cell"] == name) & (voted["measure"] == what)]
        estimate = {"value": values.mean(), "low": None, "high": None}
        if len(counts):
            estimate |= share_of(counts["repeat"], counts["group"], counts["right"], counts["rows"])
        deviation = values.std() if len(values) > 1 else None
        rows.append({**common, "measure": what, **estimate, "spread": deviation, **behind, "repeats": len(values)})
    return rows


def share_of(repeat: pd.Series, group: pd.Series, right: ArrayLike, trials: ArrayLike) -> dict[str, float | None]:
    """A share over all repeats with its interval by groups, from hits and trials; one value of each per row."""
    counts = np.stack([np.asarray(right, dtype=np.float64), np.asarray(trials, dtype=np.float64)], axis=1)
    by_cell = intervals.cells(pd.factorize(repeat)[0], pd.factorize(group)[0], counts)
    return vars(estimates.share(by_cell))


def accuracy(verdict: pd.DataFrame) -> dict[str, Any]:
    """Share of right verdicts over all repeats, with its interval by groups."""
    right = verdict["label"] == verdict["predicted"]
    by_repeat = right.groupby(verdict["repeat"]).mean()
    return {
        **share_of(verdict["repeat"], verdict["group"], right, np.ones(len(right))),
        "spread": by_repeat.std() if len(by_repeat) > 1 else None,
        "images": verdict["image_id"].nunique(),
        "groups": verdict["group"].nunique(),
        "repeats": len(by_repeat),
    }


def errors(test: pd.DataFrame, cells: list[str]) -> pd.DataFrame:
    """Which verdicts are wrong: one row per repeat and test image, one column per cell, bool."""
    wrong = test.assign(wrong=test["label"] != test["predicted"])
    # unlike pivot_table, this refuses a cell that has two verdicts on an image
    return wrong.set_index([*KEYS, "cell"])["wrong"].unstack()[cells]  # noqa: PD010


def agreements(wrong: pd.DataFrame) -> pd.DataFrame:
    """How far each pair of cells errs on the same images, from the table of `errors`: columns of `AGREEMENTS`.

    The correlation is Pearson's of two indicators (phi), undefined where a cell is always right or always wrong; the
    shares are those of Kuncheva & Whitaker (2003), Machine Learning 51:181.
    """
    values = wrong.to_numpy(dtype=np.float64)
    both = values.T @ values / len(values)
    share = values.mean(axis=0)
    width = np.sqrt(share * (1 - share))
    rows = []
    for first, second in combinations(range(len(share)), 2):
        scale, joint = width[first] * width[second], both[first, second]
        rows.append(
            {
                "first": wrong.columns[first],
                "second": wrong.columns[second],
                "error_correlation": (joint - share[first] * share[second]) / scale if scale > 0 else None,
                "both_wrong": joint,
                "first_only_wrong": share[first] - joint,
                "second_only_wrong": share[second] - joint,
            }
        )
    return pd.DataFrame(rows, columns=AGREEMENTS.names)


def _together(verdict: pd.DataFrame, cells: list[str], classes: list[str], wrong: pd.DataFrame) -> list[dict[str, Any]]:
    """Test accuracy of a majority vote of all cells (ties to the earlier class), and how often any of them is right."""
    test = verdict.loc[(verdict["role"] == "test") & verdict["cell"].isin(cells)]
    if len(cells) < 2 or test.empty:
        return []
    images = test.drop_duplicates(KEYS).set_index(KEYS)[["group", "label"]]
    votes = pd.DataFrame(
        {name: test["predicted"].eq(name).groupby([test[key] for key in KEYS]).sum() for name in classes}
    )
    voted = images.assign(predicted=votes.idxmax(axis=1)).reset_index()
    any_right = images.assign(
        predicted=images["label"].where(~wrong.all(axis=1).reindex(images.index), "")
    ).reset_index()
    common = {"cell": ALL, "settings": "{}"}
    return [{**common, "measure": "vote", **accuracy(voted)}, {**common, "measure": "any_right", **accuracy(any_right)}]


def _curves(curves: list[pd.DataFrame]) -> pd.DataFrame:
    if not curves:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in CURVES.names})
    joined = pd.concat(curves, ignore_index=True)[CURVES.names]
    numbers = [name for name in CURVES.names if name not in ("cell", "repeat")]
    return joined.astype(dict.fromkeys(numbers, np.float64))


if __name__ == "__main__":
    command.run(summarise)
