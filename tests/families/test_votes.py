from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from gradewise.families.forest.bootstrap import bags_of_groups, bags_of_rows, grow_forest
from gradewise.families.forest.settings import ForestSettings
from gradewise.families.forest.votes import out_of_bag_at, probabilities_at, sizes_at, walk, whole


def gaussian(seed, n=150, d=30, classes=3):
    generator = np.random.default_rng(seed)
    y = np.arange(n) % classes
    centres = np.random.default_rng(99).normal(size=(classes, d)) * 0.3
    return (centres[y] + generator.normal(size=(n, d))).astype(np.float32), y


POINTS = [
    {"trees": 8, "max_depth": 1},
    {"trees": 20, "max_depth": 2},
    {"trees": 20, "min_samples_split": 40},
    {"trees": 13, "min_samples_split": 25, "max_depth": 3},
]


@pytest.mark.parametrize("unit", ["rows", "groups"])
def test_a_cut_forest_is_the_refitted_one_where_no_random_features_are_tried_after_the_cut(unit):
    X, y = gaussian(0)
    unseen, _ = gaussian(1)
    bags = bags_of_rows(len(X)) if unit == "rows" else bags_of_groups(np.arange(len(X)) // 3, y)
    points = [ForestSettings(max_features=1.0, min_samples_leaf=2, **point) for point in POINTS]
    grown = grow_forest(X, y, bags, ForestSettings(trees=20, max_features=1.0, min_samples_leaf=2), 7, 1)
    found = probabilities_at(grown, walk(grown, unseen, 1), points, 1)
    votes = out_of_bag_at(grown, walk(grown, X, 1), bags, points, 1)
    sizes = sizes_at(grown, points)
    for point, probabilities, vote, size in zip(points, found, votes, sizes, strict=True):
        alone = grow_forest(X, y, bags, point, 7, 1)
        own = out_of_bag_at(alone, walk(alone, X, 1), bags, [whole(alone)], 1)[0]
        np.testing.assert_allclose(probabilities, alone.predict_proba(unseen), atol=1e-12)
        np.testing.assert_allclose(vote.out_of_bag, own.out_of_bag, atol=1e-12)
        assert size == sizes_at(alone, [whole(alone)])[0]
        assert size.leaves == sum(tree.get_n_leaves() for tree in alone.estimators_)


def test_the_first_trees_are_exactly_a_smaller_forest():
    X, y = gaussian(2)
    unseen, _ = gaussian(3)
    grown = grow_forest(X, y, bags_of_rows(len(X)), ForestSettings(trees=40), 4, 1)
    reference = RandomForestClassifier(25, oob_score=True, random_state=4).fit(X, y)
    point = [ForestSettings(trees=25)]
    np.testing.assert_array_equal(
        probabilities_at(grown, walk(grown, unseen, 1), point, 1)[0], reference.predict_proba(unseen)
    )
    votes = out_of_bag_at(grown, walk(grown, X, 1), bags_of_rows(len(X)), point, 1)[0]
    np.testing.assert_allclose(votes.out_of_bag[votes.covered], reference.oob_decision_function_[votes.covered])


@pytest.mark.parametrize("point", [{"max_depth": 2}, {"min_samples_split": 40}], ids=["depth", "split"])
def test_cut_forests_are_as_accurate_as_refitted_ones(point):
    cut, refitted = [], []
    unseen, truth = gaussian(1000, n=900)
    for seed in range(12):
        X, y = gaussian(seed)
        bags = bags_of_rows(len(X))
        settings = ForestSettings(trees=40, **point)
        grown = grow_forest(X, y, bags, ForestSettings(trees=40), seed, 1)
        cut.append((probabilities_at(grown, walk(grown, unseen, 1), [settings], 1)[0].argmax(axis=1) == truth).mean())
        alone = grow_forest(X, y, bags, settings, seed, 1)
        refitted.append((alone.predict(unseen) == truth).mean())
    difference = np.subtract(cut, refitted)
    assert abs(difference.mean()) < 3 * difference.std(ddof=1) / np.sqrt(len(difference)) + 0.002


def test_rows_drawn_twice_count_once_against_min_samples_split():
    X, y = gaussian(5, n=60)
    grown = grow_forest(X, y, bags_of_rows(60), ForestSettings(trees=6), 1, 1)
    for tree in grown.estimators_:
        assert tree.tree_.n_node_samples[0] < 60
        assert tree.tree_.weighted_n_node_samples[0] == 60
    smallest = min(int(tree.tree_.n_node_samples[0]) for tree in grown.estimators_)
    points = [ForestSettings(trees=6, min_samples_split=count) for count in (smallest, 60)]
    assert [size.splits > 0 for size in sizes_at(grown, points)] == [True, False]
