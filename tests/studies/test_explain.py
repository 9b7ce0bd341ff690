"""Explanations: weights lie where a network looks, and regions follow the operations that made the samples."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from gradewise import tables
from gradewise.command import UserError
from gradewise.config.views import View
from gradewise.families.cnn.classifier import CnnClassifier
from gradewise.families.cnn.convnet import ConvNet
from gradewise.families.cnn.settings import CnnSettings
from gradewise.families.schemas import predictions_schema
from gradewise.localisation.attribution import Explained, superpixels
from gradewise.localisation.sample_regions import find_mask, region_of, share_on
from gradewise.studies.arrays import read_arrays
from gradewise.studies.kinds.explanations.explain import explain
from gradewise.studies.shown import drawn
from gradewise.views.samples import read_samples

pytestmark = pytest.mark.slow

METHODS = ["lime", "grad_cam", "occlusion"]

specification = importlib.util.spec_from_file_location("marked_images", Path(__file__).with_name("marked_images.py"))
marked_images = importlib.util.module_from_spec(specification)
sys.modules["marked_images"] = marked_images
specification.loader.exec_module(marked_images)
CLASSES = marked_images.CLASSES


def brightness_network() -> CnnClassifier:
    """Answers the more surely `spotted` the brighter a sample is; what is hidden is black to it."""
    settings = CnnSettings.model_validate({"channels": [1], "norm": "none", "dense": [], "epochs": 1})
    network = ConvNet(settings, (16, 16, 3), 2).eval()
    with torch.no_grad():
        for value in network.parameters():
            value.zero_()
        network.features.conv1.weight[0, :, 1, 1] = 1 / 3
        network.head.FC1.weight[1] = 1.0
        network.head.FC1.bias[1] = -13.0
    return CnnClassifier(network, settings, (16, 16, 3), CLASSES, [0.0] * 3, [1.0] * 3)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return marked_images.write(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    """The network's files and its predictions."""
    model = brightness_network()
    samples = read_samples(data.samples, data.splits, data.manifest, 0)
    folder = tmp_path_factory.mktemp("run")
    model.write(folder)
    probabilities = model.predict_proba(samples.pixels)
    frame = samples.table.assign(predicted=np.take(CLASSES, probabilities.argmax(axis=1)))
    for place, name in enumerate(CLASSES):
        frame[f"p_{name}"] = probabilities[:, place]
    tables.write(frame, folder / "predictions.parquet", predictions_schema(CLASSES))
    return folder


@pytest.fixture(scope="module")
def written(data, run, tmp_path_factory):
    """What the step wrote, with masks of the object."""
    return write(data, run, tmp_path_factory.mktemp("out"), objects=data.objects)


def write(data, run, output: Path, **options):
    given = {"methods": METHODS, "each": 3, "seed": 1, "threads": 1, **options}
    explain(model=run, samples=data.samples, manifest=data.manifest, output=output, **given)
    return output


@pytest.mark.parametrize("method", METHODS)
def test_weight_lies_on_what_the_network_looks_at(method):
    pixels = np.full((16, 16, 3), 10, np.uint8)
    pixels[4:8, 8:14] = 250
    weights = Explained(brightness_network(), seed=0).weights(method, pixels, predicted=1)
    region = np.zeros((16, 16))
    region[4:8, 8:14] = 1
    assert weights.shape == (16, 16)
    assert share_on(weights, region) > 4 * region.mean()


@pytest.mark.parametrize("method", ["lime", "occlusion"])
def test_what_speaks_for_one_of_two_classes_speaks_as_much_against_the_other(method):
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    explained = Explained(brightness_network(), seed=0)
    assert np.allclose(explained.weights(method, pixels, 0), -explained.weights(method, pixels, 1), atol=1e-4)


def test_superpixels_are_numbered_without_gaps_and_cover_the_sample():
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 1)).astype(np.uint8)
    found = superpixels(pixels)
    assert found.shape == (32, 32)
    assert set(found.ravel()) == set(range(found.max() + 1))


def test_masks_undergo_the_operations_of_the_view(data):
    region = region_of(data.objects / "g00-0.png", View.model_validate(marked_images.OPERATIONS), 0, 0)
    expected = np.zeros((16, 16))
    expected[4:12, 2:14] = 1
    assert np.array_equal(region, expected)


