"""The step `compare`: how much any two models differ on test, how sure that is, and what could have been seen.

Models are compared with each other and with two baselines: predicting one class for everything, and a classifier that
knows only facts without content (clues). All differences are judged together by `inference`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from gradewise import command, tables
from gradewise.command import UserError
from gradewise.evaluation.counting import Confusions, confusions
from gradewise.evaluation.inference import difference, infer
from gradewise.evaluation.intervals import Combine, Deletions, delete_cells
from gradewise.evaluation.schemas import COMPARISONS, STANDINGS
from gradewise.evaluation.standings import optimism, probability_best
from gradewise.metrics import Metric, deciding
from gradewise.provenance import derive_seed
from gradewise.results import Results
from gradewise.verdicts import Level, reclassify

CONSTANT, CLUES = "always {}", "clues alone"
"""Names of the baselines in the column `second`, with a space, as no model's name has; the first names the class that
is predicted."""


@dataclass(frozen=True)
class Tested:
    """Verdicts of one model on what was tested in every repeat, images or single samples.

    Attributes
    ----------
    confusions : Confusions
        Of each repeat and group, repeat by repeat; all models of a comparison share repeats and groups.
    repeats : int
        How many there are.
    right : ndarray of bool, shape (n,)
        Of every repeat and what was tested in it, in one order for all models.
    """

    confusions: Confusions
    repeats: int
    right: np.ndarray

    @property
    def groups(self) -> int:
        """How many there are."""
        return self.confusions.parts // self.repeats

    @property
    def sizes(self) -> np.ndarray:
        """Tested images, or samples, of each group, shape (g,)."""
        return np.asarray(self.confusions.total.reshape(self.repeats, -1).sum(axis=0))

    @property
    def collapsed(self) -> np.ndarray:
        """Repeats in which one class was predicted for everything, shape (r,)."""
        called = self.confusions.called.reshape(self.repeats, self.groups, -1).sum(axis=1)
        return np.asarray(np.count_nonzero(called, axis=1) == 1)

    def deletions(self, metric: Metric, costs: np.ndarray | None = None) -> Deletions:
        """The metric, and how it changes without groups and repeats."""
        return delete_cells(
            self.repeats, self.groups, lambda combine: metric.overall(self.confusions.combined(combine, costs))
        )


@dataclass(frozen=True)
class Design:
    """How the models were tested.

    Attributes
    ----------
    images, groups : int
        Different ones tested, over all repeats; where samples are compared, `images` counts samples.
    test_to_train : float
        Tested ones for each trained on, on average over repeats.
    """

    images: int
    groups: int
    test_to_train: float


@dataclass(frozen=True)
class Units:
    """Images, or samples, tested in every repeat, in one order for all models.

    Attributes
    ----------
    truth : ndarray of int, shape (n,)
        Positions of classes.
    cell : ndarray of int, shape (n,)
        Positions of repeat and group, repeat by repeat.
    image : ndarray of str, shape (n,)
        The image that each is, or is cut from.
    repeats, groups, classes : int
        How many there are.
    """

    truth: np.ndarray
    cell: np.ndarray
    image: np.ndarray
    repeats: int
    groups: int
    classes: int

    def tested(self, called: np.ndarray) -> Tested:
        """Predictions, shape (n,), as positions of classes."""
        counts = confusions(self.truth, called, self.cell, self.repeats * self.groups, self.classes)
        return Tested(counts, self.repeats, self.truth == called)


def compare(
    *,
    dataset: str,
    results: Path,
    level: Level = "image",
    classes: list[str],
    ordered: bool = False,
    metric: str = "accuracy",
    costs: list[list[float]] | None = None,
    clues: Path | None = None,
    seed: int,
    output: Path,
    standings: Path,
) -> None:
    """Compare models with each other and with baselines on test images or samples.

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
    clues : Path, optional
        Predictions from facts without content, as `audit` wrote them.
    seed : int
        Of the bootstrap that tells the optimism of the choice.
    output : Path
        `comparisons.parquet`.
    standings : Path
        `standings.parquet`.

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
    design, units, tested = collect(table, trained, files.models(), classes, results)
    baselines = _baselines(units, classes, chosen, matrix, clues)
    least, greatest = chosen.limits(len(classes), matrix)
    deletions = {name: of_model.deletions(chosen, matrix) for name, of_model in (tested | baselines).items()}
    pairs = [*itertools.combinations(tested, 2), *((model, name) for name in baselines for model in tested)]
    described = {"dataset": dataset, "role": "test", "level": level, "metric": metric}
    rows = [
        described | {"first": first, "second": second, "baseline": second in baselines} | row
        for (first, second), row in zip(
            pairs, compare_each(tested, pairs, design, deletions, greatest - least, baselines), strict=True
        )
    ]
    tables.write(pd.DataFrame(rows, columns=COMPARISONS.names), output, COMPARISONS)
    known = {name: deletions[name] for name in tested}
    tables.write(_standings(described, design, tested, known, chosen, matrix, seed), standings, STANDINGS)


