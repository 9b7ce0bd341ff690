from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.feature_selection import SelectFromModel

from gradewise import tables
from gradewise.command import UserError
from gradewise.families import train as step
from gradewise.families.forest.bootstrap import bags_of_rows, grow_forest
from gradewise.families.forest.reduction import first_forest, select
from gradewise.families.forest.settings import ForestSettings
from gradewise.families.load import load
from gradewise.symmetry import orbit
from gradewise.views.samples import read_samples


@pytest.fixture
def train(tmp_path):
    def run(made, **settings):
        names = {"dataset": "made-up", "model": "forest", "view": "whole", "classes": made.classes}
        candidates = [ForestSettings(trees=20, **settings)]
        step.train(
            family="forest", **made.inputs, **names, repeat=0, candidates=candidates, seed=1, threads=1, output=tmp_path
        )
        return tmp_path

    return run


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.7])
def test_the_pixels_kept_are_those_that_scikit_learn_would_keep(scale):
    generator = np.random.default_rng(0)
    y = np.arange(90) % 3
    X = (generator.normal(size=(90, 40)) + np.outer(y, np.arange(40) / 40)).astype(np.float32)
    forest = grow_forest(X, y, bags_of_rows(90), ForestSettings(trees=30), 0, 1)
    theirs = SelectFromModel(forest, threshold=f"{scale}*median", prefit=True).get_support(indices=True)
    np.testing.assert_array_equal(select(forest.feature_importances_, scale).kept, theirs)
    assert 0 < len(theirs) < 40


def test_the_first_forest_has_at_most_400_trees_and_depth_64():
    assert (first_forest(ForestSettings(trees=1000)).trees, first_forest(ForestSettings(trees=1000)).max_depth) == (
        400,
        64,
    )
    small = first_forest(ForestSettings(trees=10, max_depth=3, min_samples_leaf=5))
    assert (small.trees, small.max_depth, small.min_samples_leaf) == (10, 3, 1)


def test_a_selection_that_leaves_nothing_is_refused():
    with pytest.raises(UserError, match="no pixel is 9 times as important"):
        select(np.ones(4), 9.0)


@pytest.mark.parametrize("settings", [{"select": 1.3}, {"components": 6}, {"components": 6, "augment": "rotate"}])
def test_a_loaded_model_predicts_from_pixels_as_when_it_was_trained(cache, train, settings):
    made = cache()
    folder = train(made, **settings)
    data = read_samples(made.samples, made.splits, made.manifest, 0)
    model = load(folder)
    stored = tables.read(folder / "predictions.parquet")[["p_A", "p_B", "p_C"]].to_numpy()
    np.testing.assert_array_equal(model.predict_proba(data.pixels).astype(np.float32), stored)
    record = json.loads((folder / "run.json").read_text())
    assert record["features"] == model.forest.n_features_in_ < 64
    assert record["training_accuracy"] == 1


def test_components_are_those_of_training_samples_as_they_are(cache, train):
    made = cache()
    model = load(train(made, components=4, augment="d4"))
    data = read_samples(made.samples, made.splits, made.manifest, 0)
    at = data.of("train")
    np.testing.assert_allclose(model.features.mean, data.pixels[at].reshape(len(at), -1).mean(axis=0), rtol=1e-5)
    turned = orbit(data.pixels[at], (1,))[:, 0]
    assert model.predict_proba(turned).argmax(axis=1).tolist() == data.targets(made.classes)[at].tolist()


def test_a_first_forest_too_small_for_its_pixels_keeps_them_all_and_says_so(caplog):
    assert len(select(np.array([0.0, 0.0, 0.0, 1.0]), 2.0).kept) == 4
    assert "at least half of the 4 pixels split no node" in caplog.text
