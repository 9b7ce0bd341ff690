from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from gradewise.families.forest.bootstrap import bags_of_groups, bags_of_rows, grow_forest
from gradewise.families.forest.settings import ForestSettings
from gradewise.families.forest.votes import out_of_bag_at, probabilities_at, walk, whole


def gaussian(seed: int, n: int = 120, d: int = 12, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    y = np.arange(n) % classes
    centres = np.random.default_rng(99).normal(size=(classes, d)) * 0.7
    return (centres[y] + generator.normal(size=(n, d))).astype(np.float32), y


def votes_of(forest, X, bags, threads=1):
    return out_of_bag_at(forest, walk(forest, X, threads), bags, [whole(forest)], threads)[0]


def oob_accuracy(X, y, bags, settings, seed=0):
    return votes_of(grow_forest(X, y, bags, settings, seed, 1), X, bags).accuracy(y)


@pytest.mark.parametrize(
    ("given", "same"),
    [
        ({}, {}),
        ({"max_features": 0.5, "min_samples_leaf": 3}, {"max_features": 0.5, "min_samples_leaf": 3}),
        ({"max_depth": 3, "min_samples_split": 9}, {"max_depth": 3, "min_samples_split": 9}),
        ({"class_weight": "balanced"}, {"class_weight": "balanced_subsample"}),
    ],
    ids=["default", "features and leaves", "depth and splits", "class weights"],
)
def test_a_bootstrap_over_rows_grows_the_forest_that_of_scikit_learn(given, same):
    X, y = gaussian(0)
    y = np.where(y == 2, np.arange(len(y)) % 2, y)
    y[:10] = 2
    reference = RandomForestClassifier(60, oob_score=True, random_state=5, **same).fit(X, y)
    bags = bags_of_rows(len(X))
    forest = grow_forest(X, y, bags, ForestSettings(trees=60, **given), 5, 2)
    votes = votes_of(forest, X, bags, 2)
    training = probabilities_at(forest, walk(forest, X, 2), [whole(forest)], 2)[0]
    np.testing.assert_allclose(forest.predict_proba(X), reference.predict_proba(X), atol=1e-12)
    np.testing.assert_allclose(forest.feature_importances_, reference.feature_importances_, atol=1e-12)
    np.testing.assert_allclose(votes.out_of_bag, reference.oob_decision_function_, atol=1e-12)
    np.testing.assert_allclose(training, reference.predict_proba(X), atol=1e-12)


def test_every_bag_holds_the_same_share_of_each_class_and_leaves_each_group_out_at_times():
    groups = np.repeat(np.arange(12), 4)
    y = np.array([0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2])[groups]
    bags = bags_of_groups(groups, y)
    drawn = np.stack([bags.draw(seed) for seed in range(60)])
    assert drawn.max() == 1
    for name, count in enumerate([1, 3, 4]):
        assert (drawn[:, y == name].sum(axis=1) == 4 * count).all()
    assert (drawn == 0).any(axis=0).all()


def test_the_only_group_of_a_class_is_in_every_bag():
    bags = bags_of_groups(np.array([0, 0, 1, 1, 2, 2]), np.array([0, 0, 0, 0, 1, 1]))
    assert all(bags.draw(seed)[-1] == 1 for seed in range(20))


def test_groups_of_several_classes_that_are_alone_with_their_most_frequent_class_are_drawn_from_each_other():
    groups = np.repeat(np.arange(4), 3)
    bags = bags_of_groups(groups, np.array([0, 0, 1, 1, 1, 2, 2, 2, 0, 2, 2, 1]))
    assert [units.tolist() for units in bags.strata] == [[2, 3], [0, 1]]


def test_without_anything_to_learn_out_of_bag_over_groups_is_right_as_often_as_chance():
    groups, settings = np.repeat(np.arange(8), 4), ForestSettings(trees=30)
    y, estimates = groups % 2, []
    for seed in range(60):
        generator = np.random.default_rng(seed)
        X = (generator.normal(size=(8, 6))[groups] + generator.normal(size=(32, 6))).astype(np.float32)
        estimates.append(oob_accuracy(X, y, bags_of_groups(groups, y), settings, seed))
    # the standard error of the mean is about 0.02, and a bootstrap of groups has 0.40
    assert np.mean(estimates) == pytest.approx(0.5, abs=0.06)


@pytest.mark.slow
def test_with_near_twins_only_out_of_bag_over_groups_tells_the_accuracy_on_new_groups():
    settings = ForestSettings(trees=60)
    rows, groups_, tests = [], [], []
    for seed in range(6):
        base, labels = gaussian(seed, n=80)
        generator = np.random.default_rng(seed + 1000)
        siblings = np.repeat(base, 8, axis=0) + generator.normal(0, 0.1, (640, 12)).astype(np.float32)
        X, y, groups = siblings.astype(np.float32), np.repeat(labels, 8), np.repeat(np.arange(80), 8)
        bags = bags_of_groups(groups, y)
        rows.append(oob_accuracy(X, y, bags_of_rows(640), settings, seed))
        groups_.append(oob_accuracy(X, y, bags, settings, seed))
        unseen, truth = gaussian(seed + 500, n=400)
        tests.append((grow_forest(X, y, bags, settings, seed, 1).predict(unseen) == truth).mean())
    assert np.mean(rows) > np.mean(tests) + 0.15
    assert np.mean(groups_) == pytest.approx(np.mean(tests), abs=0.05)


def test_a_whole_group_is_in_the_bag_or_out_of_it():
    X, y = gaussian(1)
    bags = bags_of_groups(np.arange(len(X)) // 6, y)
    forest = grow_forest(X, y, bags, ForestSettings(trees=1), 3, 1)
    covered = votes_of(forest, X, bags).covered.reshape(-1, 6)
    assert (covered.all(axis=1) | ~covered.any(axis=1)).all()
    assert 0 < covered.mean() < 1


def test_rows_that_no_tree_leaves_out_have_no_vote():
    X, y = gaussian(2, n=12)
    bags = bags_of_rows(12)
    votes = votes_of(grow_forest(X, y, bags, ForestSettings(trees=1), 0, 1), X, bags)
    assert not votes.out_of_bag[~votes.covered].any()
    np.testing.assert_allclose(votes.out_of_bag[votes.covered].sum(axis=1), 1)


def test_the_number_of_threads_changes_nothing_and_the_seed_does():
    X, y = gaussian(4)
    bags = bags_of_groups(np.arange(len(X)) // 4, y)
    settings = ForestSettings(trees=25, min_samples_leaf=4)
    one, two, other = (grow_forest(X, y, bags, settings, seed, threads) for seed, threads in ((1, 1), (1, 2), (2, 1)))
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))
    np.testing.assert_array_equal(votes_of(one, X, bags, 1).out_of_bag, votes_of(two, X, bags, 2).out_of_bag)
    assert not np.array_equal(one.predict_proba(X), other.predict_proba(X))
