"""The step `leak`: what a split that ignores groups would have claimed, beside what holds for new groups.

The same models are fitted on the dataset's split and on a careless one, in which images of one specimen or fruit, and
duplicates, may train and test at once. The gap between the two accuracies is mostly memory of the specimen. A part is
skill all the same: the careless split trains on images of nearly all groups, the dataset's own on those of fewer.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from math import log2
from pathlib import Path

import numpy as np
import pandas as pd

from gradewise import command, tables
from gradewise.command import UserError
from gradewise.evaluation.counting import hits_and_trials
from gradewise.evaluation.estimates import Estimate, hit_rate
from gradewise.evaluation.intervals import Deletions, delete_each, difference_interval, effective, interval, spread
from gradewise.evaluation.schemas import LEAKS
from gradewise.results import Results

METRIC = "accuracy"

FEWEST = 4
"""Groups that a gap is worth at least; the t distribution of fewer has next to no ends."""

log = logging.getLogger(__name__)


def leak(*, dataset: str, results: Path, output: Path) -> None:
    """Compare accuracy under the dataset's split and under one that ignores groups.

    Parameters
    ----------
    dataset : str
        Its name, for the table.
    results : Path
        Folder of the dataset's results; its variant `careless` says which models were fitted under both splits.
    output : Path
        `leaks.parquet`.

    Raises
    ------
    UserError
        Where a model has no verdicts under one of the splits.
    """
    sides = Results(results), Results(results).variant("careless")
    paths = [side.table("verdicts") for side in sides]
    by_split = [tables.read(path) for path in paths]
    rows = []
    for model in sides[1].models():
        chosen = []
        for path, verdicts in zip(paths, by_split, strict=True):
            chosen.append(verdicts.loc[verdicts["model"] == model])
            if not (chosen[-1]["role"] == "test").any():
                raise UserError(f"{path}: no test verdicts of {model}; fit it under both splits")
        gap = measure_gap(chosen[0], chosen[1])
        rows.append({"dataset": dataset, "model": model, "metric": METRIC, **gap})
        log.info("%s: %.3f grouped, %.3f careless", model, rows[-1]["grouped"], rows[-1]["careless"])
    columns = {name: pd.Series(dtype=object) for name in LEAKS.names}
    tables.write(pd.DataFrame(rows) if rows else pd.DataFrame(columns), output, LEAKS)


def measure_gap(grouped: pd.DataFrame, careless: pd.DataFrame) -> dict[str, float]:
    """One row of `leaks.parquet`, but for names.

    The two accuracies speak of the same images, so that a group that is hard under one split is hard under the other.
    `bench/leak_and_learning_curve.txt` has how well the gap's interval covers.

    Parameters
    ----------
    grouped, careless : DataFrame
        Verdicts of one model in all roles: repeat, role, image_id, group, label, predicted.

    Returns
    -------
    dict
    """
    sides = {"grouped": grouped, "careless": careless}
    tests = {side: verdicts.loc[verdicts["role"] == "test"] for side, verdicts in sides.items()}
    groups = pd.Index(sorted(set().union(*(set(test["group"]) for test in tests.values()))))
    tested = {side: hits_and_trials(test, groups) for side, test in tests.items()}
    deletions = {side: delete_each(counts, hit_rate) for side, counts in tested.items()}
    found: dict[str, float] = {}
    for side, counts in tested.items():
        sizes = counts[..., 1].sum(axis=0)
        worth = effective(sizes)
        ends = interval(deletions[side].value, spread(_of(deletions[side], sizes > 0), worth), (0.0, 1.0), worth)
        found |= {side: deletions[side].value, f"{side}_low": ends[0], f"{side}_high": ends[1]}
    ratio = len(tests["grouped"]) / (grouped["role"] == "train").sum()
    gap = gap_between(tested["careless"], tested["grouped"], ratio)
    return {
        **found,
        "gap": gap.value,
        "gap_low": gap.low,
        "gap_high": gap.high,
        "siblings": _with_siblings(careless),
        **{f"{side}_trained": _training_groups(verdicts) for side, verdicts in sides.items()},
        "images": pd.concat(tests.values())["image_id"].nunique(),
        "groups": len(groups),
        "repeats": len(tested["grouped"]),
    }


def gap_between(first: np.ndarray, second: np.ndarray, test_to_train: float = 0.0) -> Estimate:
    """One accuracy less another one, on test images of the same groups, in as many repeats.

    Each group is left out of both at once, and the gap's standard error is that of the changes in the gap (see
    `intervals.spread`); a group that only one of them tested changes that side alone. What the draws of the splits add
    enters as the repeats' part, one repeat of each at a time, for training sets that overlap. The gap is worth as many
    groups as one repeat tests, but at least `FEWEST`: all repeats draw on the same groups, and a model that remembers
    groups depends on which those are.

    Parameters
    ----------
    first, second : ndarray, shape (repeats, groups, 2)
        Hits and trials, as `counting.hits_and_trials` counts them.
    test_to_train : float
        Size of a test set as a share of its training set.
    """
    gap = delete_each(first, hit_rate) - delete_each(second, hit_rate)
    of_repeats = min(effective(sizes) for counts in (first, second) for sizes in counts[..., 1])
    worth = min(first.shape[1], max(FEWEST, of_repeats))
    return Estimate(gap.value, *difference_interval(gap.value, spread(gap, worth, test_to_train), 1.0))


def skill_of_more_groups(grouped_trained: float, careless_trained: float, slope: Estimate) -> Estimate:
    """The part of a gap that is skill, since the careless model trained on more groups.

    Parameters
    ----------
    grouped_trained, careless_trained : float
        Training groups under both splits.
    slope : Estimate
        Accuracy gained for each doubling of the training groups, from the learning curve of the same model. A curve
        that levels off gains less than that at its end, so the part is rather overstated.
    """
    doublings = log2(careless_trained / grouped_trained)
    return Estimate(*(None if end is None else doublings * end for end in (slope.value, slope.low, slope.high)))


def _training_groups(verdicts: pd.DataFrame) -> float:
    """Groups with training images, mean over repeats."""
    return float(verdicts.loc[verdicts["role"] == "train"].groupby("repeat")["group"].nunique().mean())


def _of(deletions: Deletions, tested: np.ndarray) -> Deletions:
    """Without the groups that were not tested."""
    return replace(deletions, groups=deletions.groups[tested], cells=deletions.cells[:, tested])


def _with_siblings(verdicts: pd.DataFrame) -> float:
    """Share of test images of whose group another image has another role in the same repeat."""
    keys = pd.MultiIndex.from_frame(verdicts[["repeat", "group"]])
    test = (verdicts["role"] == "test").to_numpy()
    return float(np.mean(keys[test].isin(keys[~test])))


if __name__ == "__main__":
    command.run(leak)
