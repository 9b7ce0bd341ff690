"""Models learn from frozen features of a backbone and predict the same from pixels; weights are checked before use."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.numpy import load_file

from gradewise import tables
from gradewise.command import UserError
from gradewise.config.backbones import Backbone
from gradewise.families import train as step
from gradewise.families.backbones.embedding import check_backbone, read_embedding, read_published
from gradewise.families.extract import extract
from gradewise.families.fit_pca import fit_pca
from gradewise.families.graph import load_graph
from gradewise.families.load import load
from gradewise.predict.export import export_onnx
from gradewise.provenance import hash_file
from gradewise.symmetry import orbit
from gradewise.views.samples import read_samples
from gradewise.views.shards import shard_names

ARCHITECTURE = "efficientnet_lite0"
SHAPE = (33, 32, 1)
HEADS = {"linear": {}, "pca_svm": {"components": 6}, "forest": {"trees": 5}}


def section(path, **changes):
    """The section of the backbone whose weights are in a file."""
    return Backbone.model_validate(
        {
            "architecture": ARCHITECTURE,
            "weights": str(path),
            "sha256": hash_file(path),
            "licence": "none",
            "trained_on": "noise",
            **changes,
        }
    )


@pytest.fixture(scope="module")
def extracted(write, weights, tmp_path_factory):
    """A cache, and the features that the backbone made of it."""
    folder = tmp_path_factory.mktemp("extracted")
    made = write(folder / "cache", groups=15, shape=SHAPE)
    features = folder / "whole@lite0.parquet"
    extract(samples=made.samples, name="lite0", backbone=section(weights), weights=weights, threads=2, output=features)
    return made, features


def test_shards_of_features_put_together_are_the_whole(extracted, weights, tmp_path):
    made, whole = extracted
    step = {"samples": made.samples, "name": "lite0", "backbone": section(weights), "weights": weights, "threads": 1}
    files = [tmp_path / f"{name}.parquet" for name in shard_names(2)]
    for name, path in zip(shard_names(2), files, strict=True):
        extract(**step, shard=name, output=path)
        assert not path.with_suffix(".safetensors").exists()
    extract(**step, shards=files, output=tmp_path / "joined.parquet")
    joined, expected = (pq.read_table(path) for path in (tmp_path / "joined.parquet", whole))
    assert joined.drop(["features"]).equals(expected.drop(["features"]))
    features = [np.stack(table["features"].to_numpy(zero_copy_only=False)) for table in (joined, expected)]
    np.testing.assert_allclose(*features, rtol=1e-5, atol=1e-6)
    assert (tmp_path / "joined.safetensors").read_bytes() == whole.with_suffix(".safetensors").read_bytes()
    seconds = [float(pq.read_metadata(path).metadata[b"seconds"]) for path in (*files, tmp_path / "joined.parquet")]
    assert seconds[2] == pytest.approx(seconds[0] + seconds[1])


@pytest.mark.parametrize("changed", ["view", "backbone"])
def test_features_of_another_view_or_backbone_are_not_put_together(extracted, write, weights, tmp_path, changed):
    made, _ = extracted
    step = {"samples": made.samples, "name": "lite0", "backbone": section(weights), "weights": weights, "threads": 1}
    extract(**step, shard="1-of-1", output=tmp_path / "1-of-1.parquet")
    if changed == "view":
        step["samples"] = write(tmp_path / "other", groups=15, shape=SHAPE, seed=1).samples
    else:
        step["backbone"] = section(weights, symmetries="flip")
    with pytest.raises(UserError, match=r"1-of-1.parquet: was made with other settings or of other images"):
        extract(**step, shards=[tmp_path / "1-of-1.parquet"], output=tmp_path / "joined.parquet")


@pytest.fixture
def train(extracted, tmp_path):
    """Trains a model of a family on the features, or on pixels; returns the run's folder."""

    def run(family, on_features=True):
        made, features = extracted
        inputs = made.inputs | {"samples": features} if on_features else made.inputs
        files = {"backbone": features.with_suffix(".safetensors")} if on_features else {}
        if family == "pca_svm":
            fit_pca(**inputs, repeat=0, components=6, threads=1, output=tmp_path / "pca")
            files |= {"features": tmp_path / "pca/features.parquet", "pca": tmp_path / "pca/pca.safetensors"}
        step.train(
            family=family,
            **inputs,
            **files,
            repeat=0,
            dataset="made-up",
            model=family,
            view="whole",
            classes=made.classes,
            candidates=[HEADS[family]],
            seed=1,
            threads=1,
            output=tmp_path / family,
        )
        return tmp_path / family

    return run


