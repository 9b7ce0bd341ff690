"""Grows random forests on the pixels of a view, with out-of-bag accuracy over rows and over groups.

Out-of-bag accuracy over rows is that of scikit-learn, and that of the mango report for training sets enlarged by
rotations and flips; over groups it is an estimate for new groups. The two need separate forests, so that both are
estimated only where both are named. The forest over rows is stored as the model unless only groups are requested.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from gradewise import symmetry
from gradewise.families import pca
from gradewise.families.choose import choose
from gradewise.families.family import Fitted
from gradewise.families.forest.bootstrap import grow_forest, unit_kept
from gradewise.families.forest.classifier import ForestClassifier
from gradewise.families.forest.reduction import Features, SelectedPixels, first_forest, importances, select
from gradewise.families.forest.rows import AllPixels, TrainingRows, training_rows
from gradewise.families.forest.settings import ForestSettings
from gradewise.families.forest.votes import out_of_bag_at, probabilities_at, sizes_at, walk, whole
from gradewise.families.pca import Pca
from gradewise.families.training_set import TrainingSet


def fit_best(training: TrainingSet, candidates: Sequence[ForestSettings]) -> tuple[ForestSettings, Fitted]:
    """Grow a forest with each candidate and keep the one with the best score on validation samples.

    Memory is one byte for each pixel of the training samples where their rows have `rows.LARGE` pixels or more, and
    4 bytes for each value of a row otherwise (eight rows per sample with `augment: d4`), and the trees.
    Principal components (`components`) are fitted to the original training samples; rotations and flips are projected
    on them. The result does not depend on the number of threads.

    Raises
    ------
    UserError
        If a class has no training sample, samples to be rotated by 90 degrees are not square, or `select` keeps no
        pixel.
    """
    pixels, seed, threads = training.samples.pixels, training.seed, training.threads
    positions, targets = training.train
    names, groups = np.unique(training.groups(positions), return_inverse=True)
    prepared: dict[tuple[int, ...], TrainingRows] = {}

    def rows_for(settings: ForestSettings, features: Features) -> TrainingRows:
        """Rows of a candidate; those of all pixels are kept for the next candidate."""
        elements = symmetry.elements(settings.augment)
        if isinstance(features, Pca):
            return training_rows(pixels, positions, targets, groups, elements, features)
        if elements not in prepared:
            prepared.clear()
            prepared[elements] = training_rows(pixels, positions, targets, groups, elements, AllPixels())
        rows = prepared[elements]
        return rows.keep(features.kept) if isinstance(features, SelectedPixels) else rows

    def features_for(settings: ForestSettings) -> Features:
        if settings.components is not None:
            return pca.fit(pixels, positions, settings.components)
        if settings.select is not None:
            importance = importances(rows_for(settings, AllPixels()), first_forest(settings), seed, threads)
            return select(importance, settings.select)
        return AllPixels()

    def fit(settings: ForestSettings) -> ForestClassifier:
        features = features_for(settings)
        rows = rows_for(settings, features)
        forest = grow_forest(rows.X, rows.y, rows.bags(unit_kept(settings)), settings, seed, threads)
        return ForestClassifier(forest, features, training.classes, training.shape, threads)

    choice = choose(candidates, fit, lambda forest: training.predict_validation(forest.predict_proba), training.judge)
    settings, classifier = choice.settings, choice.fitted
    forest = classifier.forest
    rows = rows_for(settings, classifier.features)
    facts = {
        "training_rows": len(rows.X),
        "features": rows.X.shape[1],
        "repeated_rows": rows.repeated,
        **choice.facts,
        **describe_trees(forest),
        **estimate_out_of_bag(forest, rows, names.tolist(), settings, seed, threads),
    }
    parameters = sizes_at(forest, [whole(forest)])[0].parameters(len(training.classes))
    return settings, Fitted(classifier, parameters, facts=facts)


def estimate_out_of_bag(
    forest: RandomForestClassifier,
    rows: TrainingRows,
    names: list[str],
    settings: ForestSettings,
    seed: int,
    threads: int,
) -> dict[str, object]:
    """Accuracy on training rows: of all trees, and of those that have not seen the row or its group.

    `names` are those of the groups, by their position.

    Returns
    -------
    dict
        `training_accuracy`, and for each requested kind, e.g. `groups`: `oob_groups` over all rows,
        `oob_groups_unaugmented` over the original samples, both among those with a vote (null if none has one);
        `oob_covered` maps each kind to the share of rows with a vote, `oob_hits` each accuracy to the rows that it is
        based on: see `describe_hits`.
    """
    points = [whole(forest)]
    leaves = walk(forest, rows.X, threads)
    probabilities = probabilities_at(forest, leaves, points, threads)[0]
    covered: dict[str, float] = {}
    hits: dict[str, dict[str, list[str] | list[int]]] = {}
    facts: dict[str, object] = {
        "training_accuracy": float((probabilities.argmax(axis=1) == rows.y).mean()),
        "oob_covered": covered,
        "oob_hits": hits,
    }
    for unit in settings.out_of_bag:
        bags, grown, ends = rows.bags(unit), forest, leaves
        if unit != unit_kept(settings):
            grown = grow_forest(rows.X, rows.y, bags, settings, seed, threads)
            ends = walk(grown, rows.X, threads)
        votes = out_of_bag_at(grown, ends, bags, points, threads)[0]
        facts[f"oob_{unit}"] = votes.accuracy(rows.y)
        facts[f"oob_{unit}_unaugmented"] = votes.accuracy(rows.y, rows.unaugmented)
        covered[unit] = float(votes.covered.mean())
        hits[f"oob_{unit}"] = describe_hits(votes.hits(rows.y, rows.groups), names)
    return facts


def describe_hits(hits: np.ndarray, names: list[str]) -> dict[str, list[str] | list[int]]:
    """Columns `group`, `right` and `rows` of a table of out-of-bag votes by group, for a run's record.

    Parameters
    ----------
    hits : ndarray of int, shape (m, 2)
        From `Votes.hits`.
    names : list of str
        Of the groups.
    """
    return {"group": names, "right": hits[:, 0].tolist(), "rows": hits[:, 1].tolist()}


def describe_trees(forest: RandomForestClassifier) -> dict[str, float]:
    """Mean and largest depth and mean number of leaves of the trees."""
    depths = [tree.get_depth() for tree in forest.estimators_]
    leaves = [tree.get_n_leaves() for tree in forest.estimators_]
    return {"mean_depth": float(np.mean(depths)), "max_depth": max(depths), "mean_leaves": float(np.mean(leaves))}
