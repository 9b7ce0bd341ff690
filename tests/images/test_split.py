import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gradewise.command import UserError
from gradewise.config.evaluation import Evaluation
from gradewise.images.split import draw_splits, never_tested, outlook


def images(groups, labels, roles=None):
    n = len(groups)
    return pd.DataFrame(
        {
            "image_id": [f"i{position:04d}" for position in range(n)],
            "group": [f"g{group}" for group in groups],
            "label": labels,
            "role": roles if roles is not None else [None] * n,
        }
    )


many = images(np.arange(600) // 3, np.where(np.arange(600) // 3 % 4 == 0, "rare", "common"))

evaluations = st.one_of(
    st.builds(
        lambda share, repeats: Evaluation(holdout=share, repeats=repeats), st.floats(0.1, 0.6), st.integers(1, 3)
    ),
    st.builds(lambda folds, repeats: Evaluation(folds=folds, repeats=repeats), st.integers(2, 5), st.integers(1, 2)),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.filter_too_much])
@given(
    st.lists(st.tuples(st.integers(0, 12), st.sampled_from("AB")), min_size=12, max_size=60),
    evaluations,
    st.integers(0, 1000),
)
def test_no_group_is_ever_on_two_sides(rows, evaluation, seed):
    frame = images([group for group, _ in rows], [label for _, label in rows])
    assume(frame["group"].nunique() > (evaluation.folds or 2))
    drawn = draw_splits(frame, evaluation, [], seed).merge(frame.drop(columns="role"))
    assert (drawn.groupby(["repeat", "group"])["role"].nunique() == 1).all()
    assert (drawn.groupby("repeat").size() == len(frame)).all()


def test_holdout_keeps_shares_and_class_balance():
    drawn = draw_splits(many, Evaluation(holdout=0.3, validation=0.1, repeats=4), ["rare", "common"], 1)
    drawn = drawn.merge(many.drop(columns="role"))
    shares = drawn.groupby(["repeat", "label"])["role"].value_counts(normalize=True)
    assert shares.xs("test", level="role").between(0.28, 0.32).all()
    assert shares.xs("validation", level="role").between(0.05, 0.09).all()


def test_repeats_differ_and_a_seed_repeats_them():
    evaluation = Evaluation(holdout=0.3, repeats=3)
    first = draw_splits(many, evaluation, [], 1)
    tests = [set(part.loc[part["role"] == "test", "image_id"]) for _, part in first.groupby("repeat")]
    assert tests[0] != tests[1] != tests[2]
    pd.testing.assert_frame_equal(first, draw_splits(many, evaluation, [], 1))
    assert not first.equals(draw_splits(many, evaluation, [], 2))


def test_repeats_differ_even_where_every_group_has_its_own_size():
    groups = np.repeat(np.arange(16), np.arange(3, 19))
    frame = images(groups, np.where(groups % 2, "A", "B"))
    drawn = draw_splits(frame, Evaluation(holdout=0.3, repeats=5), ["A", "B"], 0)
    tests = {frozenset(part.loc[part["role"] == "test", "image_id"]) for _, part in drawn.groupby("repeat")}
    assert len(tests) >= 4


def test_each_image_is_tested_once_in_the_folds_of_a_repeat():
    drawn = draw_splits(many, Evaluation(folds=5, repeats=2), ["rare", "common"], 3)
    tested = drawn[drawn["role"] == "test"]
    for first in (0, 5):
        of_repeat = tested[tested["repeat"].between(first, first + 4)]
        assert sorted(of_repeat["image_id"]) == sorted(many["image_id"])


def test_one_test_set_for_all_repeats_leaves_validation_to_vary():
    splits = draw_splits(many, Evaluation(holdout=0.25, same_test=True, repeats=4), ["rare", "common"], seed=1)
    tests = splits.loc[splits["role"] == "test"].groupby("repeat")["image_id"].agg(frozenset)
    validations = splits.loc[splits["role"] == "validation"].groupby("repeat")["image_id"].agg(frozenset)
    assert tests.nunique() == 1
    assert validations.nunique() == 4


def test_predefined_test_images_stay_and_validation_varies():
    roles = np.where(np.arange(600) < 420, "train", "test")
    frame = images(np.arange(600), many["label"], roles)
    drawn = draw_splits(frame, Evaluation(predefined=True, repeats=2, validation=0.2), ["rare", "common"], 0)
    for _, part in drawn.groupby("repeat"):
        assert set(part.loc[part["role"] == "test", "image_id"]) == set(frame.loc[roles == "test", "image_id"])
        assert 75 <= (part["role"] == "validation").sum() <= 93
    validations = [frozenset(part.loc[part["role"] == "validation", "image_id"]) for _, part in drawn.groupby("repeat")]
    assert validations[0] != validations[1]


