import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gradewise import tables
from gradewise.command import UserError
from gradewise.config.evaluation import Evaluation
from gradewise.images.resplit import exchange, resplit, thin
from gradewise.images.schemas import SPLITS
from gradewise.images.split import draw_splits

pytestmark = pytest.mark.slow


def made(groups, labels):
    n = len(groups)
    return pd.DataFrame(
        {
            "image_id": [f"i{position:04d}" for position in range(n)],
            "group": [f"g{group}" for group in groups],
            "label": labels,
            "role": [None] * n,
        }
    )


def with_images(roles, images):
    return roles.merge(images[["image_id", "group", "label"]], on="image_id")


many = made(np.arange(600) // 3, np.where(np.arange(600) // 3 % 4 == 0, "rare", "common"))
holdout = draw_splits(many, Evaluation(holdout=0.3, validation=0.1, repeats=3), ["rare", "common"], 1)
rows = st.lists(st.tuples(st.integers(0, 12), st.sampled_from("AB")), min_size=12, max_size=60)


@settings(max_examples=40)
@given(rows, st.sampled_from([Evaluation(holdout=0.3, repeats=2), Evaluation(folds=3, repeats=2)]), st.integers(0, 99))
def test_the_careless_split_keeps_how_many_images_of_each_class_every_role_has(drawn, evaluation, seed):
    images = made([group for group, _ in drawn], [label for _, label in drawn])
    assume(images["group"].nunique() > 3)
    roles = draw_splits(images, evaluation, [], seed)
    careless = exchange(roles, images, evaluation.folds or 1, seed)
    before, after = (with_images(part, images).value_counts(["repeat", "role", "label"]) for part in (roles, careless))
    pd.testing.assert_series_equal(before.sort_index(), after.sort_index())
    assert not careless.duplicated(["repeat", "image_id"]).any()


def test_the_careless_split_parts_groups():
    careless = with_images(exchange(holdout, many, 1, 0), many)
    sides = careless.groupby(["repeat", "group"])["role"].nunique()
    assert (sides > 1).mean() > 0.5


def test_the_careless_split_differs_between_repeats_and_is_repeated_by_its_seed():
    first, again, other = (exchange(holdout, many, 1, seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)
    tests = [set(part.loc[part["role"] == "test", "image_id"]) for _, part in first.groupby("repeat")]
    assert tests[0] != tests[1] != tests[2]


def test_careless_folds_still_test_each_image_once():
    roles = draw_splits(many, Evaluation(folds=4, repeats=2), ["rare", "common"], 3)
    careless = exchange(roles, many, 4, 3)
    tested = careless.loc[careless["role"] == "test"]
    for first in (0, 4):
        of_draw = tested.loc[tested["repeat"].between(first, first + 3), "image_id"]
        assert sorted(of_draw) == sorted(many["image_id"])


@settings(max_examples=40)
@given(rows, st.integers(0, 99))
def test_shares_are_nested_and_keep_groups_whole_classes_present_and_other_roles_alone(drawn, seed):
    images = made([group for group, _ in drawn], [label for _, label in drawn])
    assume(images["group"].nunique() > 3)
    roles = draw_splits(images, Evaluation(holdout=0.3, repeats=2), [], seed)
    whole = with_images(roles, images)
    before = {tuple(row) for row in roles.itertuples(index=False)}
    train = whole.loc[whole["role"] == "train"]
    groups = train.groupby(["repeat", "label"])["group"].nunique()
    for shares in ([0.5], [0.5, 0.25], [0.5, 0.25, 0.125]):
        kept = thin(roles, images, shares, seed)
        rows_kept = {tuple(row) for row in kept.itertuples(index=False)}
        assert rows_kept <= before
        assert (kept["role"] != "train").sum() == (roles["role"] != "train").sum()
        mine = with_images(kept.loc[kept["role"] == "train"], images)
        whole_groups = train.merge(mine[["repeat", "group"]].drop_duplicates(), on=["repeat", "group"])
        assert len(whole_groups) == len(mine)
        assert (mine.groupby(["repeat", "label"])["group"].nunique() >= np.minimum(groups, 2)).all()
        before = rows_kept


def test_a_share_keeps_its_share_of_every_class():
    train = with_images(holdout, many).query("role == 'train'").value_counts(["repeat", "label"])
    kept = with_images(thin(holdout, many, [0.5, 0.25], 0), many).query("role == 'train'")
    assert (kept.value_counts(["repeat", "label"]) / train).between(0.22, 0.28).all()


def test_the_step_writes_a_table_of_splits_and_refuses_shares_that_rise(tmp_path):
    tables.write(holdout.astype({"repeat": "int32"}), tmp_path / "splits.parquet", SPLITS)
    many.to_parquet(tmp_path / "manifest.parquet")
    given = {"splits": tmp_path / "splits.parquet", "manifest": tmp_path / "manifest.parquet", "seed": 0}
    resplit(**given, shares=[0.5], output=tmp_path / "half.parquet")
    resplit(**given, shares=[], output=tmp_path / "careless.parquet")
    assert len(tables.read(tmp_path / "half.parquet")) < len(holdout)
    assert len(tables.read(tmp_path / "careless.parquet")) == len(holdout)
    with pytest.raises(UserError, match="must decrease"):
        resplit(**given, shares=[0.25, 0.5], output=tmp_path / "none.parquet")