def pixels_of(made):
    return read_samples(made.samples, made.splits, made.manifest, 0).pixels


def record_of(folder):
    return json.loads((folder / "run.json").read_text())


@pytest.mark.parametrize("family", HEADS)
def test_a_loaded_model_gives_the_stored_predictions_from_pixels_alone(extracted, train, family):
    folder = train(family)
    stored = tables.read(folder / "predictions.parquet")
    positions = np.flatnonzero(stored["role"] == "test")
    pixels = pixels_of(extracted[0])[positions]
    probabilities = load(folder).predict_proba(pixels).astype(np.float32)
    np.testing.assert_allclose(probabilities, stored[["p_A", "p_B", "p_C"]].iloc[positions], rtol=0, atol=1e-6)


@pytest.mark.parametrize("family", HEADS)
def test_backbone_and_classifier_are_one_onnx_graph(extracted, train, tmp_path, family):
    pixels = pixels_of(extracted[0])[:8]
    measured = export_onnx(train(family), tmp_path / "model.onnx", pixels)
    assert measured["largest_difference"] < 1e-4
    onnx.checker.check_model(str(tmp_path / "model.onnx"), full_check=True)
    assert load_graph((tmp_path / "model.onnx").read_bytes())(pixels[:1]).shape == (1, 3)


def test_the_record_names_the_backbone_and_the_cache_of_the_view(extracted, train):
    made, _ = extracted
    record = record_of(train("linear"))
    assert record["backbone"]["trained_on"] == "noise"
    assert (record["view"], record["view_hash"]) == ("whole", hash_file(made.samples))
    assert record["parameters"] > 3e6
    assert record["seconds_predict_per_sample"] > 1e-3


def test_a_model_on_pixels_leaves_no_backbone_of_an_earlier_one(train):
    assert (train("linear") / "backbone.safetensors").exists()
    folder = train("linear", on_features=False)
    assert not (folder / "backbone.safetensors").exists()
    assert "backbone" not in record_of(folder)


def test_features_depend_neither_on_neighbours_nor_on_threads(weights):
    embedding = read_published(weights, section(weights), (32, 40, 3))
    pixels = np.random.default_rng(1).integers(0, 256, (5, 32, 40, 3), dtype=np.uint8)
    features = embedding.embed(pixels)
    assert features.shape == (5, 1, 1, 2560)
    np.testing.assert_array_equal(embedding.embed(pixels[3:], threads=2), features[3:])


def test_maps_of_earlier_stages_come_before_the_last_one(weights):
    pixels = np.random.default_rng(1).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    last, three = (
        read_published(weights, section(weights, maps=maps), (32, 32, 3)).embed(pixels).reshape(2, -1)
        for maps in (1, 3)
    )
    assert three.shape[1] == 2 * (192 + 320 + 1280)
    np.testing.assert_array_equal(three[:, -2560:], last)
    means, maxima = three[:, :192], three[:, 192:384]
    assert (means <= maxima).all()


@pytest.mark.parametrize(("symmetries", "which"), [("flip", [0, 4]), ("rotate", [0, 1, 2, 3]), ("d4", range(8))])
def test_features_over_symmetries_are_means_over_the_versions_of_a_sample(weights, symmetries, which):
    shape = (32, 32, 3)
    pixels = np.random.default_rng(1).integers(0, 256, (2, *shape), dtype=np.uint8)
    embedding = read_published(weights, section(weights, symmetries=symmetries), shape)
    plain = read_published(weights, section(weights), shape)
    expected = np.mean([plain.embed(orbit(pixels, [element])[:, 0]) for element in which], axis=0)
    np.testing.assert_allclose(embedding.embed(pixels), expected, rtol=1e-4, atol=1e-5)


def test_rotations_need_square_samples_and_flips_do_not(weights):
    with pytest.raises(UserError, match="symmetries: rotate needs square samples, not 33 x 32"):
        read_published(weights, section(weights, symmetries="rotate"), SHAPE)
    pixels = np.random.default_rng(1).integers(0, 256, (1, *SHAPE), dtype=np.uint8)
    features = read_published(weights, section(weights, symmetries="flip"), SHAPE).embed(pixels)
    mirrored = read_published(weights, section(weights, symmetries="flip"), SHAPE).embed(pixels[:, :, ::-1].copy())
    np.testing.assert_allclose(features, mirrored, rtol=1e-4, atol=1e-5)


