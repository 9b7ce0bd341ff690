from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gradewise import tables
from gradewise.command import UserError
from gradewise.evaluation.learning_curve import Curve, extrapolate, fit, learning_curve, measure, slope_of
from gradewise.evaluation.schemas import verdicts_schema

CLASSES = ["bad", "good"]
RATIOS = np.array([0.125, 0.25, 0.5, 1.0])


def verdicts(law, sizes, seed, tested=150, size=3, repeats=3):
    """Verdicts at several sizes of the training set, of a model whose error follows a law; test images stay the same.

    Test groups differ in difficulty, and seven verdicts in ten depend on the image alone.
    """
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(tested), size)
    hard, own = rng.normal(0, 0.05, tested)[group], rng.random(len(group))
    by_size = {}
    for n in sizes:
        parts = []
        for repeat in range(repeats):
            draw = np.where(rng.random(len(group)) < 0.3, rng.random(len(group)), own)
            wrong = draw < np.clip(law(n) + hard, 0, 1)
            test = pd.DataFrame({"group": [f"t{g}" for g in group], "predicted": np.take(CLASSES, 1 - wrong)})
            train = pd.DataFrame({"group": [f"g{g}" for g in np.repeat(np.arange(n), size)], "predicted": "good"})
            both = pd.concat([test.assign(role="test"), train.assign(role="train")], ignore_index=True)
            both["image_id"] = both["group"] + "-" + both.groupby("group").cumcount().astype(str)
            parts.append(both.assign(model="forest", repeat=np.int32(repeat), label="good"))
        frame = pd.concat(parts, ignore_index=True)
        by_size[Path(f"{n}.parquet")] = frame.assign(p_bad=np.float32(0.5), p_good=np.float32(0.5))
    return by_size


def finding(law, sizes, seed, **settings):
    return extrapolate(measure(verdicts(law, sizes, seed, **settings)), seed)[1]


@pytest.mark.parametrize(
    ("asymptote", "excess", "exponent"), [(0.1, 0.2, 0.5), (0.0, 0.3, 0.3), (0.25, 0.05, 1.0), (0.2, 0.0, 1.0)]
)
def test_a_known_power_law_is_found_again(asymptote, excess, exponent):
    errors = asymptote + excess * RATIOS**-exponent
    law = fit(RATIOS, errors[None], np.ones(4))
    for ratio in (0.125, 1.0, 2.0, 4.0):
        assert law.error(ratio)[0] == pytest.approx(asymptote + excess * ratio**-exponent, abs=1e-3)


def test_the_size_for_a_gain_is_where_the_curve_has_gained_it():
    law = fit(RATIOS, (0.1 + 0.2 * RATIOS**-0.5)[None], np.ones(4))
    ratio = law.ratio_for(0.05)[0]
    assert law.error(1.0)[0] - law.error(ratio)[0] == pytest.approx(0.05)
    assert law.ratio_for(0.5)[0] == np.inf


def test_errors_that_rise_with_more_data_are_fitted_by_a_flat_line():
    law = fit(RATIOS, np.array([[0.1, 0.12, 0.11, 0.14]]), np.ones(4))
    assert law.error(1.0)[0] == pytest.approx(law.error(4.0)[0])


def test_a_steep_curve_is_told_to_grow_and_how_many_groups_a_point_takes():
    def law(n):
        return 0.05 + 1.5 * n**-0.5

    found = [finding(law, [25, 50, 100, 200], seed, repeats=5) for seed in range(6)]
    assert all(each["finding"] == "grows" for each in found)
    needed = (1.5 / (1.5 * 200**-0.5 - 0.01)) ** 2 - 200
    covered = [each["groups_for_a_point_low"] <= needed <= each["groups_for_a_point_high"] for each in found]
    assert sum(covered) >= 5


@pytest.mark.slow
def test_a_flat_curve_is_called_flat_where_the_data_suffice():
    found = [finding(lambda n: 0.2, [25, 50, 100, 200], seed, tested=300, repeats=5) for seed in range(6)]
    assert sum(each["finding"] == "flat" for each in found) >= 4
    assert all(each["finding"] != "grows" for each in found)