def test_a_mask_of_another_kind_of_image_file_is_found(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.tif").touch()
    assert find_mask(tmp_path, "a/x.jpg") == tmp_path / "a" / "x.tif"
    assert find_mask(tmp_path, "b/x.jpg") is None


def test_no_share_is_told_where_no_weight_is_positive():
    assert share_on(-np.ones((2, 2)), np.ones((2, 2))) is None


def test_every_sample_and_method_has_a_row_for_each_region(written):
    falls = tables.read(written / "explanations.parquet")
    shown = tables.read(written / "shown.parquet")
    assert len(falls) == len(shown) * len(METHODS) * 2
    assert list(shown["label"]) == ["plain"] * 3 + ["spotted"] * 3


def test_areas_are_those_of_the_masks(written):
    falls = tables.read(written / "explanations.parquet").dropna(subset=["area"])
    areas = falls.groupby("region")["area"].unique()
    assert areas["object"] == pytest.approx([96 / 256])
    assert areas["masked"] == pytest.approx([16 / 256])


def test_nothing_is_told_of_samples_without_a_mask_or_in_which_it_marks_nothing(written, data):
    falls = tables.read(written / "explanations.parquet")
    shown = tables.read(written / "shown.parquet").set_index("sample_id")
    masks = tables.read(data.manifest).set_index("image_id")["mask"]
    masked = falls.loc[falls["region"] == "masked"]
    of_image = shown.loc[masked["sample_id"]]
    marked = of_image["label"].eq("spotted").to_numpy() & masks.loc[of_image["image_id"]].notna().to_numpy()
    assert marked.any()
    assert (masked["area"].notna().to_numpy() == marked).all()


def test_regions_are_written_where_masks_are_known_and_unknown_ones_are_nan(written, data):
    arrays = read_arrays(written / "explanations.npz")
    shown = tables.read(written / "shown.parquet")
    masks = tables.read(data.manifest).set_index("image_id")["mask"]
    known = np.isfinite(arrays["masked"]).all(axis=(1, 2))
    assert list(known) == list(masks.loc[shown["image_id"]].notna())


def test_means_are_those_over_samples(written):
    falls = tables.read(written / "explanations.parquet").dropna(subset=["share"])
    means = tables.read(written / "weight_on_regions.parquet")
    overall = means.loc[means["predicted"].isna()].set_index(["method", "region"])
    expected = falls.groupby(["method", "region"])[["share", "area"]].mean()
    assert np.allclose(overall.loc[expected.index, ["share", "area"]], expected)


def test_the_interval_holds_the_difference_between_share_and_area(written):
    means = tables.read(written / "weight_on_regions.parquet").dropna(subset=["low"])
    assert len(means)
    assert np.allclose(means["difference"], means["share"] - means["area"])
    assert ((means["low"] <= means["difference"]) & (means["difference"] <= means["high"])).all()


def test_without_masks_of_objects_only_the_masked_region_is_known(data, run, tmp_path):
    output = write(data, run, tmp_path, methods=["grad_cam"])
    assert set(read_arrays(output / "explanations.npz")) == {"pixels", "grad_cam", "masked"}
    assert set(tables.read(output / "weight_on_regions.parquet")["region"]) == {"masked"}


def test_the_same_seed_gives_the_same_explanations(data, run, written, tmp_path):
    again = read_arrays(write(data, run, tmp_path, objects=data.objects) / "explanations.npz")
    assert all(np.array_equal(array, again[name], equal_nan=True) for name, array in read_arrays_of(written).items())


def read_arrays_of(folder: Path) -> dict[str, np.ndarray]:
    return read_arrays(folder / "explanations.npz")


def test_a_folder_of_objects_that_holds_none_of_the_images_is_refused(data, run, tmp_path):
    with pytest.raises(UserError, match=r"objects: no file in .* is named after an image"):
        write(data, run, tmp_path, objects=tmp_path)


def test_images_drawn_are_of_different_groups_as_far_as_there_are_enough():
    test = frame([(f"{group}{photo}", group, "A", 0.5) for group in "pqr" for photo in range(4)])
    nothing = pd.Series(dtype=float)
    assert drawn(test, nothing, ["A"], 3, seed=4)["group"].nunique() == 3
    assert len(drawn(test, nothing, ["A"], 5, seed=4)) == 5


def test_of_an_image_the_sample_with_most_of_the_mask_is_drawn():
    test = frame([("a", "g", "A", 0.9), ("b", "g", "A", 0.6), ("c", "g", "A", 0.7)], image_id="one")
    marked = pd.Series({"a": 0.0, "b": 0.3, "c": np.nan})
    assert list(drawn(test, marked, ["A"], 2, seed=0)["sample_id"]) == ["b"]


def test_of_an_image_without_a_mask_the_surest_sample_is_drawn():
    test = frame([("a", "g", "A", 0.9), ("b", "g", "A", 0.6)], image_id="one")
    assert list(drawn(test, pd.Series({"a": np.nan, "b": np.nan}), ["A"], 2, seed=0)["sample_id"]) == ["a"]


def frame(rows, image_id=None) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["sample_id", "group", "label", "probability"])
    return table.assign(image_id=image_id or table["sample_id"], predicted="A", row=0, column=0)