def test_a_model_over_symmetries_is_one_onnx_graph_that_predicts_the_same(cache, weights, tmp_path):
    made = cache(groups=9, shape=(32, 32, 1))
    features = tmp_path / "whole@lite0.parquet"
    backbone = section(weights, symmetries="d4", maps=2)
    extract(samples=made.samples, name="lite0", backbone=backbone, weights=weights, threads=1, output=features)
    step.train(
        family="linear",
        **made.inputs | {"samples": features},
        backbone=features.with_suffix(".safetensors"),
        repeat=0,
        dataset="made-up",
        model="linear",
        view="whole",
        classes=made.classes,
        candidates=[{}],
        seed=1,
        threads=1,
        output=tmp_path / "run",
    )
    measured = export_onnx(tmp_path / "run", tmp_path / "model.onnx", pixels_of(made))
    assert measured["largest_difference"] < 1e-4


def test_a_grey_sample_is_one_of_three_equal_channels(weights):
    grey = np.random.default_rng(1).integers(0, 256, (1, 32, 32, 1), dtype=np.uint8)
    in_colour = read_published(weights, section(weights), (32, 32, 3)).embed(grey.repeat(3, axis=3))
    np.testing.assert_array_equal(read_published(weights, section(weights), (32, 32, 1)).embed(grey), in_colour)


def test_weights_are_read_from_files_of_pytorch_too(weights, tmp_path):
    path = tmp_path / "lite0.pth"
    tensors = {name: torch.from_numpy(values) for name, values in load_file(weights).items()}
    # published ones were converted from TensorFlow, which has another order of memory
    turned = {
        name: values.to(memory_format=torch.channels_last) for name, values in tensors.items() if values.ndim == 4
    }
    torch.save(tensors | turned, path)
    read_published(path, section(path), SHAPE).write(tmp_path / "backbone.safetensors")
    stored, expected = (
        read_embedding(tmp_path / "backbone.safetensors"),
        read_published(weights, section(weights), SHAPE),
    )
    assert stored.parameters == expected.parameters
    for name, values in expected.tensors.items():
        np.testing.assert_array_equal(stored.tensors[name], values)


def test_a_file_with_another_hash_is_refused(weights):
    with pytest.raises(UserError, match=r"lite0\.safetensors: its SHA-256 is [0-9a-f]{64}, not 0{64}"):
        read_published(weights, section(weights, sha256="0" * 64), SHAPE)


def test_a_file_of_another_architecture_is_refused(weights):
    lite2 = section(weights, architecture="efficientnet_lite2")
    with pytest.raises(UserError, match=r"lite0\.safetensors: no weights of efficientnet_lite2"):
        check_backbone(weights, lite2, SHAPE)
    check_backbone(weights, section(weights), SHAPE)
    with pytest.raises(UserError, match=r"lite0\.safetensors: no weights of efficientnet_lite2"):
        read_published(weights, section(weights, architecture="efficientnet_lite2"), SHAPE)


@pytest.mark.parametrize(
    ("shape", "message"), [((31, 40, 3), "31 x 40 px are too small"), ((32, 32, 2), "one channel or three, not 2")]
)
def test_samples_that_a_backbone_cannot_work_with_are_refused(cache, weights, tmp_path, shape, message):
    made = cache(groups=3, shape=shape)
    output = tmp_path / "features.parquet"
    with pytest.raises(UserError, match=message):
        extract(samples=made.samples, name="x", backbone=section(weights), weights=weights, threads=1, output=output)
    assert not output.exists()


def test_samples_of_another_shape_are_refused(train):
    with pytest.raises(ValueError, match="expects samples of 33 x 32 x 1 uint8, not 33 x 33 x 1 uint8"):
        load(train("linear")).predict_proba(np.zeros((1, 33, 33, 1), np.uint8))


def test_a_damaged_backbone_is_refused(train):
    folder = train("linear")
    content = (folder / "backbone.safetensors").read_bytes()
    (folder / "backbone.safetensors").unlink()
    (folder / "backbone.safetensors").write_bytes(content[: len(content) // 2])
    (folder / "model.sha256").unlink()
    with pytest.raises(UserError, match=r"backbone\.safetensors: cannot be read"):
        load(folder)
