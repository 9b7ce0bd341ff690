import numpy as np
import pandas as pd
import pytest

from gradewise import tables
from gradewise.command import UserError
from gradewise.evaluation.estimates import Estimate
from gradewise.evaluation.leak import leak, measure_gap, skill_of_more_groups
from gradewise.evaluation.schemas import verdicts_schema

CLASSES = ["bad", "good"]


def experiment(rng, memory, groups=40, size=3, repeats=3, correlation=0.3):
    """Verdicts of a model that is right by a chance of the group's own, and by `memory` more often on siblings."""
    chance = rng.beta(0.65 * (1 / correlation - 1), 0.35 * (1 / correlation - 1), groups) * 0.8
    group = np.repeat(np.arange(groups), size)
    truth = rng.integers(2, size=len(group))
    sides = []
    for careless in (False, True):
        parts = []
        for repeat in range(repeats):
            if careless:
                tested = np.isin(np.arange(len(group)), rng.permutation(len(group))[: len(group) // 3])
            else:
                tested = np.isin(group, rng.permutation(groups)[: groups // 3])
            right = rng.random(len(group)) < chance[group] + memory * careless
            parts.append(
                pd.DataFrame(
                    {
                        "model": "forest",
                        "repeat": np.int32(repeat),
                        "role": np.where(tested, "test", "train"),
                        "image_id": [f"i{number:04d}" for number in range(len(group))],
                        "group": [f"g{number}" for number in group],
                        "label": np.take(CLASSES, truth),
                        "predicted": np.take(CLASSES, np.where(right, truth, 1 - truth)),
                        "p_bad": np.float32(0.5),
                        "p_good": np.float32(0.5),
                    }
                )
            )
        sides.append(pd.concat(parts, ignore_index=True))
    return sides


@pytest.mark.slow
@pytest.mark.parametrize("memory", [0.0, 0.15])
def test_the_interval_of_the_gap_covers_the_memory_that_was_put_in(memory):
    covered, values = 0, []
    for seed in range(150):
        found = measure_gap(*experiment(np.random.default_rng(seed), memory))
        covered += found["gap_low"] <= memory <= found["gap_high"]
        values.append(found["gap"])
    assert abs(np.mean(values) - memory) < 0.02
    assert 0.91 <= covered / 150 <= 0.995


def test_the_gap_is_the_difference_of_the_two_accuracies():
    grouped, careless = experiment(np.random.default_rng(1), 0.2)
    found = measure_gap(grouped, careless)
    for side, verdicts in (("grouped", grouped), ("careless", careless)):
        test = verdicts.loc[verdicts["role"] == "test"]
        assert found[side] == pytest.approx((test["label"] == test["predicted"]).mean())
        assert found[f"{side}_low"] < found[side] < found[f"{side}_high"]
    assert found["gap"] == pytest.approx(found["careless"] - found["grouped"])


def test_siblings_are_counted_in_the_careless_split():
    grouped, careless = experiment(np.random.default_rng(1), 0.0)
    assert measure_gap(grouped, careless)["siblings"] > 0.8
    assert measure_gap(careless, grouped)["siblings"] == 0


def test_the_careless_model_trained_on_more_groups():
    found = measure_gap(*experiment(np.random.default_rng(1), 0.0))
    assert found["grouped_trained"] == 40 - 40 // 3
    assert 36 < found["careless_trained"] <= 40


def test_skill_is_the_gain_of_the_learning_curve_over_the_additional_groups():
    slope = Estimate(0.02, 0.01, 0.03)
    assert skill_of_more_groups(20, 40, slope) == slope
    half = skill_of_more_groups(20, 20 * 2**0.5, slope)
    assert (half.value, half.low, half.high) == pytest.approx((0.01, 0.005, 0.015))
    assert skill_of_more_groups(20, 40, Estimate(0.02)) == Estimate(0.02)


def test_folds_of_a_group_each_still_have_an_interval():
    grouped, careless = experiment(np.random.default_rng(1), 0.2, groups=5, repeats=1)
    rounds = []
    for side in (grouped, careless):
        number = (side["group"] if side is grouped else side["image_id"]).str[1:].astype(int)
        folds = [
            side.assign(repeat=np.int32(fold), role=np.where(number % 5 == fold, "test", "train")) for fold in range(5)
        ]
        rounds.append(pd.concat(folds, ignore_index=True))
    found = measure_gap(*rounds)
    assert -1 < found["gap_low"] < found["gap"] < found["gap_high"] < 1


def test_a_single_repeat_still_has_an_interval():
    found = measure_gap(*experiment(np.random.default_rng(1), 0.2, repeats=1))
    assert found["gap_low"] < found["gap"] < found["gap_high"]


def test_the_step_writes_a_row_per_model_and_names_what_is_missing(tmp_path, plan):
    for folder, verdicts in zip(("", "variants/careless"), experiment(np.random.default_rng(1), 0.2), strict=True):
        tables.write(verdicts, tmp_path / folder / "verdicts.parquet", verdicts_schema(CLASSES))
    plan(tmp_path, 3, own=["svm", "forest"], careless=["forest"])
    leak(dataset="d", results=tmp_path, output=tmp_path / "leaks.parquet")
    assert list(tables.read(tmp_path / "leaks.parquet")["model"]) == ["forest"]
    plan(tmp_path, 3, own=["svm", "forest"], careless=["svm"])
    with pytest.raises(UserError, match="no test verdicts of svm"):
        leak(dataset="d", results=tmp_path, output=tmp_path / "leaks.parquet")
