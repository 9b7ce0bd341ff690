"""Blends of runs: what they predict, what they record, and that everything after them takes them for a model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from gradewise import tables
from gradewise.command import UserError
from gradewise.evaluation.blend import blend, blend_probabilities
from gradewise.evaluation.evaluate import evaluate
from gradewise.families.load import load
from gradewise.verdicts import gather

CLASSES = ["A", "B", "C"]
COSTS = {
    "seconds_fit": 2.0,
    "seconds_predict_per_sample": 0.1,
    "peak_memory_mb": 300.0,
    "threads": 2,
    "device": "cpu",
    "parameters": 10,
    "model_bytes": 1000,
    "seed": 5,
    "view_hash": "ab",
}


@pytest.fixture
def runs(make: Callable[..., Any]) -> Any:
    """Two models over two repeats, four samples an image."""
    made = make({"first": 1.5, "second": 1.0}, repeats=2, tiles=4)
    describe(made)
    return made


def describe(made: Any, **further: Any) -> None:
    for path in made.runs:
        record = json.loads(path.read_text())
        path.write_text(json.dumps(record | COSTS | {"samples_per_image": 4.0, "view": "tiles"} | further))


def blended(made: Any, output: Path, **settings: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
    blend(
        **{"dataset": "fruit", "model": "both", "repeat": 0, "by": "probability", "classes": CLASSES, "level": "sample"}
        | {"members": ["first", "second"]}
        | settings,
        results=made.folder,
        output=output,
    )
    return tables.read(output / "predictions.parquet"), json.loads((output / "run.json").read_text())


def test_blended_probabilities_and_votes_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    features, labels = rng.normal(size=(200, 3)), rng.integers(3, size=200)
    members = [("a", LogisticRegression()), ("b", GaussianNB()), ("c", LogisticRegression(C=0.01))]
    stacked = np.stack([model.fit(features, labels).predict_proba(features) for _, model in members])
    soft = VotingClassifier(members, voting="soft").fit(features, labels)
    np.testing.assert_allclose(blend_probabilities(stacked, "probability"), soft.predict_proba(features))
    hard = VotingClassifier(members, voting="hard").fit(features, labels).predict(features)
    votes = np.eye(3)[stacked.argmax(axis=2)].sum(axis=0)
    decided = (votes == votes.max(axis=1, keepdims=True)).sum(axis=1) == 1
    assert np.array_equal(blend_probabilities(stacked, "vote").argmax(axis=1)[decided], hard[decided])


def test_a_tied_vote_goes_to_the_higher_mean_probability() -> None:
    stacked = np.array([[[0.6, 0.4]], [[0.1, 0.9]]])
    assert blend_probabilities(stacked, "vote").argmax() == 1


@given(st.integers(1, 5), st.integers(2, 4), st.integers(0, 2**31), st.sampled_from(["probability", "vote"]))
def test_blended_rows_are_probabilities(members: int, classes: int, seed: int, by: Any) -> None:
    stacked = np.random.default_rng(seed).dirichlet(np.ones(classes), size=(members, 7))
    found = blend_probabilities(stacked, by)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found >= 0).all()


def test_members_of_the_same_samples_are_blended_sample_by_sample(runs: Any, tmp_path: Path) -> None:
    found, record = blended(runs, tmp_path)
    members = [tables.read(runs.predictions[place]) for place in (0, 2)]
    assert found["sample_id"].tolist() == members[0]["sample_id"].tolist()
    np.testing.assert_allclose(found["p_A"], (members[0]["p_A"] + members[1]["p_A"]) / 2, atol=1e-6)
    assert record["settings"]["level"] == "sample"
    assert record["settings"]["members"] == ["first", "second"]


def test_members_of_different_samples_are_blended_image_by_image(runs: Any, tmp_path: Path) -> None:
    describe(runs)
    record = json.loads(runs.runs[2].read_text())
    runs.runs[2].write_text(json.dumps(record | {"view": "whole"}))
    found, record = blended(runs, tmp_path, level="image", aggregate="mean")
    labels = tables.read(runs.manifest).set_index("image_id")["label"]
    members = [gather(tables.read(runs.predictions[place]), labels, CLASSES, None, "mean") for place in (0, 2)]
    np.testing.assert_allclose(found["p_B"], (members[0]["p_B"] + members[1]["p_B"]) / 2, atol=1e-6)
    assert found["image_id"].is_unique
    assert (record["view"], record["settings"]["level"], record["samples_per_image"]) == ("tiles, whole", "image", 1.0)
    assert record["seconds_predict_per_sample"] == pytest.approx(2 * 4 * 0.1)


def test_costs_add_up_and_memory_is_the_highest(runs: Any, tmp_path: Path) -> None:
    _, record = blended(runs, tmp_path)
    assert (record["seconds_fit"], record["parameters"], record["model_bytes"]) == (4.0, 20, 2000)
    assert record["peak_memory_mb"] == 300.0
    assert record["seconds_predict_per_sample"] == pytest.approx(0.2)
    assert record["family"] == "blend"


def test_over_repeats_only_samples_with_one_role_in_all_are_kept(runs: Any, tmp_path: Path) -> None:
    found, record = blended(runs, tmp_path, members=["first"], over="repeats", by="vote")
    members = [tables.read(runs.predictions[place]).set_index("sample_id")["role"] for place in (0, 1)]
    assert set(found["sample_id"]) == set(members[0].index[members[0] == members[1]])
    assert record["settings"]["repeats"] == [0, 1]


def test_evaluation_takes_a_blend_for_a_model(runs: Any, plan: Callable[..., None], tmp_path: Path) -> None:
    outputs = {name: tmp_path / f"{name}.parquet" for name in ("metrics", "verdicts", "calibration", "subgroups")}
    for repeat in (0, 1):
        blended(runs, runs.folder / "models/both" / str(repeat), repeat=repeat)
    plan(runs.folder, 2, own=["first", "second", "both"])
    evaluate(dataset="fruit", results=runs.folder, classes=CLASSES, **outputs)
    metrics = tables.read(outputs["metrics"])
    counts = metrics.loc[metrics["metric"] == "accuracy"].groupby("model").size()
    assert counts["both"] == counts["first"]


def test_runs_of_other_classes_are_refused(runs: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has the classes \['A', 'B', 'C'\], not \['A', 'B'\]"):
        blended(runs, tmp_path, classes=["A", "B"])


def test_loading_a_blend_says_to_load_its_members(runs: Any, tmp_path: Path) -> None:
    blended(runs, tmp_path)
    with pytest.raises(UserError, match="load its members"):
        load(tmp_path)
