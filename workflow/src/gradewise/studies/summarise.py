"""The step `summarise`: what became of each combination of settings of a study, over all repeats.

Takes the verdicts and measures of cells of any family, and chooses settings on validation where the study asks for
it. Leaves accuracies with intervals, how far the cells err on the same images, and training curves.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from gradewise import command, tables
from gradewise.command import UserError
from gradewise.evaluation import estimates, intervals
from gradewise.evaluation.verdicts import Aggregate, gather
from gradewise.studies.settings import in_words

ROLES = ("train", "validation", "test")
ALL = "*"
"""Name of the cell that stands for all cells together."""
KEYS = ["repeat", "image_id"]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Varied:
    """A cell of a study: its name, the name of the model that it was trained as, and the settings that vary."""

    name: str
    run: str
    settings: dict[str, Any]


def summarise(
    *,
    cells: list[Varied],
    classes: list[str],
    best_of: list[str],
    answers: list[Path] | None = None,
    measures: list[Path] | None = None,
    hits: list[Path] | None = None,
    predictions: list[Path] | None = None,
    runs: list[Path] | None = None,
    manifest: Path,
    positive: str | None = None,
    aggregate: Aggregate = "mean",
    output: Path,
) -> None:
    """Sum up a study that varies settings.

    Parameters
    ----------
    cells : list of Varied
        In the order of the configuration.
    classes : list of str
        In the order of the configuration.
    best_of : list of str
        Settings to choose on validation, anew in each repeat, for each combination of the others.
    answers, measures : list of Path, optional
        `answers.parquet` and `measures.parquet` of each repeat, of cells of the classical families.
    hits : list of Path, optional
        `hits.parquet` of each repeat, of cells that are forests: gives out-of-bag accuracies their intervals.
    predictions, runs : list of Path, optional
        `predictions.parquet` and `run.json` of each run, of cells that are networks.
    manifest : Path
        The dataset's images and labels.
    positive : str, optional
        The class that some ways to gather look for.
    aggregate : {"mean", "max", "vote"} or Top
        From the samples of an image to a verdict on it, for networks.
    output : Path
        Folder for `cells.parquet`, `agreements.parquet` and `curves.parquet`.

    Raises
    ------
    UserError
        Where a cell has no results, or settings are to be chosen and there are no validation images.
    """
    verdicts = [tables.read(path) for path in answers or ()]
    measured = [tables.read(path) for path in measures or ()]
    curves = []
    labels = tables.read(manifest, columns=["image_id", "label"]).set_index("image_id")["label"]
    named = {cell.run: cell.name for cell in cells}
    for table, record in zip(predictions or (), runs or (), strict=True):
        facts = json.loads(record.read_text())
        whose = {"cell": named[facts["model"]], "repeat": int(facts["repeat"])}
        verdicts.append(gather(tables.read(table), labels, classes, positive, aggregate).assign(**whose))
        measured.append(pd.DataFrame(_measures(facts), columns=["measure", "value"]).assign(**whose))
        curves.append(pd.DataFrame(facts["curves"]).assign(**whose))
    verdict = pd.concat(verdicts, ignore_index=True)
    measure = pd.concat(measured, ignore_index=True)
    missing = [cell.name for cell in cells if cell.name not in set(verdict["cell"])]
    if missing:
        raise UserError(f"{output.name}: no results of {', '.join(missing)}; train them first")
    settings = {cell.name: cell.settings for cell in cells}
    chosen = {name: json.dumps(varied) for name, varied in settings.items()}
    voted = pd.concat([tables.read(path) for path in hits]) if hits else pd.DataFrame(columns=tables.HITS.names)
    if best_of:
        picked, chosen = _choose(verdict, settings, best_of)
        verdict, measure, voted = (_renamed(table, picked) for table in (verdict, measure, voted))
    rows = [row for name in chosen for row in _rows(name, chosen[name], verdict, measure, voted)]
    wrong = errors(verdict.loc[verdict["role"] == "test"], list(chosen))
    rows += _together(verdict, list(chosen), classes, wrong)
    tables.write(pd.DataFrame(rows), output / "cells.parquet", tables.CELLS)
    tables.write(agreements(wrong), output / "agreements.parquet", tables.AGREEMENTS)
    tables.write(_curves(curves), output / "curves.parquet", tables.CURVES)


def _measures(facts: dict[str, Any]) -> list[tuple[str, float]]:
    return [
        ("seconds", facts["seconds_fit"]),
        ("memory", facts["peak_memory_mb"]),
        ("parameters", facts["parameters"]),
        ("training_rows", facts["counts"]["train"]["samples"]),
    ]


def _choose(
    verdict: pd.DataFrame, settings: dict[str, dict[str, Any]], best_of: list[str]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Of the cells that differ in `best_of` alone, the best on validation in each repeat.

    Each repeat chooses by its own validation images, since those may be another repeat's test images.

    Returns
    -------
    picked : DataFrame
        cell, repeat, and the name that stands for all cells that were chosen among.
    settings : dict
        JSON of the settings under that name: those fixed, and for those chosen the values by repeat.
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
    return pd.DataFrame(picked), {name: json.dumps(found) for name, found in chosen.items()}


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
        found = {"value": values.mean(), "low": None, "high": None}
        if len(counts):
            found |= share_of(counts["repeat"], counts["group"], counts["right"], counts["rows"])
        deviation = values.std() if len(values) > 1 else None
        rows.append({**common, "measure": what, **found, "spread": deviation, **behind, "repeats": len(values)})
    return rows


def share_of(repeat: pd.Series, group: pd.Series, right: ArrayLike, trials: ArrayLike) -> dict[str, float | None]:
    """A share over all repeats with its interval by groups, from hits and trials; one value each a row."""
    counts = np.stack([np.asarray(right, dtype=np.float64), np.asarray(trials, dtype=np.float64)], axis=1)
    by_cell = intervals.cells(pd.factorize(repeat)[0], pd.factorize(group)[0], counts)
    found = estimates.share(by_cell)
    return {"value": found.value, "low": found.low, "high": found.high}


def accuracy(verdict: pd.DataFrame) -> dict[str, Any]:
    """Share of right verdicts over all repeats, with its interval by groups.

    Parameters
    ----------
    verdict : DataFrame
        repeat, image_id, group, label, predicted.
    """
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
    """Which verdicts are wrong: one row a repeat and test image, one column a cell, bool."""
    wrong = test.assign(wrong=test["label"] != test["predicted"])
    # unlike pivot_table, this refuses a cell that has two verdicts on an image
    return wrong.set_index([*KEYS, "cell"])["wrong"].unstack()[cells]  # noqa: PD010


def agreements(wrong: pd.DataFrame) -> pd.DataFrame:
    """How far each pair of cells errs on the same images.

    The correlation is Pearson's of two indicators (phi), undefined where a cell is always right or always wrong; the
    shares are those of Kuncheva & Whitaker (2003), Machine Learning 51:181.

    Parameters
    ----------
    wrong : DataFrame of bool
        From `errors`.

    Returns
    -------
    DataFrame
        Columns of `tables.AGREEMENTS`.
    """
    values = wrong.to_numpy(dtype=np.float64)
    both = values.T @ values / len(values)
    share = values.mean(axis=0)
    width = np.sqrt(share * (1 - share))
    rows = []
    for one in range(len(share)):
        for other in range(one + 1, len(share)):
            scale = width[one] * width[other]
            rows.append(
                {
                    "first": wrong.columns[one],
                    "second": wrong.columns[other],
                    "error_correlation": (both[one, other] - share[one] * share[other]) / scale if scale > 0 else None,
                    "both_wrong": both[one, other],
                    "first_only_wrong": share[one] - both[one, other],
                    "second_only_wrong": share[other] - both[one, other],
                }
            )
    return pd.DataFrame(rows, columns=tables.AGREEMENTS.names)


def _together(verdict: pd.DataFrame, cells: list[str], classes: list[str], wrong: pd.DataFrame) -> list[dict[str, Any]]:
    """Test accuracy of a majority vote of all cells (ties to the earlier class), and how often any of them is right."""
    test = verdict.loc[(verdict["role"] == "test") & verdict["cell"].isin(cells)]
    if len(cells) < 2 or test.empty:
        return []
    one = test.drop_duplicates(KEYS).set_index(KEYS)[["group", "label"]]
    votes = pd.DataFrame(
        {name: test["predicted"].eq(name).groupby([test[key] for key in KEYS]).sum() for name in classes}
    )
    voted = one.assign(predicted=votes.idxmax(axis=1)).reset_index()
    some = one.assign(predicted=one["label"].where(~wrong.all(axis=1).reindex(one.index), "")).reset_index()
    return [
        {"cell": ALL, "settings": "{}", "measure": name, **accuracy(table)}
        for name, table in (("vote", voted), ("any_right", some))
    ]


def _curves(curves: list[pd.DataFrame]) -> pd.DataFrame:
    if not curves:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in tables.CURVES.names})
    joined = pd.concat(curves, ignore_index=True)[tables.CURVES.names]
    numbers = [name for name in tables.CURVES.names if name not in ("cell", "repeat")]
    return joined.astype(dict.fromkeys(numbers, np.float64))


if __name__ == "__main__":
    command.run(summarise)
