from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gradewise import tables
from gradewise.command import UserError
from gradewise.evaluation.compare import CLUES, compare
from gradewise.evaluation.schemas import verdicts_schema
from gradewise.families.schemas import predictions_schema
from gradewise.images.schemas import CLUE_PREDICTIONS

CLASSES = ["A", "B", "C"]
TRUTH = np.array(CLASSES * 20)


def verdicts_of(
    models: dict[str, np.ndarray], repeats: int = 1, group_size: int = 1, same: bool = False, seed: int = 0
) -> pd.DataFrame:
    """Verdicts on 60 images of which 18 are tested in each repeat; `models` says which images each gets right."""
    groups = np.array([f"g{number // group_size}" for number in range(60)])
    names = np.unique(groups)
    parts = []
    for repeat in range(repeats):
        rng = np.random.default_rng(seed if same else seed + repeat)
        tested = np.isin(groups, rng.permutation(names)[: 18 // group_size])
        for model, right in models.items():
            wrong = np.roll(CLASSES, -1)[np.searchsorted(CLASSES, TRUTH)]
            frame = pd.DataFrame({"image_id": [f"i{number}" for number in range(60)], "group": groups, "label": TRUTH})
            frame["predicted"] = np.where(right, TRUTH, wrong)
            frame["role"] = np.where(tested, "test", "train")
            parts.append(frame.assign(model=model, repeat=repeat, p_A=0.2, p_B=0.3, p_C=0.5))
    return pd.concat(parts).astype({"repeat": "int32", "p_A": "float32", "p_B": "float32", "p_C": "float32"})


def plan_of(folder: Path, repeats: int, models: list[str]) -> None:
    (folder / "plan").mkdir(exist_ok=True)
    (folder / "plan/runs.json").write_text(json.dumps({"repeats": repeats, "models": {"": models}}))


def compared(verdicts: pd.DataFrame, folder: Path, **settings: Any) -> pd.DataFrame:
    tables.write(verdicts, folder / "verdicts.parquet", verdicts_schema(CLASSES))
    models = settings.pop("models", list(dict.fromkeys(verdicts["model"])))
    baselines = settings.pop("baselines", False)
    plan_of(folder, verdicts["repeat"].nunique(), models)
    compare(
        dataset="fruit",
        results=folder,
        classes=CLASSES,
        seed=1,
        output=folder / "comparisons.parquet",
        standings=folder / "standings.parquet",
        **settings,
    )
    found = tables.read(folder / "comparisons.parquet")
    return found if baselines else found.loc[~found["baseline"]].reset_index(drop=True)


def coin(seed: int, chance: float) -> np.ndarray:
    return np.random.default_rng(seed).random(60) < chance


def test_a_row_tells_the_difference_and_who_alone_was_right(tmp_path: Path) -> None:
    verdicts = verdicts_of({"a": coin(1, 0.9), "b": coin(2, 0.4)})
    row = compared(verdicts, tmp_path).iloc[0]
    test = verdicts.loc[verdicts["role"] == "test"]
    right = {model: (part["label"] == part["predicted"]).to_numpy() for model, part in test.groupby("model")}
    only = int(np.sum(right["a"] & ~right["b"])), int(np.sum(~right["a"] & right["b"]))
    assert (row["first_only_right"], row["second_only_right"]) == only
    assert row["difference"] == pytest.approx(right["a"].mean() - right["b"].mean())
    assert row["low"] < row["difference"] < row["high"]


@pytest.mark.parametrize(("repeats", "same"), [(1, False), (5, False), (5, True)])
def test_interval_and_p_value_agree_in_every_design(repeats: int, same: bool, tmp_path: Path) -> None:
    models = {"a": coin(1, 0.95), "b": coin(2, 0.8), "c": coin(3, 0.6), "d": coin(4, 0.3)}
    found = compared(verdicts_of(models, repeats, same=same), tmp_path, baselines=True)
    leaves_out_zero = (found["low"] > 0) | (found["high"] < 0)
    assert leaves_out_zero.tolist() == (found["p_adjusted"] < 0.05).tolist()
    assert leaves_out_zero.nunique() == 2
    assert (found["p_adjusted"] >= found["p_value"]).all()


def test_training_sets_that_overlap_count_as_the_verdicts_tell(tmp_path: Path) -> None:
    verdicts = verdicts_of({"a": coin(1, 0.8), "b": coin(2, 0.6)}, repeats=5, group_size=3)
    fewer = verdicts.drop(verdicts.index[(verdicts["role"] == "train") & (verdicts.index % 2 == 0)])
    assert compared(fewer, tmp_path)["error"].item() > compared(verdicts, tmp_path)["error"].item()


def test_every_pair_is_compared_once(tmp_path: Path) -> None:
    found = compared(verdicts_of({"a": coin(1, 0.95), "b": coin(2, 0.3), "c": coin(3, 0.5)}), tmp_path)
    assert list(zip(found["first"], found["second"], strict=True)) == [("a", "b"), ("a", "c"), ("b", "c")]


def test_models_are_compared_with_guessing_and_with_clues(tmp_path: Path) -> None:
    verdicts = verdicts_of({"a": coin(1, 0.9), "b": coin(2, 0.5)}, repeats=3)
    ids = [f"i{number}" for number in range(60)]
    clues = tmp_path / "clues.parquet"
    guesses = pd.Series(np.where(coin(5, 0.7), TRUTH, "A"), index=ids, name="predicted")
    tables.write(guesses.rename_axis("image_id").reset_index(), clues, CLUE_PREDICTIONS)
    found = compared(verdicts, tmp_path, baselines=True, clues=clues).query("baseline")
    test = verdicts.query("role == 'test' and model == 'a'")
    common = test["label"].mode()[0]
    assert found["second"].tolist() == [f"always {common}"] * 2 + [CLUES] * 2
    right = (test["label"] == test["predicted"]).mean()
    guessed = (test["image_id"].map(guesses) == test["label"]).mean()
    of_a = found.query("first == 'a'")["difference"].tolist()
    assert of_a == pytest.approx([right - (test["label"] == common).mean(), right - guessed])


def test_images_without_a_prediction_from_clues_are_not_compared_with_them(tmp_path: Path) -> None:
    clues = tmp_path / "clues.parquet"
    tables.write(pd.DataFrame({"image_id": ["i0"], "predicted": ["A"]}), clues, CLUE_PREDICTIONS)
    found = compared(verdicts_of({"a": coin(1, 0.9)}), tmp_path, baselines=True, clues=clues)
    assert len(found) == 1


def test_a_repeat_in_which_a_model_gave_one_answer_is_counted(tmp_path: Path) -> None:
    verdicts = verdicts_of({"a": coin(1, 0.9), "b": coin(2, 0.5)}, repeats=3)
    assert compared(verdicts, tmp_path)["collapsed"].tolist() == [0]
    assert compared(verdicts, tmp_path, baselines=True)["collapsed"].tolist() == [0, 0, 0]
    verdicts.loc[(verdicts["model"] == "b") & (verdicts["repeat"] == 1), "predicted"] = "C"
    assert compared(verdicts, tmp_path, baselines=True)["collapsed"].tolist() == [1, 0, 1]


def test_standings_follow_the_metric_that_decides(tmp_path: Path) -> None:
    verdicts = verdicts_of({"a": coin(1, 0.5), "b": coin(2, 0.95)}, repeats=3)
    compared(verdicts, tmp_path, ordered=True, metric="grade_error")
    standings = tables.read(tmp_path / "standings.parquet").set_index("model")
    assert standings.loc["b", "value"] < standings.loc["a", "value"]
    assert standings.loc["b", "probability_best"] > 0.9
    assert (standings["optimism"] >= 0).all()


def test_identical_verdicts_are_no_proof_of_equality(tmp_path: Path) -> None:
    row = compared(verdicts_of({"a": coin(1, 0.8), "b": coin(1, 0.8)}, repeats=5), tmp_path).iloc[0]
    assert row["difference"] == 0
    assert row["p_value"] == 1
    assert row["low"] < 0 < row["high"]
    assert row["detectable"] > 0
    assert row["error_correlation"] == pytest.approx(1)


def test_a_row_counts_what_was_tested(tmp_path: Path) -> None:
    verdicts = verdicts_of({"a": coin(1, 0.8), "b": coin(2, 0.6)}, repeats=5, group_size=3)
    row = compared(verdicts, tmp_path).iloc[0]
    test = verdicts.loc[verdicts["role"] == "test"]
    assert (row["images"], row["groups"], row["repeats"]) == (test["image_id"].nunique(), test["group"].nunique(), 5)


def test_single_samples_can_be_what_is_compared(tmp_path: Path) -> None:
    verdicts = verdicts_of({"a": coin(1, 0.8), "b": coin(2, 0.6)}, repeats=2, group_size=3)
    for (model, repeat), part in verdicts.groupby(["model", "repeat"]):
        run = tmp_path / "models" / model / str(repeat)
        # two tiles an image, of which the second is always judged rightly
        tiles = [part.assign(sample_id=part["image_id"] + f"#0,{column}", row=0, column=column) for column in (0, 1)]
        tiles[1]["predicted"] = tiles[1]["label"]
        frame = pd.concat(tiles).astype({"row": "int32", "column": "int32"})
        tables.write(frame, run / "predictions.parquet", predictions_schema(CLASSES))
    of_images = compared(verdicts, tmp_path).iloc[0]
    row = compared(verdicts, tmp_path, level="sample").iloc[0]
    assert row["level"] == "sample"
    assert row["images"] == 2 * of_images["images"]
    assert row["groups"] == of_images["groups"]
    assert row["difference"] == pytest.approx(of_images["difference"] / 2)


@pytest.mark.parametrize(("group_size", "groups"), [(3, 6), (6, 3)])
def test_fewer_than_five_groups_are_not_compared(group_size: int, groups: int, tmp_path: Path) -> None:
    row = compared(verdicts_of({"a": coin(1, 0.8), "b": coin(2, 0.6)}, group_size=group_size), tmp_path).iloc[0]
    assert row["groups"] == groups
    assert row[["low", "high", "p_value", "p_adjusted", "detectable"]].isna().all() == (groups < 5)


def test_models_tested_under_other_labels_are_refused(tmp_path: Path) -> None:
    verdicts = verdicts_of({"a": coin(1, 0.8), "b": coin(2, 0.6)})
    verdicts.loc[verdicts["model"] == "b", "label"] = "A"
    with pytest.raises(UserError, match="not under the same labels"):
        compared(verdicts, tmp_path)


def test_a_metric_that_models_cannot_be_ranked_by_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--metric log_loss: models are not compared by that; give one of accuracy,"):
        compared(verdicts_of({"a": coin(1, 0.9), "b": coin(2, 0.5)}), tmp_path, metric="log_loss")


def test_grades_can_be_what_is_compared(tmp_path: Path) -> None:
    verdicts = verdicts_of({"a": coin(1, 0.9), "b": coin(2, 0.5)})
    row = compared(verdicts, tmp_path, ordered=True, metric="grade_error").iloc[0]
    assert row["difference"] < 0


def test_grades_are_refused_of_unordered_classes(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="ordered: true"):
        compared(verdicts_of({"a": coin(1, 0.9), "b": coin(2, 0.5)}), tmp_path, metric="quadratic_kappa")


def test_a_single_model_has_no_pairs(tmp_path: Path) -> None:
    assert len(compared(verdicts_of({"a": coin(1, 0.9)}), tmp_path)) == 0


def test_a_model_without_verdicts_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no test verdicts of z"):
        compared(verdicts_of({"a": coin(1, 0.9)}), tmp_path, models=["a", "z"])


def test_models_tested_on_other_images_are_refused(tmp_path: Path) -> None:
    verdicts = verdicts_of({"a": coin(1, 0.9), "b": coin(2, 0.5)})
    gone = (verdicts["model"] == "b") & (verdicts["role"] == "test") & (verdicts.index % 2 == 0)
    with pytest.raises(UserError, match="not tested on the same images"):
        compared(verdicts.loc[~gone], tmp_path)


def test_costs_are_compared_where_they_decide(tmp_path: Path) -> None:
    table = verdicts_of({"a": coin(1, 0.8), "b": coin(2, 0.6)}, repeats=3)
    costs = [
        [0.0 if true == called else 1.0 + 4 * true for called in range(len(CLASSES))] for true in range(len(CLASSES))
    ]
    row = compared(table, tmp_path, metric="cost_per_100", costs=costs).iloc[0]
    test = table.loc[table["role"] == "test"]
    price = {(CLASSES[i], CLASSES[j]): cost for i, line in enumerate(costs) for j, cost in enumerate(line)}
    paid = pd.Series([price[pair] for pair in zip(test["label"], test["predicted"], strict=True)], index=test.index)
    mean = paid.groupby(test["model"]).mean()
    assert row["difference"] == pytest.approx(100 * (mean["a"] - mean["b"]))
    assert row["low"] < row["difference"] < row["high"]


def test_samples_get_the_class_of_least_expected_cost_where_cost_decides(
    make: Callable[..., Any], tmp_path: Path
) -> None:
    made = make({"a": 2.0, "b": 0.5}, repeats=1, tiles=2)
    costs = np.array([[0.0, 1.0, 1.0], [3.0, 0.0, 1.0], [10.0, 3.0, 0.0]])
    output = tmp_path / "comparisons.parquet"
    compare(
        dataset="d",
        results=made.folder,
        level="sample",
        classes=CLASSES,
        metric="cost_per_100",
        costs=costs.tolist(),
        seed=1,
        output=output,
        standings=tmp_path / "standings.parquet",
    )
    paid = []
    for path in made.predictions:
        test = tables.read(path, role="test")
        called = (test[[f"p_{name}" for name in CLASSES]].to_numpy(dtype=np.float64) @ costs).argmin(axis=1)
        paid.append(costs[pd.Categorical(test["label"], categories=CLASSES).codes, called].mean())
    assert tables.read(output).query("not baseline")["difference"].item() == pytest.approx(100 * (paid[0] - paid[1]))


def test_costs_that_are_not_given_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="needs --costs"):
        compared(verdicts_of({"a": coin(1, 0.8), "b": coin(2, 0.6)}), tmp_path, metric="cost_per_100")
