from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as reference

from gradewise import tables
from gradewise.command import UserError
from gradewise.evaluation.calibration import calibrate
from gradewise.evaluation.evaluate import evaluate
from gradewise.families.schemas import predictions_schema
from gradewise.images.schemas import MANIFEST

CLASSES = ["A", "B", "C"]


def run(made: Any, folder: Path, **settings: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    settings = {"classes": CLASSES, "ordered": True, **settings}
    evaluate(
        dataset="fruit",
        results=made.folder,
        metrics=folder / "metrics.parquet",
        verdicts=folder / "verdicts.parquet",
        calibration=folder / "calibration.parquet",
        subgroups=folder / "subgroups.parquet",
        **settings,
    )
    return tables.read(folder / "metrics.parquet"), tables.read(folder / "verdicts.parquet")


@pytest.fixture(scope="module")
def written(graded: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, pd.DataFrame]:
    return run(graded, tmp_path_factory.mktemp("evaluated"))


def value(metrics: pd.DataFrame, **where: Any) -> pd.Series:
    chosen = metrics.loc[metrics["class"].isna()] if "class_" not in where else metrics
    for column, wanted in where.items():
        column = column.removesuffix("_")
        chosen = chosen.loc[chosen[column].isna() if wanted is None else chosen[column] == wanted]
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_every_model_repeat_role_and_level_is_measured(written: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    metrics, _ = written
    accuracy = metrics.loc[metrics["metric"] == "accuracy"]
    assert len(accuracy) == 2 * (3 + 1) * 3 * 2
    assert not accuracy.duplicated(["model", "repeat", "role", "level"]).any()


def test_values_agree_with_scikit_learn_on_the_files(graded: Any, written: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    metrics, verdicts = written
    samples = tables.read(graded.predictions[0])
    images = verdicts.loc[(verdicts["model"] == "good") & (verdicts["repeat"] == 0)]
    for level, table in (("sample", samples), ("image", images)):
        test = table.loc[table["role"] == "test"]
        where = {"model": "good", "repeat": 0, "role": "test", "level": level}
        chances = test[[f"p_{name}" for name in CLASSES]].to_numpy(dtype=np.float64)
        expected = {
            "accuracy": reference.accuracy_score(test["label"], test["predicted"]),
            "f1": reference.f1_score(test["label"], test["predicted"], average="macro"),
            "roc_auc": reference.roc_auc_score(
                test["label"], chances / chances.sum(axis=1, keepdims=True), multi_class="ovr"
            ),
            "quadratic_kappa": reference.cohen_kappa_score(test["label"], test["predicted"], weights="quadratic"),
        }
        assert {name: value(metrics, metric=name, **where)["value"] for name in expected} == pytest.approx(expected)


def test_intervals_hold_their_values(written: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    metrics = written[0].dropna(subset=["low", "high"])
    assert len(metrics) > 500
    assert (metrics["low"] <= metrics["value"] + 1e-9).all()
    assert (metrics["value"] <= metrics["high"] + 1e-9).all()


def test_a_row_says_how_many_images_and_groups_stand_behind_it(written: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    metrics, verdicts = written
    test = verdicts.loc[(verdicts["model"] == "good") & (verdicts["role"] == "test")]
    row = value(metrics, model="good", repeat=None, role="test", level="sample", metric="accuracy")
    assert (row["images"], row["groups"]) == (test["image_id"].nunique(), test["group"].nunique())


def test_verdicts_have_one_row_a_model_repeat_and_image(written: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    _, verdicts = written
    assert len(verdicts) == 2 * 3 * 60
    assert not verdicts.duplicated(["model", "repeat", "image_id"]).any()


def test_a_better_model_scores_higher(written: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    where = {"repeat": None, "role": "test", "level": "image", "metric": "accuracy"}
    assert value(written[0], model="good", **where)["low"] > value(written[0], model="poor", **where)["high"]


def test_calibration_is_of_samples_where_all_are_tested(make: Callable[..., Any], tmp_path: Path) -> None:
    """As those of a blend over repeats."""
    made = make({"good": 1.0}, repeats=1, tiles=4)
    samples = tables.read(made.predictions[0]).assign(role="test")
    tables.write(samples, made.predictions[0], predictions_schema(CLASSES))
    metrics, _ = run(made, tmp_path, level="sample")
    known = {"repeat": None, "role": "test", "level": "sample", "metric": "calibration_error"}
    assert value(metrics, **known)["value"] == pytest.approx(calibrate(samples.assign(repeat=0), CLASSES).error.value)


def test_calibration_is_of_samples_where_those_decide(graded: Any, tmp_path: Path) -> None:
    metrics, verdicts = run(graded, tmp_path, ordered=True, level="sample")
    errors = metrics.loc[metrics["metric"] == "calibration_error"]
    assert set(errors["level"]) == {"sample"}
    bins = tables.read(tmp_path / "calibration.parquet")
    of_samples = bins.loc[bins["part"] == "bin"].groupby("model")["verdicts"].sum()
    of_images = verdicts.loc[verdicts["role"] == "test"].groupby("model").size()
    assert (of_samples > of_images).all()


def test_metrics_of_grades_are_left_out_of_unordered_classes(graded: Any, tmp_path: Path) -> None:
    metrics, _ = run(graded, tmp_path, ordered=False)
    assert not set(metrics["metric"]) & {"quadratic_kappa", "adjacent_accuracy", "grade_error", "far_errors"}


COSTS = [[0.0, 1.0, 1.0], [3.0, 0.0, 1.0], [10.0, 3.0, 0.0]]


def test_where_cost_decides_samples_and_images_get_the_class_of_least_expected_cost(
    make: Callable[..., Any], tmp_path: Path
) -> None:
    # logits of skill 2 among noise of variance 2 give calibrated probabilities
    made = make({"calibrated": 2.0}, groups=100)
    cost, accuracy = {}, {}
    for least_cost in (False, True):
        metrics, verdicts = run(made, tmp_path / str(least_cost), costs=COSTS, least_cost=least_cost)
        chances = verdicts[[f"p_{name}" for name in CLASSES]].to_numpy(dtype=np.float64)
        scores = chances @ np.array(COSTS) if least_cost else -chances
        assert verdicts["predicted"].tolist() == np.take(CLASSES, scores.argmin(axis=1)).tolist()
        for level in ("image", "sample"):
            where = {"model": "calibrated", "repeat": None, "role": "test", "level": level}
            cost[level, least_cost] = value(metrics, metric="cost_per_100", **where)["value"]
            accuracy[level, least_cost] = value(metrics, metric="accuracy", **where)["value"]
    for level in ("image", "sample"):
        assert cost[level, True] < 0.9 * cost[level, False]
        assert accuracy[level, True] < accuracy[level, False]


def test_least_cost_needs_costs(graded: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--least_cost needs --costs"):
        run(graded, tmp_path, least_cost=True)


def test_an_absent_class_is_null_and_not_zero(make: Callable[..., Any], tmp_path: Path) -> None:
    made = make({"model": 1.0}, classes=("A", "B"), groups=12, images_per_group=1, repeats=1)
    for path in made.predictions:
        frame = tables.read(path)
        frame = frame.loc[(frame["role"] != "test") | (frame["label"] == "A")]
        tables.write(frame, path, predictions_schema(["A", "B"]))
    metrics, _ = run(made, tmp_path, classes=["A", "B"], ordered=False, positive="B")
    where = {"repeat": 0, "role": "test", "level": "image"}
    for row in (
        value(metrics, metric="recall", class_="B", **where),
        value(metrics, metric="roc_auc", **where),
        value(metrics, metric="balanced_accuracy", **where),
    ):
        assert pd.isna([row["value"], row["low"], row["high"]]).all()
    assert value(metrics, metric="accuracy", **where)["value"] >= 0


def test_a_run_with_other_classes_is_refused(graded: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="fit the model again"):
        run(graded, tmp_path, classes=["A", "B", "D"])


def test_an_unknown_positive_class_is_refused(graded: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not one of the classes"):
        run(graded, tmp_path, positive="Z")


def test_an_image_that_the_manifest_lacks_is_named(make: Callable[..., Any], tmp_path: Path) -> None:
    made = make({"model": 1.0}, groups=10, images_per_group=1, repeats=1)
    manifest = tables.read(made.manifest)
    tables.write(manifest.loc[manifest["image_id"] != "i00004.png"], made.manifest, MANIFEST)
    with pytest.raises(UserError, match=r"i00004\.png"):
        run(made, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("positive", ["null", "-neg"])
def test_both_steps_run_from_the_shell(make: Callable[..., Any], positive: str) -> None:
    made = make({"good": 3.0, "poor": 0.0}, classes=("A", positive), tiles=3, repeats=2)
    classes = f'["A","{positive}"]'
    common = ["--dataset", "d", "--results", str(made.folder), "--classes", classes, "--costs", "[[0,1],[5,0]]"]
    evaluating = [f"--positive={positive}", "--aggregate", '{"top": 2}']
    for name in ("metrics", "verdicts", "calibration", "subgroups"):
        evaluating += [f"--{name}", str(made.folder / f"{name}.parquet")]
    comparing = ["--seed", "7", "--metric", "cost_per_100"]
    comparing += ["--output", str(made.folder / "comparisons.parquet")]
    comparing += ["--standings", str(made.folder / "standings.parquet")]
    for step, further in (("evaluate", evaluating), ("compare", comparing)):
        command = [sys.executable, "-m", f"gradewise.evaluation.{step}", *common, *further]
        subprocess.run(command, check=True, capture_output=True)
    assert len(tables.read(made.folder / "metrics.parquet")) > 100
    assert tables.read(made.folder / "comparisons.parquet").query("not baseline")["difference"].item() < 0
    assert set(tables.read(made.folder / "calibration.parquet")["part"]) == {"bin", "coverage"}
