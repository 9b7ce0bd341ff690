"""Growth of costs with the number of images: fitted power laws and their intervals."""

import json

import numpy as np
import pytest

from gradewise import tables
from gradewise.studies.kinds.scaling.scaling import power_law, scaling


def test_a_power_law_is_found_again():
    images = np.array([100.0, 200, 400, 800, 1600])
    found = power_law(images, 3e-6 * images**2)
    assert found["exponent"] == pytest.approx(2.0)
    assert found["scale"] == pytest.approx(3e-6)
    assert found["high"] - found["low"] < 1e-6


def test_the_interval_covers_the_exponent_in_about_95_of_100_noisy_experiments():
    rng = np.random.default_rng(3)
    images = np.repeat([100.0, 200, 400, 800, 1600], 3)
    inside = 0
    for _ in range(400):
        found = power_law(images, images**1.5 * np.exp(rng.normal(0, 0.2, len(images))))
        inside += found["low"] <= 1.5 <= found["high"]
    assert 0.92 <= inside / 400 <= 0.98


def test_repeats_whose_training_sets_differ_a_little_are_one_size():
    images = np.array([99.0, 101, 198, 203, 397, 404])
    assert power_law(images, images)["sizes"] == 3


def test_two_sizes_are_too_few_for_an_exponent():
    assert np.isnan(power_law(np.array([10.0, 20]), np.array([1.0, 2.0]))["exponent"])


def test_costs_are_read_from_the_records_of_runs(tmp_path):
    models = {"": ["svm", "forest"], "share-50": ["svm"], "share-25": ["svm"]}
    (tmp_path / "plan").mkdir()
    (tmp_path / "plan/runs.json").write_text(json.dumps({"repeats": 1, "models": models}))
    for splits, images in (("variants/share-25", 50), ("variants/share-50", 100), ("", 200)):
        record = {
            "model": "svm",
            "family": "pca_svm",
            "repeat": 0,
            "counts": {"train": {"images": images}},
            "seconds_fit": images**2 / 1e4,
            "seconds_predict_per_sample": 0.001,
            "samples_per_image": 4.0,
            "peak_memory_mb": 500.0,
        }
        run = tmp_path / splits / "models/svm/0"
        run.mkdir(parents=True)
        (run / "run.json").write_text(json.dumps(record))
    scaling(results=tmp_path, output=tmp_path / "study")
    growth = tables.read(tmp_path / "study/growth.parquet")
    assert set(growth.loc[growth["measure"] == "seconds_per_image", "value"]) == {0.004}
    exponents = tables.read(tmp_path / "study/exponents.parquet").set_index("measure")["exponent"]
    assert exponents["seconds"] == pytest.approx(2.0)
    assert exponents["memory"] == pytest.approx(0.0)