def _standings(
    described: dict[str, str],
    design: Design,
    tested: dict[str, Tested],
    deletions: dict[str, Deletions],
    metric: Metric,
    costs: np.ndarray | None,
    seed: int,
) -> pd.DataFrame:
    """Rows of `standings.parquet`."""
    sign = -1.0 if metric.lower_is_better else 1.0

    def statistic(confusions: Confusions, combine: Combine) -> np.ndarray:
        return sign * metric.overall(confusions.combined(combine, costs))

    first = next(iter(tested.values()))
    least, greatest = metric.limits(first.confusions.classes, costs)
    frame = pd.DataFrame({"model": list(tested), "value": [of_model.value for of_model in deletions.values()]})
    turned = [-of_model if metric.lower_is_better else of_model for of_model in deletions.values()]
    frame["probability_best"] = probability_best(turned, first.sizes, greatest - least, design.test_to_train)
    frame["optimism"] = optimism(
        [of_model.confusions for of_model in tested.values()], first.groups, statistic, derive_seed(seed, "optimism")
    )
    return frame.assign(**{name: described[name] for name in ("dataset", "level", "metric")})


def _baselines(
    units: Units, classes: list[str], metric: Metric, costs: np.ndarray | None, clues: Path | None
) -> dict[str, Tested]:
    """Predicting one class for everything, and predicting from clues where everything tested has such a prediction."""
    place = best_constant(np.bincount(units.truth, minlength=len(classes)), metric, costs)
    baselines = {CONSTANT.format(classes[place]): units.tested(np.full_like(units.truth, place))}
    if clues is not None:
        predicted = tables.read(clues).set_index("image_id")["predicted"].reindex(units.image)
        if predicted.notna().all():
            baselines[CLUES] = units.tested(_positions(predicted, classes))
    return baselines


def best_constant(counts: np.ndarray, metric: Metric, costs: np.ndarray | None = None) -> int:
    """Position of the class that is best predicted for everything; of equals the most frequent one.

    Parameters
    ----------
    counts : ndarray, shape (k,)
        Images, or samples, of each class.
    metric : Metric
    costs : ndarray, shape (k, k), optional
    """
    frequent = np.argsort(-counts, kind="stable")
    k = len(counts)
    guess, truth = np.indices((k, k)).reshape(2, -1)
    guesses = Confusions(guess, truth, frequent[guess], counts[truth], k, k)
    values = np.nan_to_num(metric.overall(guesses.combined(lambda sums: sums, costs)))
    return int(frequent[values.argmin() if metric.lower_is_better else values.argmax()])


def _positions(names: pd.Series, classes: list[str]) -> np.ndarray:
    return np.asarray(pd.Categorical(names, categories=classes).codes, dtype=np.int64)


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
    trained = pd.Series({model: len(tables.read(path, [], role="train", model=model)) for model in results.models()})
    return table.assign(unit=table["image_id"]), trained[trained > 0]


