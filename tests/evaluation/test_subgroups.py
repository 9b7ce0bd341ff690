"""Which parts of the images are told apart, and how accurate a model is in each."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gradewise.evaluation.intervals import wilson
from gradewise.evaluation.subgroups import Naming, describe, measure_subgroups, naming


def manifest(**columns: object) -> pd.DataFrame:
    length = max(len(values) for values in columns.values())
    names = [f"i{place}" for place in range(length)]
    return pd.DataFrame({"image_id": names, "label": "A", "group": names, **columns})


def verdicts(right: np.ndarray, groups: np.ndarray | None = None, repeats: int = 1) -> pd.DataFrame:
    images = len(right) // repeats
    at = np.tile(np.arange(images), repeats)
    group = at if groups is None else np.tile(groups, repeats)
    return pd.DataFrame(
        {
            "repeat": np.repeat(np.arange(repeats), images),
            "image_id": [f"i{place}" for place in at],
            "group": [f"g{place}" for place in group],
            "label": "A",
            "predicted": np.where(right, "A", "B"),
        }
    )


def test_only_columns_with_few_values_tell_parts_apart() -> None:
    given = manifest(
        camera=["x", "y"] * 30, serial=[f"s{place}" for place in range(60)], same=["z"] * 60, empty=[None] * 60
    )
    assert list(describe(given).columns) == ["camera"]


def test_columns_that_name_groups_or_number_their_images_form_no_subgroups() -> None:
    groups = np.repeat(np.arange(6), 4)
    given = manifest(
        group=[f"g{group}" for group in groups],
        specimen=[f"s{group}" for group in groups],
        area=np.tile(np.arange(1, 5), 6),
        photo=[f"{number}" for number in np.tile(np.arange(4), 6)],
        lab=np.where(groups < 3, "x", "y"),
        dose=np.tile([1, 2, 4, 8], 6),
        side=np.tile([1, 1, 2, 2], 6),
    )
    assert list(describe(given).columns) == ["lab", "dose", "side"]
    assert naming(given) == Naming(("specimen",), ("area", "photo"))


def test_a_column_names_groups_also_where_copies_have_joined_two_of_them() -> None:
    groups = np.repeat(np.arange(6), 4)
    joined = [f"g{max(1, group)}" for group in groups]
    given = manifest(group=joined, specimen=[f"s{group}" for group in groups])
    assert naming(given).groups == ("specimen",)
    assert naming(given.assign(specimen=groups // 2)).groups == ()


def test_where_each_image_is_a_group_no_column_names_groups() -> None:
    given = manifest(site=[f"s{place}" for place in range(12)], number=range(1, 13))
    assert naming(given) == Naming((), ())


def test_numbers_with_many_values_are_cut_into_quarters() -> None:
    found = describe(manifest(power=np.arange(80.0)))["power"]
    assert found.value_counts().tolist() == [20, 20, 20, 20]


def test_twenty_values_are_parts_of_their_own_and_one_more_is_too_many() -> None:
    names = manifest(site=[f"s{place % 20}" for place in range(60)], serial=[f"s{place % 21}" for place in range(60)])
    assert list(describe(names).columns) == ["site"]
    numbers = describe(manifest(power=np.arange(60.0) % 20, load=np.arange(60.0) % 21))
    assert (numbers["power"].nunique(), numbers["load"].nunique()) == (20, 4)


def test_numbers_are_told_without_needless_digits() -> None:
    assert sorted(describe(manifest(voltage=["10.0", "12.5"] * 5))["voltage"].unique()) == ["10", "12.5"]


def test_accuracy_and_interval_of_single_images_are_wilsons() -> None:
    right = np.arange(60) % 3 > 0
    given = describe(manifest(camera=["x"] * 20 + ["y"] * 40))
    found = {row["value"]: row for row in measure_subgroups(verdicts(right), given)}
    assert found["x"]["accuracy"] == right[:20].mean()
    assert (found["x"]["low"], found["x"]["high"]) == pytest.approx(wilson(right[:20].mean(), 20, 1.959964))
    assert found["x"]["difference"] == pytest.approx(right[:20].mean() - right[20:].mean())


def test_the_columns_of_a_model_share_its_chance_of_a_false_alarm() -> None:
    right = np.random.default_rng(3).random(60) < np.repeat([0.6, 0.85], 30)
    camera = ["x"] * 30 + ["y"] * 30
    alone = measure_subgroups(verdicts(right), describe(manifest(camera=camera)))
    both = measure_subgroups(verdicts(right), describe(manifest(camera=camera, site=["u", "v"] * 30)))
    assert both[0]["p_column"] == pytest.approx(2 * alone[0]["p_column"])
    assert both[0]["detectable"] >= alone[0]["detectable"]
    assert all(row["p_value"] >= row["p_column"] for row in both)


@pytest.mark.parametrize("names", [("x", "y"), ("y", "x")])
def test_one_group_against_the_rest_is_one_of_so_many_groups_whatever_it_is_called(names) -> None:
    right = np.concatenate([np.arange(20) < 7, np.arange(40) < 38])
    groups = np.concatenate([np.zeros(20, dtype=int), np.arange(1, 41)])
    found = measure_subgroups(verdicts(right, groups), describe(manifest(lab=[names[0]] * 20 + [names[1]] * 40)))
    assert min(row["p_value"] for row in found) == pytest.approx(1 / 41, abs=0.012)


@pytest.mark.parametrize(("images", "measured"), [(4, ["y", "z"]), (5, ["x", "y", "z"])])
def test_a_part_with_fewer_than_five_test_images_is_left_out(images, measured) -> None:
    described = describe(manifest(camera=["x"] * images + ["y"] * 20 + ["z"] * 20))
    rows = measure_subgroups(verdicts(np.arange(40 + images) % 2 == 0), described)
    assert [row["value"] for row in rows] == measured


def test_a_column_of_which_one_part_is_large_enough_is_left_out() -> None:
    given = describe(manifest(camera=["x"] * 4 + ["y"] * 20))
    assert measure_subgroups(verdicts(np.arange(24) % 2 == 0), given) == []


def test_a_part_that_is_one_group_is_measured_by_its_images() -> None:
    groups = np.repeat(np.arange(6), 10)
    row = measure_subgroups(verdicts(np.arange(60) % 4 > 0, groups), describe(manifest(run=[f"r{g}" for g in groups])))[
        0
    ]
    assert (row["groups"], row["images"]) == (1, 10)
    assert row["low"] < row["accuracy"] < row["high"]


def test_parts_that_are_single_groups_are_compared_by_their_images() -> None:
    groups = np.repeat(np.arange(4), 20)
    right = np.random.default_rng(5).random(80) < np.where(groups == 2, 0.3, 0.9)
    found = measure_subgroups(verdicts(right, groups), describe(manifest(run=[f"r{group}" for group in groups])))
    assert found[2]["p_value"] < 0.01
    assert found[2]["difference"] < -0.3


def test_values_that_vary_within_groups_are_compared_within_groups() -> None:
    """Groups differ far more than the two sides of each do, and still the worse side is found."""
    rng = np.random.default_rng(6)
    groups = np.repeat(np.arange(20), 8)
    side = np.tile(np.repeat(["left", "right"], 4), 20)
    chance = np.where(np.arange(20) % 2, 0.75, 0.25)[groups] + np.where(side == "left", -0.2, 0.2)
    right = rng.random(160) < chance
    found = {row["value"]: row for row in measure_subgroups(verdicts(right, groups), describe(manifest(side=side)))}
    assert found["left"]["p_value"] < 0.01
    across = measure_subgroups(verdicts(right, np.arange(160) // 4), describe(manifest(side=side)))
    assert across[0]["p_value"] > found["left"]["p_value"]


def test_what_is_detectable_is_detected() -> None:
    camera = np.repeat(["u", "v", "w", "x"], 50)
    rng = np.random.default_rng(7)
    rows = measure_subgroups(verdicts(rng.random(200) < 0.8), describe(manifest(camera=camera)))
    deficit = 4 / 3 * rows[0]["detectable"]
    called = 0
    for _ in range(20):
        right = rng.random(200) < np.where(camera == "u", 0.8 - deficit, 0.8)
        called += measure_subgroups(verdicts(right), describe(manifest(camera=camera)))[0]["p_value"] < 0.05
    assert 11 <= called <= 20


def test_verdicts_that_are_all_right_show_nothing() -> None:
    rows = measure_subgroups(verdicts(np.ones(40, dtype=bool)), describe(manifest(camera=["x", "y"] * 20)))
    assert [(row["p_value"], row["expected"]) for row in rows] == [(1.0, 1.0)] * 2
    assert all(np.isnan(row["detectable"]) for row in rows)


def test_what_is_expected_of_parts_that_do_not_differ_is_their_common_accuracy() -> None:
    right = np.tile(np.arange(10) < 8, 6)
    rows = measure_subgroups(verdicts(right), describe(manifest(camera=np.repeat(["u", "v", "w"], 20))))
    assert [row["expected"] for row in rows] == pytest.approx([0.8] * 3)


def test_small_parts_are_drawn_further_towards_the_others_than_large_ones() -> None:
    camera = np.repeat(["small", "large", "rest"], [8, 200, 200])
    right = np.concatenate([np.arange(8) < 4, np.arange(200) < 100, np.arange(200) < 180])
    found = {row["value"]: row for row in measure_subgroups(verdicts(right), describe(manifest(camera=camera)))}
    assert found["small"]["accuracy"] == found["large"]["accuracy"] == 0.5
    assert 0.5 < found["large"]["expected"] < found["small"]["expected"] < 0.7


def test_groups_widen_the_interval_of_a_part_they_make_up() -> None:
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(20), 10)
    right = (rng.random(20) < 0.6)[groups]
    given = describe(manifest(camera=np.where(groups % 2, "x", "y")))
    together = measure_subgroups(verdicts(right, groups), given)[0]
    alone = measure_subgroups(verdicts(right), given)[0]
    assert together["high"] - together["low"] > 2 * (alone["high"] - alone["low"])


def test_a_part_that_is_truly_worse_is_found() -> None:
    rng = np.random.default_rng(2)
    camera = np.array(["x", "y", "z"])[np.arange(300) % 3]
    right = rng.random(300) < np.where(camera == "x", 0.5, 0.95)
    found = {row["value"]: row for row in measure_subgroups(verdicts(right), describe(manifest(camera=camera)))}
    assert found["x"]["p_value"] < 0.002
    assert found["x"]["difference"] < 0


@pytest.mark.slow
def test_parts_that_do_not_differ_are_seldom_called_different() -> None:
    called = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(24), 3)
        chance = np.clip(rng.normal(0.75, 0.15, 24), 0, 1)[groups]
        right = np.concatenate([rng.random(72) < chance for _ in range(3)])
        given = describe(manifest(camera=np.array(["u", "v", "w"])[groups % 3]))
        called += any(row["p_value"] < 0.05 for row in measure_subgroups(verdicts(right, groups, 3), given))
    assert called / 150 <= 0.08
