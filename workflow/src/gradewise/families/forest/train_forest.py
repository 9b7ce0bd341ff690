"""Step `train_forest`: a random forest on raw pixels, with out-of-bag accuracy both ways.

Out-of-bag over rows is what scikit-learn reports, and what the mango report reported for training sets enlarged by
rotations and flips; over groups it is an estimate for new groups. Where groups hold several rows, the two need two
forests. The one over rows is kept as the model unless only groups are asked for.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from threadpoolctl import threadpool_limits

from gradewise import command, symmetry
from gradewise.families import pca
from gradewise.families.choose import choose, require_validation
from gradewise.families.forest.bootstrap import grow_forest, unit_kept
from gradewise.families.forest.classifier import PixelForest
from gradewise.families.forest.reduction import AllPixels, Features, SelectedPixels, first_forest, importances, select
from gradewise.families.forest.rows import TrainingRows, training_rows
from gradewise.families.forest.settings import ForestSettings
from gradewise.families.forest.votes import out_of_bag_at, probabilities_at, sizes_at, walk, whole
from gradewise.families.pca import Pca
from gradewise.families.run import Cost, Identity, write_run
from gradewise.families.targets import training_targets
from gradewise.provenance import derive_seed
from gradewise.views.samples import read_samples


def train_forest(
    *,
    samples: Path,
    splits: Path,
    manifest: Path,
    repeat: int,
    dataset: str,
    model: str,
    view: str,
    classes: list[str],
    candidates: list[ForestSettings],
    seed: int,
    threads: int,
    output: Path,
) -> None:
    """Train a forest and write it, its predictions and `run.json`.

    Memory is 4 bytes x training rows x values a sample (rows are eight a sample with `augment: d4`), and the trees.
    Principal components (`components`) are those of the training samples as they are, without rotations and flips;
    these are then projected on them.

    Parameters
    ----------
    samples : Path
        The view's cache.
    splits : Path
        The dataset's roles.
    manifest : Path
        The dataset's images and groups.
    repeat : int
        Which split.
    dataset : str
        Its name in the configuration.
    model : str
        Its name in the configuration.
    view : str
        Its name in the configuration.
    classes : list of str
        In the order of the configuration.
    candidates : list of ForestSettings
        Settings to choose among by accuracy on the validation samples; one for no choice.
    seed : int
        Of the configuration.
    threads : int
        The result does not depend on it.
    output : Path
        The run's folder.

    Raises
    ------
    UserError
        Where a class has no training sample, settings need validation samples and there are none, samples to rotate
        by 90 degrees are not square, or `select` leaves no pixel.
    """
    data = read_samples(samples, splits, manifest, repeat)
    at, targets = training_targets(data, classes)
    shape = data.pixels.shape[1:]
    validation = data.of("validation")
    require_validation(candidates, len(validation))
    expected = data.targets(classes)[validation]
    own_seed = derive_seed(seed, dataset, model, repeat)
    _, groups = np.unique(data.table["group"].to_numpy()[at], return_inverse=True)
    prepared: dict[tuple[int, ...], TrainingRows] = {}

    def rows_for(settings: ForestSettings, features: Features) -> TrainingRows:
        """Rows of all pixels are kept for the next candidate; reduced ones are small and made when needed."""
        elements = symmetry.elements(settings.augment)
        if isinstance(features, Pca):
            return training_rows(data.pixels, at, targets, groups, elements, features)
        if elements not in prepared:
            prepared.clear()
            prepared[elements] = training_rows(data.pixels, at, targets, groups, elements, AllPixels())
        pixels = prepared[elements]
        return replace(pixels, X=pixels.X[:, features.kept]) if isinstance(features, SelectedPixels) else pixels

    def features_for(settings: ForestSettings) -> Features:
        if settings.components is not None:
            return pca.fit(data.pixels, at, settings.components)
        if settings.select is not None:
            importance = importances(rows_for(settings, AllPixels()), first_forest(settings), own_seed, threads)
            return select(importance, settings.select)
        return AllPixels()

    def fit(settings: ForestSettings) -> PixelForest:
        with threadpool_limits(threads):
            features = features_for(settings)
            rows = rows_for(settings, features)
        forest = grow_forest(rows.X, rows.y, rows.bags(unit_kept(settings)), settings, own_seed, threads)
        return PixelForest(forest, features, classes, shape, threads)

    def accuracy(fitted: PixelForest) -> float:
        return float((fitted.predict_proba(data.pixels[validation]).argmax(axis=1) == expected).mean())

    start = time.perf_counter()
    choice = choose(candidates, fit, accuracy)
    seconds = time.perf_counter() - start
    settings, fitted = choice.settings, choice.fitted
    rows = rows_for(settings, fitted.features)
    facts = {
        "training_rows": len(rows.X),
        "features": rows.X.shape[1],
        "repeated_rows": rows.repeated,
        "tried": choice.tried,
        **describe_trees(fitted.forest),
        **estimate_out_of_bag(fitted.forest, rows, settings, own_seed, threads),
    }
    fitted.write(output)
    cost = Cost(
        seconds, threads, "cpu", sizes_at(fitted.forest, [whole(fitted.forest)])[0].parameters(len(classes)), facts
    )
    identity = Identity(dataset, model, "forest", view, repeat, classes, own_seed)
    write_run(output, identity, data, samples, settings, cost, fitted.predict_proba)


def estimate_out_of_bag(
    forest: RandomForestClassifier, rows: TrainingRows, settings: ForestSettings, seed: int, threads: int
) -> dict[str, Any]:
    """Accuracy on training rows: by all trees, and by those that have not seen the row or its group.

    Returns
    -------
    dict
        `training_accuracy`, and for each way asked for, e.g. `groups`: `oob_groups` over the rows,
        `oob_groups_unaugmented` over the samples as they are, both among those with a vote (null where none has);
        `oob_covered` maps each way to the share of rows with a vote.
    """
    kept = unit_kept(settings)
    points = [whole(forest)]
    leaves = walk(forest, rows.X, threads)
    probabilities = probabilities_at(forest, leaves, points, threads)[0]
    facts: dict[str, Any] = {
        "training_accuracy": float((probabilities.argmax(axis=1) == rows.y).mean()),
        "oob_covered": {},
    }
    for unit in settings.out_of_bag:
        if unit != kept and rows.grouped:
            other = grow_forest(rows.X, rows.y, rows.bags(unit), settings, seed, threads)
            votes = out_of_bag_at(other, walk(other, rows.X, threads), rows.bags(unit), points, threads)[0]
        else:
            votes = out_of_bag_at(forest, leaves, rows.bags(kept), points, threads)[0]
        facts[f"oob_{unit}"] = votes.accuracy(rows.y)
        facts[f"oob_{unit}_unaugmented"] = votes.accuracy(rows.y, rows.unaugmented)
        facts["oob_covered"][unit] = float(votes.covered.mean())
    return facts


def describe_trees(forest: RandomForestClassifier) -> dict[str, float]:
    """Mean and largest depth and mean number of leaves of the trees."""
    depths = [tree.get_depth() for tree in forest.estimators_]
    leaves = [tree.get_n_leaves() for tree in forest.estimators_]
    return {"mean_depth": float(np.mean(depths)), "max_depth": max(depths), "mean_leaves": float(np.mean(leaves))}


if __name__ == "__main__":
    command.run(train_forest)
