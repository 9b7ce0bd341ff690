from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gradewise import tables
from gradewise.command import UserError
from gradewise.evaluation import significance
from gradewise.evaluation.compare import compare
from gradewise.evaluation.schemas import verdicts_schema
from gradewise.families.schemas import predictions_schema

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
    plan_of(folder, verdicts["repeat"].nunique(), models)
    compare(
        dataset="fruit",
        results=folder,
        classes=CLASSES,
        seed=1,
        output=folder / "comparisons.parquet",
        **settings,
    )
    return tables.read(folder / "comparisons.parquet")


def coin(seed: int, chance: float) -> np.ndarray:
    return np.random.default_rng(seed).random(60) < chance


def test_lone_images_of_one_split_get_the_exact_mcnemar_test(tmp_path: Path) -> None:
    verdicts = verdicts_of({"a": coin(1, 0.9), "b": coin(2, 0.4)})
    row = compared(verdicts, tmp_path).iloc[0]
    test = verdicts.loc[verdicts["role"] == "test"]
    right = {model: (part["label"] == part["predicted"]).to_numpy() for model, part in test.groupby("model")}
    only = int(np.sum(right["a"] & ~right["b"])), int(np.sum(~right["a"] & right["b"]))
    assert row["test"] == "mcnemar"
    assert (row["first_only_right"], row["second_only_right"]) == only
    assert row["p_value"] == pytest.approx(significance.mcnemar(*only))
    assert row["difference"] == pytest.approx(right["a"].mean() - right["b"].mean())
    assert row["low"] < row["difference"] < row["high"]


@pytest.mark.parametrize(
    ("repeats", "group_size", "same", "expected"),
    [
        (1, 3, False, "group_swap"),
        (5, 1, False, "corrected_resampled_t"),
        (5, 3, False, "corrected_resampled_t"),
        (5, 1, True, "clustered_t"),
    ],
)
def test_the_test_follows_the_design(repeats: int, group_size: int, same: bool, expected: str, tmp_path: Path) -> None:
    verdicts = verdicts_of({"a": coin(1, 0.8), "b": coin(2, 0.6)}, repeats, group_size, same)
    assert compared(verdicts, tmp_path)["test"].tolist() == [expected]


def test_the_corrected_test_takes_the_size_of_the_splits_from_the_verdicts(tmp_path: Path) -> None:
    verdicts = verdicts_of({"a": coin(1, 0.8), "b": coin(2, 0.6)}, repeats=5)
    test = verdicts.loc[verdicts["role"] == "test"]
    right = (test["label"] == test["predicted"]).groupby([test["model"], test["repeat"]]).mean()
    differences = (right["a"] - right["b"]).to_numpy()
    expected = significance.corrected_resampled_t(differences, 18 / 42)
    assert compared(verdicts, tmp_path)["p_value"].item() == pytest.approx(expected)


def test_every_pair_is_compared_once_and_corrected_for_their_number(tmp_path: Path) -> None:
    verdicts = verdicts_of({"a": coin(1, 0.95), "b": coin(2, 0.3), "c": coin(3, 0.5)})
    found = compared(verdicts, tmp_path)
    assert list(zip(found["first"], found["second"], strict=True)) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert found["p_holm"].to_numpy() == pytest.approx(significance.holm(found["p_value"].to_numpy()))


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


def test_what_the_test_could_find_follows_from_the_test(tmp_path: Path) -> None:
    verdicts = verdicts_of({"a": coin(1, 0.8), "b": coin(2, 0.6)}, repeats=5)
    test = verdicts.loc[verdicts["role"] == "test"]
    right = (test["label"] == test["predicted"]).groupby([test["model"], test["repeat"]]).mean()
    differences = (right["a"] - right["b"]).to_numpy()
    error = np.sqrt((1 / 5 + 18 / 42) * np.var(differences, ddof=1))
    expected = (stats.t.ppf(0.975, 4) + stats.t.ppf(0.8, 4)) * error
    assert compared(verdicts, tmp_path)["detectable"].item() == pytest.approx(expected)


def test_a_test_of_few_groups_can_show_nothing(tmp_path: Path) -> None:
    few = verdicts_of({"a": coin(1, 0.8), "b": coin(2, 0.6)}, group_size=6)
    assert compared(few, tmp_path)["groups"].item() == 3
    assert compared(few, tmp_path)["detectable"].isna().all()


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
    assert row["test"] == "group_swap"


def test_grades_are_refused_of_unordered_classes(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="ordered: true"):
        compared(verdicts_of({"a": coin(1, 0.9), "b": coin(2, 0.5)}), tmp_path, metric="quadratic_kappa")


def test_a_single_model_leaves_an_empty_table(tmp_path: Path) -> None:
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
    )
    paid = []
    for path in made.predictions:
        test = tables.read(path, role="test")
        called = (test[[f"p_{name}" for name in CLASSES]].to_numpy(dtype=np.float64) @ costs).argmin(axis=1)
        paid.append(costs[pd.Categorical(test["label"], categories=CLASSES).codes, called].mean())
    assert tables.read(output)["difference"].item() == pytest.approx(100 * (paid[0] - paid[1]))


def test_costs_that_are_not_given_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="needs --costs"):
        compared(verdicts_of({"a": coin(1, 0.8), "b": coin(2, 0.6)}), tmp_path, metric="cost_per_100")
