from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from gradewise import tables
from gradewise.command import UserError
from gradewise.families import registry
from gradewise.families.cnn.settings import CnnSettings
from gradewise.families.fit_pca import fit_pca
from gradewise.families.forest.settings import ForestSettings
from gradewise.families.load import load
from gradewise.families.train import train
from gradewise.views.samples import read_samples


@pytest.fixture
def run(cache, tmp_path):
    """The folder of a small forest, without hashes, so that a changed file gets as far as its reader."""
    made = cache(groups=15)
    train(
        family="forest",
        **made.inputs,
        repeat=0,
        dataset="made-up",
        model="forest",
        view="whole",
        classes=made.classes,
        candidates=[ForestSettings(trees=3)],
        seed=1,
        threads=1,
        output=tmp_path / "run",
    )
    (tmp_path / "run/model.sha256").unlink()
    return tmp_path / "run"


def test_a_loaded_network_gives_the_stored_predictions(cache, tmp_path):
    made = cache(groups=15)
    settings = CnnSettings(channels=(4,), dense=(4,), epochs=2, batch_size=8)
    names = {"dataset": "made-up", "model": "cnn", "view": "whole", "classes": made.classes}
    train(family="cnn", **made.inputs, **names, repeat=0, candidates=[settings], seed=1, threads=1, output=tmp_path)
    data = read_samples(made.samples, made.splits, made.manifest, 0)
    stored = tables.read(tmp_path / "predictions.parquet")[["p_A", "p_B", "p_C"]].to_numpy()
    np.testing.assert_array_equal(load(tmp_path).predict_proba(data.pixels), stored)


def test_samples_of_another_shape_are_refused(run):
    with pytest.raises(ValueError, match="expects samples of 8 x 8 x 1 uint8, not 9 x 8 x 1 uint8"):
        load(run).predict_proba(np.zeros((2, 9, 8, 1), np.uint8))


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"no run\.json"):
        load(tmp_path)


def test_an_unknown_family_is_refused_by_name(run):
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**record, "family": "oracle"}))
    with pytest.raises(UserError, match=r"there is no family 'oracle'\. Families: cnn, pca_svm, forest"):
        load(run)


PREDICT = """
import sys
from pathlib import Path
import numpy as np
from gradewise.families.load import load
load(Path(sys.argv[1])).predict_proba(np.zeros((2, 8, 8, 1), np.uint8))
print("sklearn" in sys.modules)
"""


@pytest.mark.parametrize("family", ["cnn", "linear", "pca_svm"])
def test_prediction_needs_no_scikit_learn(cache, tmp_path, family):
    made, run = cache(groups=15), tmp_path / "run"
    components = {}
    if family == "pca_svm":
        fit_pca(**made.inputs, repeat=0, components=5, threads=1, output=tmp_path)
        components = {"features": tmp_path / "features.parquet", "pca": tmp_path / "pca.safetensors"}
    settings = {"channels": [4], "epochs": 1} if family == "cnn" else {}
    candidates = [registry.family(family).settings.model_validate(settings)]
    names = {"dataset": "made-up", "model": "model", "view": "whole", "classes": made.classes}
    inputs = made.inputs | components
    train(family=family, **inputs, **names, repeat=0, candidates=candidates, seed=1, threads=1, output=run)
    done = subprocess.run([sys.executable, "-c", PREDICT, str(run)], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
