"""The step `compare`: how much any two models differ on test, how sure that is, and what could have been seen.

The test follows the design. One split: exact McNemar where each image stands alone, else an exchange of whole groups.
Repeated random splits or folds: the corrected resampled t test. Repeats that all test the same: a t test whose
standard error knows groups and repeats.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from gradewise import command, tables
from gradewise.command import UserError
from gradewise.evaluation import power, significance
from gradewise.evaluation.counting import confusions
from gradewise.evaluation.intervals import Deletions, Spread, delete_each, difference_interval, effective, spread
from gradewise.evaluation.schemas import COMPARISONS
from gradewise.evaluation.significance import Statistic
from gradewise.metrics import Counts, Metric, deciding
from gradewise.provenance import derive_seed
from gradewise.results import Results
from gradewise.verdicts import Level, reclassify

NOTHING = Spread(np.nan, np.nan)


@dataclass(frozen=True)
class Tested:
    """Verdicts of one model on what was tested in every repeat, images or single samples.

    Attributes
    ----------
    confusion : ndarray, shape (r, g, k, k)
        Counts by repeat and group; all models of a comparison share repeats and groups.
    right : ndarray of bool, shape (n,)
        Of every repeat and what was tested in it, in one order for all models.
    """

    confusion: np.ndarray
    right: np.ndarray


@dataclass(frozen=True)
class Design:
    """How the models were tested.

    Attributes
    ----------
    images, groups : int
        Different ones tested, over all repeats; where samples are compared, `images` counts samples.
    same_images : bool
        Whether every repeat tests the same.
    test_to_train : float
        Tested ones for each trained on, on average over repeats.
    """

    images: int
    groups: int
    same_images: bool
    test_to_train: float


def compare(
    *,
    dataset: str,
    results: Path,
    level: Level = "image",
    classes: list[str],
    ordered: bool = False,
    metric: str = "accuracy",
    costs: list[list[float]] | None = None,
    seed: int,
    output: Path,
) -> None:
    """Compare every pair of models on test images or samples, over all repeats.

    Parameters
    ----------
    dataset : str
        Its name, for the table.
    results : Path
        Folder of the dataset's results; pairs follow the order of its models.
    level : {"image", "sample"}
        What is compared: verdicts on images, as `evaluate` wrote them, or predictions of samples. All models must have
        been given the same.
    classes : list of str
        In the order of the configuration.
    ordered : bool
        Whether classes are grades.
    metric : str
        What is compared; one of `metrics` that `decide_by` may name.
    costs : list of list of float, optional
        Cost of each prediction, a row per true class, where the metric needs it; samples then get the class of least
        expected cost.
    seed : int
        Of permutation tests.
    output : Path
        `comparisons.parquet`; empty where there is just one model.

    Raises
    ------
    UserError
        Where a model has no verdicts, models were tested differently, or the metric needs grades or costs.
    """
    chosen = _metric(metric, ordered, costs is not None)
    matrix = None if costs is None else np.array(costs)
    files = Results(results)
    decisive = matrix if chosen.needs == "costs" else None
    table, trained = _of_images(files) if level == "image" else _of_samples(files, classes, decisive)
    models = files.models()
    design, tested = collect(table, trained, models, classes, results)
    rows = [
        {"dataset": dataset, "first": first, "second": second, "role": "test", "level": level, "metric": metric}
        | compare_pair(
            tested[first],
            tested[second],
            design,
            chosen,
            derive_seed(seed, "compare", first, second),
            matrix,
        )
        for first, second in itertools.combinations(models, 2)
    ]
    frame = pd.DataFrame(rows, columns=COMPARISONS.names)
    frame["p_holm"] = significance.holm(frame["p_value"].to_numpy(dtype=np.float64))
    tables.write(frame, output, COMPARISONS)


def _metric(name: str, ordered: bool, costs: bool) -> Metric:
    """The metric of that name, if it can be what is compared."""
    known = {metric.name: metric for metric in deciding().values()}
    if name not in known:
        raise UserError(f"--metric {name}: models are not compared by that; give one of {', '.join(known)}")
    missing = known[name].missing(ordered, costs)
    if missing == "grades":
        raise UserError(f"--metric {name} needs grades; set ordered: true, or compare by accuracy")
    if missing == "costs":
        raise UserError(f"--metric {name} needs --costs; give the cost of each prediction, or compare by accuracy")
    return known[name]


def _of_images(results: Results) -> tuple[pd.DataFrame, pd.Series]:
    """Test verdicts with a column `unit` (the image's name), and how many images each model was trained on."""
    path = results.table("verdicts")
    table = tables.read(path, columns=["model", "repeat", "image_id", "group", "label", "predicted"], role="test")
    trained = tables.read(path, columns=["model"], role="train")["model"].value_counts()
    return table.rename(columns={"image_id": "unit"}), trained


def _of_samples(results: Results, classes: list[str], costs: np.ndarray | None) -> tuple[pd.DataFrame, pd.Series]:
    """Predictions of test samples with a column `unit` (the sample's name), and how many each model was trained on."""
    columns = ["sample_id", "group", "label", "predicted", *(f"p_{name}" for name in classes)]
    parts, models = [], []
    for run in results.runs():
        part = reclassify(tables.read(run.predictions, columns=columns, role="test"), classes, costs)
        parts.append(part.rename(columns={"sample_id": "unit"}).assign(model=run.model, repeat=run.repeat))
        models += [run.model] * len(tables.read(run.predictions, columns=["group"], role="train"))
    return pd.concat(parts, ignore_index=True), pd.Series(models).value_counts()


def collect(
    table: pd.DataFrame, trained: pd.Series, models: list[str], classes: list[str], source: Path
) -> tuple[Design, dict[str, Tested]]:
    """Order the test verdicts of each model alike and count them.

    Parameters
    ----------
    table : DataFrame
        On test. Columns model, repeat, unit (name of the image or sample), group, label, predicted.
    trained : Series
        Images, or samples, that each model was trained on, added up over repeats.
    models, classes : list of str
    source : Path
        Named in messages.
    """
    table = table.sort_values(["repeat", "unit"], kind="stable")
    by_model = dict(list(table.groupby("model", sort=False)))
    missing = [name for name in models if name not in by_model]
    if missing:
        raise UserError(f"{source}: no test verdicts of {', '.join(missing)}; it has {', '.join(by_model) or 'none'}")
    reference = by_model[models[0]]
    for name in models[1:]:
        for column in ("repeat", "unit", "label"):
            if not np.array_equal(by_model[name][column].to_numpy(), reference[column].to_numpy()):
                raise UserError(
                    f"{source}: {models[0]} and {name} were not tested on the same images or samples, or not under the "
                    "same labels; compare runs of the same repeats whose views cut alike"
                )
    repeat, repeats = pd.factorize(reference["repeat"])
    group, groups = pd.factorize(reference["group"])
    images = reference["unit"].nunique()
    cells = repeat * len(groups) + group
    truth = pd.Categorical(reference["label"], categories=classes).codes.astype(np.int64)
    tested = {}
    for name in models:
        called = pd.Categorical(by_model[name]["predicted"], categories=classes).codes.astype(np.int64)
        counts = confusions(truth, called, cells, len(repeats) * len(groups), len(classes))
        tested[name] = Tested(counts.reshape(len(repeats), len(groups), *counts.shape[1:]), truth == called)
    ratio = len(reference) / float(trained[models[0]]) if models[0] in trained else np.nan
    return Design(images, len(groups), len(reference) == images * len(repeats), ratio), tested


def compare_pair(
    first: Tested,
    second: Tested,
    design: Design,
    metric: Metric,
    seed: int,
    costs: np.ndarray | None = None,
) -> dict[str, object]:
    """One row of `comparisons.parquet`, but for names and Holm's correction.

    Parameters
    ----------
    first, second : Tested
    design : Design
    metric : Metric
    seed : int
        Of a permutation test.
    costs : ndarray, shape (k, k), optional
        Cost of each prediction.
    """

    def statistic(confusion: np.ndarray) -> np.ndarray:
        return metric.overall(Counts(confusion, costs))

    deletions = delete_each(first.confusion, statistic) - delete_each(second.confusion, statistic)
    groups = effective(first.confusion.sum(axis=(0, 2, 3)))
    least, greatest = metric.limits(first.confusion.shape[-1], costs)
    scale = greatest - least
    wide = _with_rare_images(spread(deletions, groups), scale, design.images)
    low, high = difference_interval(deletions.value, wide, scale)
    test, p_value, of_test = _test(first, second, design, metric, statistic, deletions, wide, seed)
    return {
        "difference": deletions.value,
        "low": low,
        "high": high,
        "p_value": p_value,
        "test": test,
        "first_only_right": int(np.sum(first.right & ~second.right)),
        "second_only_right": int(np.sum(~first.right & second.right)),
        "images": design.images,
        "groups": design.groups,
        "repeats": len(first.confusion),
        "detectable": detectable if (detectable := power.detectable(of_test)) <= scale else np.nan,
        "error_correlation": _phi(first.right, second.right),
    }


def _with_rare_images(spread: Spread, scale: float, images: int) -> Spread:
    """Add two images on which the models differ, once each way, as Bonett & Price (2012), Journal of Educational and
    Behavioral Statistics 37:479, do: few or no differing images must not look like certainty."""
    return replace(spread, error=float(np.hypot(spread.error, np.sqrt(2) * scale / (images + 2))))


def _test(
    first: Tested,
    second: Tested,
    design: Design,
    metric: Metric,
    statistic: Statistic,
    deletions: Deletions,
    wide: Spread,
    seed: int,
) -> tuple[str, float, Spread]:
    """Name and p value of the test that the design asks for, and the standard error that stands for its power: NaN
    where it cannot show any difference."""
    repeats = len(first.confusion)
    if repeats > 1 and design.same_images:
        return "clustered_t", significance.clustered_t(deletions.value, wide), wide
    if repeats > 1:
        by_repeat = statistic(first.confusion.sum(axis=1)) - statistic(second.confusion.sum(axis=1))
        p_value = significance.corrected_resampled_t(by_repeat, design.test_to_train)
        if np.isfinite(p_value):
            of_repeats = significance.resampled_spread(by_repeat, design.test_to_train)
            return "corrected_resampled_t", p_value, of_repeats
        return "clustered_t", significance.clustered_t(deletions.value, wide), wide
    if metric.name == "accuracy" and design.images == design.groups:
        only_first, only_second = first.right & ~second.right, second.right & ~first.right
        p_value = significance.mcnemar(int(only_first.sum()), int(only_second.sum()))
        return "mcnemar", p_value, wide if significance.can_show(design.images) else NOTHING
    p_value = significance.group_swap(first.confusion[0], second.confusion[0], statistic, seed)
    return "group_swap", p_value, wide if significance.can_show(design.groups) else NOTHING


def _phi(first: np.ndarray, second: np.ndarray) -> float:
    """Correlation of two models' mistakes; NaN where one makes none, or nothing else."""
    if first.all() or second.all() or not first.any() or not second.any():
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


if __name__ == "__main__":
    command.run(compare)