def test_training_images_that_share_a_group_with_a_test_image_are_left_out():
    roles = ["train"] * 30 + ["test"] * 10
    groups = [*range(30), 0, 1, *range(40, 48)]
    frame = images(groups, ["A", "B"] * 20, roles)
    drawn = draw_splits(frame, Evaluation(predefined=True, repeats=1), ["A", "B"], 0)
    assert {"i0000", "i0001"}.isdisjoint(drawn["image_id"])
    assert len(drawn) == 38


@pytest.mark.parametrize(
    ("evaluation", "message"),
    [
        (Evaluation(holdout=0.3), "class B has 4 usable images in 2 groups; training, validation and test need"),
        (Evaluation(folds=4), "class B has 4 usable images in 2 groups; 4 folds need at least 4"),
    ],
)
def test_a_class_with_too_few_groups_is_explained(evaluation, message):
    frame = images([*range(20), 20, 20, 21, 21], ["A"] * 20 + ["B"] * 4)
    with pytest.raises(UserError, match=message):
        draw_splits(frame, evaluation, ["A", "B"], 0)


@pytest.mark.parametrize(("largest", "never"), [(60, ["g0"]), (40, [])])
def test_a_group_larger_than_the_share_held_out_is_named_and_folds_test_it(largest, never):
    frame = images(np.repeat(np.arange(11), [largest, *[10] * 10]), ["A", "B"] * ((largest + 100) // 2))
    for evaluation, expected in ((Evaluation(holdout=0.3, repeats=20), never), (Evaluation(folds=3, repeats=1), [])):
        drawn = draw_splits(frame, evaluation, [], 0)
        assert never_tested(frame, drawn, evaluation).index.tolist() == expected


def test_the_outlook_counts_tested_groups():
    drawn = draw_splits(many, Evaluation(folds=3, repeats=1), [], 0)
    assert "200 groups are tested, with 3.0 images on average" in outlook(many, drawn)
    assert "one group is tested" in outlook(
        images([0, 0], "AB"), pd.DataFrame({"image_id": ["i0000"], "role": ["test"]})
    )


def one_class_images(**options):
    """Ten groups of two good images, four bad ones, and a bad image that shares a group with good ones."""
    groups = [*np.repeat(np.arange(10), 2), 0, 20, 21, 22, 23]
    return images(groups, ["good"] * 20 + ["bad"] * 5, **options)


@pytest.mark.parametrize(
    ("evaluation", "tested_good"),
    [({}, [2]), ({"folds": 3, "repeats": 1}, [8, 8, 8]), ({"holdout": 0.3, "repeats": 2}, [8, 8])],
)
def test_training_on_one_class_leaves_all_others_to_the_test(evaluation, tested_good):
    frame = one_class_images()
    drawn = draw_splits(frame, Evaluation(train_only="good", **evaluation), [], 1).merge(frame.drop(columns="role"))
    assert set(drawn["role"]) == {"train", "test"}
    assert set(drawn.loc[drawn["role"] == "train", "label"]) == {"good"}
    tested = drawn.loc[drawn["role"] == "test"]
    assert (tested.loc[tested["label"] == "bad"].groupby("repeat").size() == 5).all()
    # two good images share a group with a bad one, and so cannot be trained on
    assert tested.loc[tested["label"] == "good"].groupby("repeat").size().tolist() == pytest.approx(tested_good, abs=1)
    assert (drawn.groupby(["repeat", "group"])["role"].nunique() == 1).all()


def test_with_predefined_roles_bad_training_images_are_left_out():
    frame = one_class_images(roles=["train"] * 16 + ["test"] * 4 + ["train", "train", "test", "test", "test"])
    drawn = draw_splits(frame, Evaluation(predefined=True, train_only="good"), [], 1).merge(frame.drop(columns="role"))
    assert drawn.groupby(["role", "label"]).size().to_dict() == {
        ("test", "bad"): 3,
        ("test", "good"): 4,
        ("train", "good"): 14,
    }


@pytest.mark.parametrize(
    ("groups", "labels", "evaluation", "message"),
    [
        ([0, 0, 1], ["good", "good", "bad"], {}, "1 groups"),
        ([0, 1, 2], ["good", "good", "good"], {}, "no usable image of another class"),
        ([0, 1, 2], ["good", "good", "bad"], {"folds": 3}, "at least 3 are needed"),
    ],
)
def test_too_few_images_for_training_on_one_class_are_explained(groups, labels, evaluation, message):
    with pytest.raises(UserError, match=message):
        draw_splits(images(groups, labels), Evaluation(train_only="good", **evaluation), [], 1)