def _of_samples(results: Results, classes: list[str], costs: np.ndarray | None) -> tuple[pd.DataFrame, pd.Series]:
    """Predictions of test samples with a column `unit` (the sample's name), and how many each model was trained on."""
    columns = ["sample_id", "image_id", "group", "label", "predicted", *(f"p_{name}" for name in classes)]
    parts, models = [], []
    for run in results.runs():
        part = reclassify(tables.read(run.predictions, columns=columns, role="test"), classes, costs)
        parts.append(part.rename(columns={"sample_id": "unit"}).assign(model=run.model, repeat=run.repeat))
        models += [run.model] * len(tables.read(run.predictions, columns=["group"], role="train"))
    return pd.concat(parts, ignore_index=True), pd.Series(models).value_counts()


def collect(
    table: pd.DataFrame, trained: pd.Series, models: list[str], classes: list[str], source: Path
) -> tuple[Design, Units, dict[str, Tested]]:
    """Order the test verdicts of each model alike and count them.

    Parameters
    ----------
    table : DataFrame
        On test. Columns model, repeat, unit (name of the image or sample), image_id, group, label, predicted.
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
    units = Units(
        truth=_positions(reference["label"], classes),
        cell=repeat * len(groups) + group,
        image=reference["image_id"].to_numpy(),
        repeats=len(repeats),
        groups=len(groups),
        classes=len(classes),
    )
    fitted = trained.reindex(models).max()
    design = Design(reference["unit"].nunique(), len(groups), 0.0 if np.isnan(fitted) else len(reference) / fitted)
    return design, units, {name: units.tested(_positions(by_model[name]["predicted"], classes)) for name in models}


def compare_each(
    tested: dict[str, Tested],
    pairs: Sequence[tuple[str, str]],
    design: Design,
    deletions: Mapping[str, Deletions],
    scale: float,
    baselines: Mapping[str, Tested] = MappingProxyType({}),
) -> list[dict[str, object]]:
    """Rows of `comparisons.parquet` without names: the pairs, judged together.

    Parameters
    ----------
    tested : dict of str to Tested
        Of each model.
    pairs : sequence of tuple of str
    design : Design
    deletions : mapping of str to Deletions
        Of each model and baseline, in the metric that is compared.
    scale : float
        Largest possible difference.
    baselines : mapping of str to Tested
        What pairs may name beside models; a baseline that gives one answer is not counted as collapsed.
    """
    everything = {**tested, **baselines}
    collapsed = {name: of_model.collapsed for name, of_model in tested.items()}
    reference = next(iter(tested.values()))
    differences = [
        difference(deletions[first] - deletions[second], reference.sizes, scale, design.test_to_train)
        for first, second in pairs
    ]
    rows = []
    for (first, second), judged, inferred in zip(pairs, differences, infer(differences), strict=True):
        right, other = everything[first].right, everything[second].right
        failed = [collapsed[name] for name in (first, second) if name in collapsed]
        rows.append(
            {
                "difference": judged.value,
                "error": judged.spread.error,
                "freedom": judged.spread.freedom,
                **asdict(inferred),
                "scale": judged.scale,
                "first_only_right": int(np.sum(right & ~other)),
                "second_only_right": int(np.sum(~right & other)),
                "images": design.images,
                "groups": design.groups,
                "repeats": reference.repeats,
                "collapsed": int(np.any(failed, axis=0).sum()),
                "error_correlation": _phi(right, other),
            }
        )
    return rows


def _phi(first: np.ndarray, second: np.ndarray) -> float:
    """Correlation of two models' mistakes; NaN where one makes none, or nothing else."""
    if first.all() or second.all() or not first.any() or not second.any():
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


if __name__ == "__main__":
    command.run(compare)
