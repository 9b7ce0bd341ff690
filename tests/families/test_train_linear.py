"""Logistic regressions learn from pixels or components, and predict what scikit-learn's own pipeline does."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gradewise import tables
from gradewise.config.choosing import ChooseBy
from gradewise.families import train as step
from gradewise.families.fit_pca import fit_pca
from gradewise.families.load import load
from gradewise.views.samples import read_samples


@pytest.fixture
def train(tmp_path):
    """Trains on a cache, on components where settings ask for some; returns the run's folder."""

    def run(made, *candidates, name="run"):
        folder = tmp_path / name
        files = {"features": folder / "pca/features.parquet", "pca": folder / "pca/pca.safetensors"}
        most = max(settings.get("components", 0) for settings in candidates)
        if most:
            fit_pca(**made.inputs, repeat=0, components=most, threads=1, output=folder / "pca")
        step.train(
            family="linear",
            **made.inputs,
            **(files if most else {}),
            repeat=0,
            dataset="made-up",
            model="logistic",
            view="whole",
            classes=made.classes,
            candidates=list(candidates),
            choose_by=ChooseBy(),
            seed=1,
            threads=1,
            output=folder / "linear",
        )
        return folder / "linear"

    return run


def record_of(folder):
    return json.loads((folder / "run.json").read_text())


@pytest.mark.parametrize("classes", [["A", "B"], ["A", "B", "C"]], ids=len)
@pytest.mark.parametrize("components", [None, 10])
def test_it_predicts_what_the_pipeline_of_scikit_learn_does(cache, train, classes, components):
    made = cache(classes=classes, contrast=15)
    settings = {"C": 0.5, "class_weight": "balanced"} | ({"components": components} if components else {})
    folder = train(made, settings)
    data = read_samples(made.samples, made.splits, made.manifest, 0)
    inputs = data.pixels.reshape(len(data.pixels), -1).astype(np.float64)
    if components:
        stored = tables.read(folder.parent / "pca/features.parquet").set_index("sample_id")["scores"]
        inputs = np.stack(stored.loc[data.table["sample_id"]].to_list()).astype(np.float64)
    positions = data.of("train")
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.5, class_weight="balanced", max_iter=1000))
    pipeline.fit(inputs[positions], data.targets(classes)[positions])
    np.testing.assert_allclose(load(folder).predict_proba(data.pixels), pipeline.predict_proba(inputs), atol=2e-3)


def test_new_groups_are_classified_better_than_by_chance(cache, train):
    folder = train(cache(), {})
    test = tables.read(folder / "predictions.parquet", role="test")
    assert (test["predicted"] == test["label"]).mean() > 0.7
    record = record_of(folder)
    assert (record["components"], record["converged"], record["parameters"]) == (None, True, 64 * 3 + 3)


def test_the_strength_of_the_penalty_is_chosen_on_validation(cache, train):
    made = cache(groups=90, contrast=12)
    record = record_of(train(made, {"C": 1e-9, "class_weight": "balanced"}, {"C": 0.01}))
    assert [tried["settings"]["C"] for tried in record["tried"]] == [1e-9, 0.01]
    assert record["settings"]["C"] == 0.01


def test_pixels_and_components_may_be_candidates_of_one_model(cache, train):
    record = record_of(train(cache(groups=60), {}, {"components": 5}))
    assert [tried["settings"]["components"] for tried in record["tried"]] == [None, 5]


def test_a_pixel_that_never_changes_has_no_weight(cache, train):
    made = cache(contrast=400)  # many pixels are black or white throughout
    data = read_samples(made.samples, made.splits, made.manifest, 0)
    constant = np.ptp(data.pixels[data.of("train")].reshape(-1, 64), axis=0) == 0
    weights = load(train(made, {})).weights
    assert constant.any()
    assert (weights[constant] == 0).all()
    assert (weights[~constant] != 0).any()
