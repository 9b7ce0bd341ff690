"""The step from a run and its test images to maps."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from gradewise import tables
from gradewise.command import UserError
from gradewise.config.sources import Reading
from gradewise.config.views import View
from gradewise.families.cnn.classifier import CnnClassifier
from gradewise.families.cnn.convnet import ConvNet
from gradewise.families.cnn.settings import CnnSettings
from gradewise.families.load import load
from gradewise.images.schemas import MANIFEST, SPLITS
from gradewise.localisation.locate import locate
from gradewise.localisation.maps import map_image
from gradewise.views.schemas import samples_schema

VIEW = ["grey", {"tile": 16}]
SIZES = {"0.png": (40, 50), "1.png": (32, 48), "2.png": (48, 32), "3.png": (40, 40)}
TESTED = ["1.png", "3.png"]


@pytest.fixture
def results(tmp_path):
    """Four images, of which two are tested in repeat 1, and a network that was trained on tiles."""
    generator = np.random.default_rng(0)
    folder = tmp_path / "results/made-up"
    for name, size in SIZES.items():
        Image.fromarray(generator.integers(0, 256, size, dtype=np.uint8)).save(tmp_path / name)
    images = pd.DataFrame({"image_id": list(SIZES), "path": [str(tmp_path / name) for name in SIZES]})
    images = images.assign(label=["good", "bad"] * 2, group=[f"g{k}" for k in range(4)], mode="L", bits=8, bar_rows=0)
    images["height"], images["width"] = zip(*SIZES.values(), strict=True)
    absent = dict.fromkeys(set(MANIFEST.names) - {*images, "pixel_hash"})
    tables.write(images.assign(pixel_hash="0", **absent), folder / "manifest.parquet", MANIFEST)
    roles = [
        {"repeat": repeat, "image_id": name, "role": "test" if (name in TESTED) == bool(repeat) else "train"}
        for repeat in range(2)
        for name in SIZES
    ]
    tables.write(pd.DataFrame(roles), folder / "splits.parquet", SPLITS)
    schema = samples_schema(256, {"shape": [16, 16, 1], "view": VIEW})
    tables.write(pd.DataFrame(columns=schema.names), folder / "views/tiles.parquet", schema)
    torch.manual_seed(0)
    settings = CnnSettings(channels=(4, 8), dense=(8,), epochs=1)
    model = CnnClassifier(
        ConvNet(settings, (16, 16, 1), 2).eval(), settings, (16, 16, 1), ["good", "bad"], [0.5], [0.2]
    )
    run = folder / "models/cnn/1"
    run.mkdir(parents=True)
    model.write(run)
    (run / "run.json").write_text(json.dumps({"family": "cnn", "classes": model.classes, "view": "tiles"}))
    return folder


def maps_of(results):
    output = results / "localisation/cnn/1.parquet"
    locate(
        results=results,
        model="cnn",
        repeat=1,
        positive="bad",
        reading=Reading(),
        threads=1,
        output=output,
        stride=8,
    )
    return tables.read(output)


def test_each_test_image_of_the_repeat_gets_the_map_of_the_stored_model(results):
    table = maps_of(results)
    assert list(table["image_id"]) == TESTED
    assert list(table["group"]) == ["g1", "g3"]
    assert list(table["label"]) == ["bad", "bad"]
    model = load(results / "models/cnn/1")
    for row in table.itertuples():
        pixels = np.asarray(Image.open(results.parents[1] / row.image_id))
        heat = map_image(pixels, View.model_validate(VIEW), model, "bad", stride=8, threads=1)
        assert (row.cell, row.height, row.width) == (heat.cell, *pixels.shape)
        np.testing.assert_array_equal(np.reshape(row.scores, (row.rows, row.columns)), heat.scores)


def test_an_image_that_can_no_longer_be_read_is_named_and_no_table_is_left(results):
    (results.parents[1] / "3.png").write_bytes(b"not an image")
    with pytest.raises(UserError, match=r"3\.png: .*it was read before, so put it back or rebuild the manifest"):
        maps_of(results)
    assert not (results / "localisation/cnn/1.parquet").exists()