def test_a_dozen_test_groups_settle_nothing():
    found = [finding(lambda n: 0.2 + 0.3 * n**-0.5, [6, 12, 24, 48], seed, tested=12) for seed in range(5)]
    assert all(each["finding"] != "grows" for each in found)
    assert sum(each["finding"] == "undetermined" for each in found) >= 4


@pytest.mark.slow
def test_the_interval_of_the_slope_covers_the_truth():
    def law(n):
        return 0.1 + 0.8 * n**-0.5

    sizes = [10, 20, 40, 80]
    truth = np.polyfit(np.log2(sizes), [1 - law(n) for n in sizes], 1)[0]
    covered = 0
    for seed in range(60):
        curve = measure(verdicts(law, sizes, seed, tested=40))
        found = extrapolate(curve, seed)[1]
        covered += found["slope_low"] <= truth <= found["slope_high"]
        assert slope_of(curve).value == found["slope"]
    assert covered >= 53


@pytest.mark.parametrize(("excess", "expected"), [(0.0, "undetermined"), (1.5, "grows")])
@pytest.mark.parametrize("sizes", [[20, 80], [20, 40, 80]])
def test_no_more_sizes_than_the_law_has_parameters_have_a_slope_and_no_fit(sizes, excess, expected):
    curve = measure(verdicts(lambda n: 0.05 + excess * n**-0.5, sizes, 1))
    rows, found = extrapolate(curve, 0)
    assert found["finding"] == expected
    assert np.isfinite(found["slope"])
    assert np.isnan(found["doubled"])
    assert all(np.isnan(row["fitted"]) for row in rows)


def test_what_the_slope_shows_and_nothing_else_is_told_to_grow():
    found = [finding(lambda n: 0.3 * n**-0.1, [10, 20, 40, 80], seed, tested=60) for seed in range(8)]
    assert {each["finding"] for each in found} == {"grows", "undetermined"}
    assert all((each["finding"] == "grows") == (each["slope_low"] > 0) for each in found)


def test_a_curve_that_rose_and_then_levelled_off_is_called_flat():
    found = finding(lambda n: 0.1 + 0.4 * np.exp(-n / 15), [25, 50, 100, 200], 0, tested=300, repeats=5)
    assert found["slope_low"] > 0
    assert found["finding"] == "flat"


def test_a_model_without_mistakes_is_no_proof_of_none():
    curve = measure(verdicts(lambda n: -1.0, [10, 20, 40, 80], 0, tested=20))
    assert isinstance(curve, Curve)
    rows, found = extrapolate(curve, 0)
    assert found["asymptote"] == 0
    assert all(row["fitted_low"] < 1 for row in rows)


def test_the_step_writes_a_row_per_size_and_refuses_other_test_images(tmp_path, plan):
    folders = [tmp_path / "variants/share-25", tmp_path / "variants/share-50", tmp_path]
    paths = [folder / "verdicts.parquet" for folder in folders]
    for path, frame in zip(paths, verdicts(lambda n: 0.2, [10, 20, 40], 0, tested=20).values(), strict=True):
        tables.write(frame, path, verdicts_schema(CLASSES))
    plan(tmp_path, 3, own=["svm", "forest"], share_50=["forest"], share_25=["forest"])
    given = {"dataset": "d", "results": tmp_path, "seed": 1}
    given |= {"curve": tmp_path / "curve.parquet", "extrapolations": tmp_path / "extrapolations.parquet"}
    learning_curve(**given)
    curve = tables.read(tmp_path / "curve.parquet")
    assert list(curve.loc[curve["accuracy"].notna(), "groups"]) == [10, 20, 40]
    assert curve["share"].max() == 4
    assert len(tables.read(tmp_path / "extrapolations.parquet")) == 1
    frame = tables.read(paths[0])
    tables.write(frame.loc[frame["image_id"] != "t0-0"], paths[0], verdicts_schema(CLASSES))
    with pytest.raises(UserError, match=r"share-25/verdicts\.parquet: not tested on the images"):
        learning_curve(**given)
