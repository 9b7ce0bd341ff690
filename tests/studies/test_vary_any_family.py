"""Cells of a family that shares nothing, such as one of another package: each is what its step would train."""

from __future__ import annotations

import json
import sys
from types import ModuleType

import numpy as np
import pytest

from gradewise import tables
from gradewise.config.section import Section
from gradewise.families import registry
from gradewise.families import train as step
from gradewise.families.family import Family, Fitted


class Settings(Section):
    """Of a classifier by the nearest mean."""

    power: float = 2.0
    components: int | None = None


class Nearest:
    """Probabilities fall with the distance of a sample's mean grey level, or first score, from that of each class."""

    def __init__(self, centres, power, pca, classes):
        self.centres, self.power, self.pca, self.classes = centres, power, pca, classes

    def predict_proba(self, pixels):
        distances = np.abs(feature(pixels, self.pca)[:, None] - self.centres) + 1e-3
        weights = distances**-self.power
        return weights / weights.sum(axis=1, keepdims=True)

    def write(self, folder):
        (folder / "centres.json").write_text(json.dumps(self.centres.tolist()))


def feature(pixels, pca):
    return pixels.mean(axis=(1, 2, 3)) if pca is None else pca.project(pixels)[:, 0]


class NearestMean(Family[Settings]):
    """The class whose mean is nearest; noise, drawn by the seed, is added to the means."""

    name = "nearest"
    label = "nearest mean"
    settings = Settings
    files = ("centres.json",)

    def components(self, settings):
        return settings.components

    def fit(self, training, settings):
        positions, targets = training.train
        pca = None if training.components is None else training.components.pca
        values = feature(training.samples.pixels[positions], pca)
        centres = np.array([values[targets == code].mean() for code in range(len(training.classes))])
        centres += np.random.default_rng(training.seed).normal(0, 0.5, len(centres))
        classifier = Nearest(centres, settings.power, pca, training.classes)
        return Fitted(classifier, len(centres), facts={"spread": float(np.ptp(centres))})

    def load(self, folder):
        raise NotImplementedError


@pytest.fixture
def nearest(monkeypatch):
    """The family, known under its name."""
    module = ModuleType("family_of_another_package")
    module.NearestMean = NearestMean
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(registry.BUILT_IN, "nearest", f"{module.__name__}:NearestMean")
    yield
    registry.family.cache_clear()


@pytest.mark.parametrize("components", [None, 4], ids=["on pixels", "on components"])
def test_a_cell_is_the_model_that_the_step_of_models_trains(nearest, cache, vary_cells, cells_of, tmp_path, components):
    made = cache()
    settings = {"flat": {"power": 1.0, "components": components}, "steep": {"power": 4.0, "components": components}}
    varied = vary_cells(made, cells_of("nearest", settings))
    pca = tmp_path / "results/pca/view/0"
    files = {} if components is None else {"features": pca / "features.parquet", "pca": pca / "pca.safetensors"}
    for name, given in settings.items():
        output = tmp_path / name
        names = {"family": "nearest", "dataset": "made-up", "model": "nearest", "view": "view"}
        common = {"repeat": 0, "classes": made.classes, "seed": 1, "threads": 1}
        step.train(**made.inputs, **files, **names, **common, candidates=[given], output=output)
        mine = tables.read(varied.folder / "predictions.parquet", cell=name).drop(columns="cell")
        assert mine.equals(tables.read(output / "predictions.parquet"))
        record, cell = json.loads((output / "run.json").read_text()), varied.records[name]
        for key in ("settings", "seed", "parameters", "counts", "view_hash", "spread"):
            assert cell[key] == record[key]
    flat, steep = (varied.predictions.query("cell == @name")["p_A"].max() for name in settings)
    assert flat < steep
