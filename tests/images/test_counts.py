"""Whether groups suffice for a split, on both sides of the least number, and how many are tested."""

import pandas as pd
import pytest

from gradewise.command import UserError
from gradewise.config.evaluation import Evaluation
from gradewise.images.counts import check_counts, expect_tested


def images(groups, per_group=2, role=None):
    rows = [
        (label, f"{label}{group}", role)
        for label, count in groups.items()
        for group in range(count)
        for _ in range(per_group)
    ]
    return pd.DataFrame(rows, columns=["label", "group", "role"])


def evaluation(**settings):
    return Evaluation.model_validate(settings)


@pytest.mark.parametrize(("folds", "training", "needed"), [(5, 1, 5), (3, 1, 3), (3, 2, 4), (5, 2, 5)])
def test_a_class_needs_groups_for_each_fold_and_for_training_validation_and_test(folds, training, needed):
    check_counts(images({"a": 9, "b": needed}), evaluation(folds=folds), ["a", "b"], training)
    with pytest.raises(UserError, match=f"class b has .* usable images in {needed - 1} groups; .* at least {needed}"):
        check_counts(images({"a": 9, "b": needed - 1}), evaluation(folds=folds), ["a", "b"], training)


def test_predefined_roles_need_groups_to_train_on():
    roles = pd.concat([images({"a": 4, "b": 2}, role="train"), images({"a": 2}, role="test")])
    check_counts(roles, evaluation(predefined=True), ["a", "b"], 1)
    with pytest.raises(UserError, match="class b has 2 groups of usable training images; at least 3"):
        check_counts(roles, evaluation(predefined=True), ["a", "b"], 2)


@pytest.mark.parametrize(
    ("settings", "groups", "count"),
    [
        ({"folds": 5}, 20, 40),
        ({"holdout": 0.25, "repeats": 1}, 5, 10),
        ({"holdout": 0.25, "repeats": 2}, 9, 18),
        ({"holdout": 0.25, "repeats": 2, "same_test": True}, 5, 10),
    ],
)
def test_repeats_with_test_images_of_their_own_test_more_groups(settings, groups, count):
    tested = expect_tested(images({"a": 10, "b": 10}), evaluation(**settings))
    assert tested.groups == groups
    assert tested.images == pytest.approx(count, abs=1)


def test_predefined_roles_say_what_is_tested():
    roles = pd.concat([images({"a": 4}, role="train"), images({"b": 3}, role="test")])
    assert expect_tested(roles, evaluation(predefined=True)) == (3, 6)
