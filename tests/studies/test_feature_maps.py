"""Feature maps: those of the named layers, before pooling, of a sample of each class that the network knows well."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from gradewise import tables
from gradewise.command import UserError
from gradewise.families.cnn.classifier import CnnClassifier, to_floats
from gradewise.families.cnn.convnet import ConvNet
from gradewise.families.cnn.pooling import pooling_last
from gradewise.families.cnn.settings import CnnSettings
from gradewise.families.schemas import predictions_schema
from gradewise.studies.arrays import read_arrays
from gradewise.studies.kinds.feature_maps.feature_maps import feature_maps, maps_of
from gradewise.studies.shown import surest
from gradewise.views.samples import read_samples

pytestmark = pytest.mark.slow

SHAPE = (16, 16, 3)


def classifier(classes=("A", "B", "C"), shape=SHAPE, **settings) -> CnnClassifier:
    torch.manual_seed(0)
    chosen = CnnSettings.model_validate({"channels": [4, 6], "dense": [5], "epochs": 1, **settings})
    network = ConvNet(chosen, shape, len(classes)).eval()
    return CnnClassifier(network, chosen, shape, list(classes), [0.5] * shape[2], [0.2] * shape[2])


def pixels(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, *SHAPE)).astype(np.uint8)


@pytest.mark.parametrize("norm", ["before", "after", "none"])
@pytest.mark.parametrize("activation", ["relu", "prelu"])
@pytest.mark.parametrize("pool", ["max", "stride"])
def test_pooling_after_the_activation_gives_what_the_network_gives(norm, activation, pool):
    features = classifier(norm=norm, activation=activation, pool=pool, convolutions=2).network.features
    layers, _ = pooling_last(features)
    batch = torch.rand(2, 3, 16, 16) - 0.5
    assert torch.allclose(layers(batch), features(batch), atol=1e-6)


def test_maps_have_the_size_that_they_have_before_pooling():
    maps = maps_of(classifier(convolutions=2), pixels(3), ["conv2", "conv3"])
    assert {name: found.shape for name, found in maps.items()} == {"conv2": (3, 4, 16, 16), "conv3": (3, 6, 8, 8)}


def test_maps_are_those_of_convolution_norm_and_activation():
    model = classifier()
    layers = dict(model.network.features.named_children())
    with torch.inference_mode():
        batch = model.normalise(to_floats(pixels(2), model.device))
        expected = layers["relu1"](layers["norm1"](layers["conv1"](batch)))
    assert np.allclose(maps_of(model, pixels(2), ["conv1"])["conv1"], expected, atol=1e-6)


def test_an_unknown_layer_is_named_with_those_there_are():
    with pytest.raises(UserError, match=r"'conv7'.*conv1, conv2$"):
        maps_of(classifier(), pixels(1), ["conv1", "conv7"])


@pytest.fixture
def run(cache, tmp_path):
    """A network with its predictions, and the cache that they are of."""
    data = cache(groups=15, shape=SHAPE)
    samples = read_samples(**{"view": data.samples, "splits": data.splits, "manifest": data.manifest}, repeat=0)
    model = classifier(data.classes)
    folder = tmp_path / "run"
    folder.mkdir()
    model.write(folder)
    probabilities = model.predict_proba(samples.pixels)
    frame = samples.table.assign(predicted=np.take(data.classes, probabilities.argmax(axis=1)))
    for place, name in enumerate(data.classes):
        frame[f"p_{name}"] = probabilities[:, place]
    tables.write(frame, folder / "predictions.parquet", predictions_schema(data.classes))
    return folder, data


def write(run, output: Path) -> tuple[dict[str, np.ndarray], pd.DataFrame]:
    folder, data = run
    feature_maps(model=folder, samples=data.samples, layers=["conv1", "conv2"], threads=1, output=output)
    return read_arrays(output / "maps.npz"), tables.read(output / "maps.parquet")


def test_the_step_writes_maps_of_one_test_sample_of_each_class(run, tmp_path):
    arrays, shown = write(run, tmp_path / "out")
    assert list(shown["label"]) == run[1].classes
    assert arrays["conv1"].shape == (3, 4, 16, 16)
    roles = tables.read(run[1].splits).set_index("image_id")["role"]
    assert set(roles.loc[shown["image_id"]]) == {"test"}


def test_the_pixels_written_are_those_of_the_samples_named(run, tmp_path):
    arrays, shown = write(run, tmp_path / "out")
    cache = tables.read(run[1].samples).set_index("sample_id")["pixels"]
    assert [one.tobytes() for one in arrays["pixels"]] == [cache.loc[name] for name in shown["sample_id"]]


def frame(rows) -> pd.DataFrame:
    columns = ["sample_id", "label", "predicted", "probability"]
    return pd.DataFrame(rows, columns=columns).assign(image_id="i", group="g", row=0, column=0)


def test_of_each_class_the_sample_is_shown_that_is_right_with_the_highest_probability():
    table = frame(
        [("a", "A", "A", 0.6), ("b", "A", "A", 0.8), ("c", "A", "B", 0.9), ("d", "B", "B", 0.7), ("e", "B", "A", 0.99)]
    )
    assert list(surest(table, ["B", "A"])["sample_id"]) == ["d", "b"]


def test_of_a_class_that_is_never_right_the_least_sure_answer_is_shown():
    table = frame([("a", "A", "B", 0.9), ("b", "A", "B", 0.6), ("c", "A", "B", 0.8)])
    assert list(surest(table, ["A", "B"])["sample_id"]) == ["b"]
