"""The step from tables to a run's folder, called from Python and from the shell."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from gradewise import tables
from gradewise.families.cnn.classifier import load_cnn
from gradewise.families.cnn.settings import CnnSettings
from gradewise.families.train import train
from gradewise.images.schemas import SPLITS
from gradewise.views.samples import read_samples

SMALL = {"channels": [4, 8], "dense": [8], "batch_size": 8, "epochs": 3, "optimiser": {"name": "adam", "lr": 0.01}}


@pytest.fixture(autouse=True)
def _threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def run(made, output: Path, *candidates: dict) -> dict:
    """Train and give back `run.json`."""
    train(
        family="cnn",
        **made.inputs,
        repeat=0,
        dataset="fruit",
        model="cnn",
        view="small",
        classes=made.classes,
        candidates=[CnnSettings.model_validate({**SMALL, **each}) for each in candidates or ({},)],
        seed=1,
        threads=1,
        output=output,
    )
    return json.loads((output / "run.json").read_text())


def test_the_run_folder_holds_the_contract(cache, tmp_path: Path) -> None:
    made = cache()
    record = run(made, tmp_path / "run")
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {"model.safetensors", "model.json", "model.sha256", "predictions.parquet", "run.json"}
    assert record["family"] == "cnn"
    assert record["parameters"] == sum(layer["parameters"] for layer in record["layers"])
    assert record["precision"] in ("fp32", "bf16")
    assert {len(values) for values in record["curves"].values()} == {3}
    assert record["kept"] == 2
    assert record["seconds_fit"] >= record["curves"]["seconds"][-1]


def test_a_loaded_network_predicts_bit_for_bit_what_was_written(cache, tmp_path: Path) -> None:
    made = cache(shape=(9, 12, 3))
    run(made, tmp_path, {"activation": "prelu", "norm": "after", "augment": ["horizontal_flip"]})
    samples = read_samples(made.samples, made.splits, made.manifest, 0)
    written = tables.read(tmp_path / "predictions.parquet")
    loaded = load_cnn(tmp_path)
    torch.set_num_threads(1)
    probabilities = loaded.predict_proba(samples.pixels)
    assert loaded.classes == made.classes
    assert np.array_equal(probabilities, written[[f"p_{name}" for name in made.classes]].to_numpy())


def test_a_prediction_does_not_depend_on_its_company(cache, tmp_path: Path) -> None:
    made = cache()
    run(made, tmp_path)
    pixels = read_samples(made.samples, made.splits, made.manifest, 0).pixels
    loaded = load_cnn(tmp_path)
    alone = np.concatenate([loaded.predict_proba(pixels[at : at + 1]) for at in range(len(pixels))])
    np.testing.assert_allclose(alone, loaded.predict_proba(pixels), atol=1e-5)


def test_no_samples_give_no_predictions(cache, tmp_path: Path) -> None:
    run(cache(), tmp_path)
    assert load_cnn(tmp_path).predict_proba(np.empty((0, 8, 8, 1), np.uint8)).shape == (0, 3)


def test_samples_of_another_shape_are_refused(cache, tmp_path: Path) -> None:
    run(cache(), tmp_path)
    with pytest.raises(ValueError, match="8 x 8 x 1"):
        load_cnn(tmp_path).predict_proba(np.zeros((1, 9, 8, 1), np.uint8))


def test_candidates_are_chosen_on_validation(cache, tmp_path: Path) -> None:
    hopeless = {"optimiser": {"name": "sgd", "lr": 1e-9}}
    record = run(cache(), tmp_path, hopeless, {"epochs": 8})
    accuracies = [tried["score"] for tried in record["tried"]]
    assert accuracies[1] > accuracies[0]
    assert record["settings"]["optimiser"]["name"] == "adam"


def test_networks_are_chosen_on_folds_where_no_image_is_for_validation(cache, tmp_path: Path) -> None:
    made = cache(groups=24)
    splits = tables.read(made.splits)
    tables.write(splits[splits["role"] != "validation"], made.splits, SPLITS)
    record = run(made, tmp_path / "run", {"optimiser": {"name": "sgd", "lr": 1e-9}}, {"epochs": 8})
    assert record["settings"]["optimiser"]["name"] == "adam"
    assert record["chosen_by"]["where"] == "folds of the training groups"
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {"model.safetensors", "model.json", "model.sha256", "predictions.parquet", "run.json"}


def test_a_finished_candidate_is_not_trained_again_after_a_kill(cache, tmp_path: Path, monkeypatch) -> None:
    made = cache()

    def die(*_) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("gradewise.families.train.write_run", die)
        with pytest.raises(KeyboardInterrupt):
            run(made, tmp_path)
    [checkpoint] = tmp_path.glob("checkpoint-*.safetensors")
    (tmp_path / f".{checkpoint.name}.77.partial").write_bytes(b"cut off")
    started = []
    monkeypatch.setattr("gradewise.families.cnn.training._Training._train_stretch", lambda *_: started.append(1))
    record = run(made, tmp_path)
    assert not started
    assert len(record["curves"]["epoch"]) == 3
    assert not list(tmp_path.glob("*checkpoint*"))


@pytest.mark.slow
def test_the_step_runs_from_the_shell(cache, tmp_path: Path) -> None:
    made = cache()
    candidate = {**SMALL, "augment": ["d4", {"rotate": 10}, {"colour_jitter": [0.8, 1.2]}], "class_weight": "balanced"}
    flags = {
        **made.inputs,
        "repeat": 0,
        "dataset": "fruit",
        "model": "cnn",
        "view": "small",
        "classes": json.dumps(made.classes),
        "candidates": json.dumps([candidate]),
        "seed": 1,
        "threads": 1,
        "output": tmp_path / "run",
    }
    words = [word for name, value in flags.items() for word in (f"--{name}", str(value))]
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "gradewise.families.train", "--family=cnn", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "epoch 3/3" in done.stderr
    # PyTorch's compiler takes as long to import as all else
    assert "torch.optim" in done.stderr
    assert "torch._dynamo" not in done.stderr
    settings = json.loads((tmp_path / "run" / "run.json").read_text())["settings"]
    assert settings == CnnSettings.model_validate(candidate).model_dump(mode="json")


def test_probabilities_are_tempered_on_validation_samples_and_predictions_stay(cache, tmp_path: Path) -> None:
    made = cache(groups=60, contrast=15.0)
    record = run(made, tmp_path, {"epochs": 30})
    samples = read_samples(made.samples, made.splits, made.manifest, 0)
    loaded = load_cnn(tmp_path)
    assert loaded.temperature == record["temperature"] != 1
    validation = samples.of("validation")
    expected = samples.targets(made.classes)[validation]
    plain = dataclasses.replace(loaded, temperature=1.0)
    chances = [each.predict_proba(samples.pixels[validation]) for each in (loaded, plain)]
    loss, plain_loss = (-np.log(each[np.arange(len(expected)), expected]).mean() for each in chances)
    assert loss < plain_loss
    assert np.array_equal(*(each.argmax(axis=1) for each in chances))


def test_without_validation_samples_the_temperature_is_one(cache, tmp_path: Path) -> None:
    made = cache()
    splits = tables.read(made.splits)
    tables.write(splits[splits["role"] != "validation"], made.splits, SPLITS)
    assert run(made, tmp_path)["temperature"] == 1
