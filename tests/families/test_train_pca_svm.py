from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from gradewise import command, tables
from gradewise.command import UserError
from gradewise.families import train as step
from gradewise.families.fit_pca import fit_pca
from gradewise.families.load import load
from gradewise.families.pca_svm.settings import SvmSettings
from gradewise.images.schemas import SPLITS
from gradewise.views.samples import read_samples


@pytest.fixture
def train(tmp_path):
    """Fits components on a cache and trains on them; returns the run's folder."""

    def run(made, candidates, name="run", components=20, **options):
        folder = tmp_path / name
        options = {"repeat": 0, "seed": 1, "threads": 1, **options}
        fit_pca(**made.inputs, repeat=0, components=components, threads=1, output=folder / "pca")
        step.train(
            family="pca_svm",
            **made.inputs,
            features=folder / "pca/features.parquet",
            pca=folder / "pca/pca.safetensors",
            dataset="made-up",
            model="svm",
            view="whole",
            classes=made.classes,
            candidates=candidates,
            output=folder / "svm",
            **options,
        )
        return folder / "svm"

    return run


def record_of(folder):
    return json.loads((folder / "run.json").read_text())


def test_it_learns_and_writes_what_every_family_writes(cache, train):
    made = cache()
    folder = train(made, [SvmSettings(components=10)])
    predictions = tables.read(folder / "predictions.parquet")
    assert predictions["role"].value_counts().to_dict() == {"train": 36, "validation": 12, "test": 12}
    test = predictions[predictions["role"] == "test"]
    assert (test["predicted"] == test["label"]).mean() > 0.7
    np.testing.assert_allclose(predictions[["p_A", "p_B", "p_C"]].sum(axis=1), 1, atol=1e-5)
    record = record_of(folder)
    assert (record["family"], record["components"], record["tried"]) == ("pca_svm", 10, [])
    assert 0 < record["support_vectors"] <= 36
    assert 0 < record["explained_variance_ratio"] < 1
    assert record["seconds_fit"] > record["seconds_pca"] > 0


def test_a_loaded_model_gives_the_stored_predictions_from_pixels_alone(cache, train):
    made = cache()
    folder = train(made, [SvmSettings(components=10, whiten=True, kernel="linear", C=0.1)])
    data = read_samples(made.samples, made.splits, made.manifest, 0)
    stored = tables.read(folder / "predictions.parquet")[["p_A", "p_B", "p_C"]].to_numpy()
    model = load(folder)
    assert model.classes == made.classes
    np.testing.assert_array_equal(model.predict_proba(data.pixels).astype(np.float32), stored)


def test_settings_are_chosen_by_accuracy_on_validation_samples(cache, train):
    made = cache(contrast=18.0, groups=60)
    candidates = [SvmSettings(components=k, C=C) for k in (1, 2, 12) for C in (0.01, 1.0)]
    record = record_of(train(made, candidates))
    expected = []
    for number, settings in enumerate(candidates):
        alone = tables.read(train(made, [settings], name=str(number)) / "predictions.parquet", role="validation")
        expected.append((alone["predicted"] == alone["label"]).mean())
    assert [entry["score"] for entry in record["tried"]] == pytest.approx(expected)
    assert len(set(expected)) > 2
    assert record["settings"] == candidates[int(np.argmax(expected))].model_dump(mode="json")


def test_only_the_components_in_use_are_stored(cache, train):
    made = cache()
    few, many = (train(made, [SvmSettings(components=k)], name=str(k)) for k in (2, 20))
    assert (few / "pca.safetensors").stat().st_size < (many / "pca.safetensors").stat().st_size
    assert load(few).pca.components.shape == (2, 64)


def test_more_components_than_the_data_have_are_capped(cache, train):
    record = record_of(train(cache(), [SvmSettings(components=500)], components=500))
    assert (record["settings"]["components"], record["components"]) == (500, 35)


def test_threads_change_no_prediction_and_the_seed_is_recorded(cache, train):
    made = cache()
    candidates = [SvmSettings(components=5, C=C) for C in (0.1, 1.0)]
    one, two = (train(made, candidates, name=str(threads), threads=threads) for threads in (1, 2))
    first, second = (tables.read(folder / "predictions.parquet") for folder in (one, two))
    np.testing.assert_allclose(first[["p_A", "p_B", "p_C"]], second[["p_A", "p_B", "p_C"]], atol=1e-6)
    assert record_of(one)["seed"] == record_of(two)["seed"] != record_of(train(made, candidates, seed=2))["seed"]


def test_features_of_another_repeat_are_refused(cache, train):
    with pytest.raises(UserError, match=r"features\.parquet: has components of repeat 0, not 1"):
        train(cache(repeats=2), [SvmSettings()], repeat=1)


def test_a_class_without_training_samples_is_refused_by_name(cache, train):
    made = cache()
    splits = tables.read(made.splits)
    splits.loc[splits["image_id"].str.startswith("B/"), "role"] = "test"
    tables.write(splits, made.splits, SPLITS)
    with pytest.raises(UserError, match="no training sample of class B"):
        train(made, [SvmSettings()])


def test_the_steps_run_as_commands(cache, tmp_path, monkeypatch):
    made = cache(groups=15)
    pca, folder = tmp_path / "pca", tmp_path / "svm"
    common = [*(f"--{name}={path}" for name, path in made.inputs.items()), "--repeat=0", "--threads=1"]
    monkeypatch.setattr(sys, "argv", ["fit_pca", *common, "--components=5", f"--output={pca}"])
    command.run(fit_pca)
    given = [f"--features={pca / 'features.parquet'}", f"--pca={pca / 'pca.safetensors'}", f"--output={folder}"]
    names = ["--dataset=d", "--model=m", "--view=v", '--classes=["A","B","C"]', "--seed=0"]
    choice = '--candidates=[{"components": 3, "gamma": 0.001}, {"components": 4, "gamma": "scale"}]'
    monkeypatch.setattr(sys, "argv", ["train", "--family=pca_svm", *common, *given, *names, choice])
    command.run(step.train)
    assert [entry["settings"]["gamma"] for entry in record_of(folder)["tried"]] == [0.001, "scale"]


def test_an_optimiser_that_is_stopped_early_is_recorded_and_logged(cache, train, caplog):
    made = cache()
    with caplog.at_level("INFO"):
        stopped, free = (train(made, [SvmSettings(components=5, max_iter=n)], name=str(n)) for n in (2, 10_000))
    assert (record_of(stopped)["converged"], record_of(free)["converged"]) == (False, True)
    assert record_of(stopped)["optimiser_steps"] == 6
    assert [line for line in caplog.messages if "not converged" in line] == [
        "not converged: the optimiser was stopped after 2 steps (max_iter)"
    ]
