"""Forests on bytes have the distribution of scikit-learn's forests on floating-point numbers."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from gradewise.families.forest import rows as rows_module
from gradewise.families.forest.bootstrap import grow_forest
from gradewise.families.forest.byte_rows import ByteRows
from gradewise.families.forest.rows import AllPixels, training_rows
from gradewise.families.forest.settings import ForestSettings
from gradewise.families.forest.votes import out_of_bag_at, walk, whole


def drawn(seed: int, n: int = 90) -> tuple[np.ndarray, np.ndarray]:
    """Samples of 6 x 6 pixels of three classes that differ by brightness and by the place of a spot."""
    generator = np.random.default_rng(seed)
    y = np.arange(n) % 3
    pixels = generator.normal(120, 25, (n, 6, 6, 1)) + 4 * y[:, None, None, None]
    pixels[np.arange(n), y, 2 * y % 6] += 40
    return np.clip(pixels, 0, 255).astype(np.uint8), y


def rows_of(monkeypatch, augment=(0,), as_bytes=True, seed=0):
    monkeypatch.setattr(rows_module, "LARGE", 0 if as_bytes else 2**40)
    pixels, y = drawn(seed)
    rows = training_rows(pixels, np.arange(len(y)), y, np.arange(len(y)), augment, AllPixels())
    assert isinstance(rows.X, ByteRows) == as_bytes
    return rows


def dense(rows: ByteRows) -> np.ndarray:
    """Features of all rows as the trees read them."""
    return rows.columns[rows.turns].transpose(2, 0, 1).reshape(rows.shape).astype(np.float32)


def test_rows_of_bytes_are_those_of_numbers(monkeypatch):
    elements = tuple(range(8))
    as_bytes, as_numbers = (rows_of(monkeypatch, elements, kind) for kind in (True, False))
    np.testing.assert_array_equal(dense(as_bytes.X), as_numbers.X)
    assert as_bytes.repeated == as_numbers.repeated
    kept = np.array([3, 7, 20])
    np.testing.assert_array_equal(dense(as_bytes.keep(kept).X), as_numbers.keep(kept).X)


@pytest.mark.parametrize(
    "given",
    [{}, {"max_features": 0.7, "min_samples_leaf": 4}, {"max_depth": 3, "min_samples_split": 20}],
    ids=["default", "features and leaves", "depth and splits"],
)
def test_trees_keep_their_settings_and_scikit_learn_walks_them_alike(monkeypatch, given):
    rows = rows_of(monkeypatch, tuple(range(8)))
    settings = ForestSettings(trees=6, class_weight="balanced", **given)
    forest = grow_forest(rows.X, rows.y, rows.bags("rows"), settings, 1, 2)
    numbers = dense(rows.X)
    np.testing.assert_array_equal(walk(forest, rows.X, 2), forest.apply(numbers).T)
    for tree in (estimator.tree_ for estimator in forest.estimators_):
        leaves = tree.children_left < 0
        assert tree.n_node_samples[leaves].min() >= settings.min_samples_leaf
        assert tree.n_node_samples[~leaves].min() >= settings.min_samples_split
        assert tree.max_depth <= (settings.max_depth or 99)
        children = tree.n_node_samples[tree.children_left[~leaves]] + tree.n_node_samples[tree.children_right[~leaves]]
        np.testing.assert_array_equal(children, tree.n_node_samples[~leaves])
        np.testing.assert_allclose(1 - (tree.value[:, 0] ** 2).sum(axis=1), tree.impurity, atol=1e-12)


def test_a_tree_that_tries_all_features_is_that_of_scikit_learn(monkeypatch):
    rows = rows_of(monkeypatch)
    bags = rows.bags("rows")
    settings = ForestSettings(trees=5, max_features=1.0, max_depth=2)
    ours = grow_forest(rows.X, rows.y, bags, settings, 3, 1)
    theirs = grow_forest(dense(rows.X), rows.y, bags, settings, 3, 1)
    np.testing.assert_allclose(ours.predict_proba(dense(rows.X)), theirs.predict_proba(dense(rows.X)))
    np.testing.assert_allclose(ours.feature_importances_, theirs.feature_importances_)


def test_forests_have_the_distribution_of_those_of_scikit_learn(monkeypatch):
    rows = rows_of(monkeypatch)
    numbers, settings = dense(rows.X), ForestSettings(trees=40)
    bags = rows.bags("rows")
    unseen, truth = drawn(9, 300)
    unseen = unseen.reshape(len(unseen), -1).astype(np.float32)
    measured = []
    for X in (rows.X, numbers):
        facts = []
        for seed in range(8):
            forest: RandomForestClassifier = grow_forest(X, rows.y, bags, settings, seed, 1)
            votes = out_of_bag_at(forest, walk(forest, X, 1), bags, [whole(forest)], 1)[0]
            facts.append(
                [
                    (forest.predict(unseen) == truth).mean(),
                    votes.accuracy(rows.y),
                    np.mean([tree.get_depth() for tree in forest.estimators_]) / 10,
                    np.mean([tree.get_n_leaves() for tree in forest.estimators_]) / 20,
                ]
            )
        measured.append(np.array(facts))
    ours, theirs = measured
    error = np.sqrt((ours.var(axis=0, ddof=1) + theirs.var(axis=0, ddof=1)) / len(ours))
    assert (np.abs(ours.mean(axis=0) - theirs.mean(axis=0)) < 4 * error + 1e-3).all()


def test_the_number_of_threads_changes_nothing_and_the_seed_does(monkeypatch):
    rows = rows_of(monkeypatch, (0, 4))
    settings = ForestSettings(trees=4)

    def grown(seed: int, threads: int) -> np.ndarray:
        return grow_forest(rows.X, rows.y, rows.bags("rows"), settings, seed, threads).feature_importances_

    np.testing.assert_array_equal(grown(1, 1), grown(1, 2))
    assert (grown(1, 1) != grown(2, 1)).any()
