"""Networks of others in ONNX files and TinyViT as backbones: which tensor is taken, and what is refused before work."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from gradewise.command import UserError
from gradewise.config.backbones import Backbone
from gradewise.families.backbones.embedding import check_backbone, read_embedding, read_published
from gradewise.families.extract import extract
from gradewise.families.fit_pca import fit_pca
from gradewise.families.load import load
from gradewise.families.train import train
from gradewise.predict.export import export_onnx
from gradewise.provenance import hash_file
from gradewise.views.samples import read_samples

FILTERS = np.random.default_rng(0).normal(size=(8, 3, 3, 3)).astype(np.float32)


def network(path, shape=("n", 3, "height", "width"), version=17, kind=TensorProto.FLOAT, ir=9):
    """Write a network: a convolution, its map, the map's mean and logits of five classes."""
    channels_last = shape[3] in (1, 3) and shape[1] not in (1, 3)
    channels = shape[3] if channels_last else shape[1]
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    weights = {
        "filters": FILTERS[:, :channels].astype(dtype),
        "classifier": np.random.default_rng(1).normal(size=(8, 5)).astype(dtype),
    }
    turn = [helper.make_node("Transpose", ["images"], ["turned"], perm=[0, 3, 1, 2])] if channels_last else []
    nodes = [
        *turn,
        helper.make_node("Conv", ["turned" if turn else "images", "filters"], ["conv"], strides=[2, 2]),
        helper.make_node("Relu", ["conv"], ["map"]),
        helper.make_node("GlobalAveragePool", ["map"], ["means"]),
        helper.make_node("Flatten", ["means"], ["vector"]),
        helper.make_node("MatMul", ["vector", "classifier"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("images", kind, shape)],
        [helper.make_tensor_value_info("logits", kind, ["n", 5])],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)], ir_version=ir)
    onnx.save(model, path)
    return path


def section(path, **changes):
    made = {"architecture": "onnx", "weights": str(path), "layer": "map", "mean": [0.5], "std": [0.25]}
    made |= {"sha256": hash_file(path), "licence": "none", "trained_on": "noise", **changes}
    return Backbone.model_validate(made)


def expected(pixels):
    """Mean and maximum of the map, by PyTorch."""
    images = torch.from_numpy((pixels.astype(np.float32) / 255 - 0.5) / 0.25).permute(0, 3, 1, 2)
    maps = torch.relu(torch.conv2d(images, torch.from_numpy(FILTERS), stride=2)).flatten(2)
    return torch.cat([maps.mean(2), maps.amax(2)], dim=1).numpy()


@pytest.fixture
def pixels():
    return np.random.default_rng(2).integers(0, 256, (3, 20, 24, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "made",
    [
        {"version": 9, "ir": 4},
        {"shape": (1, 3, 20, 24), "version": 21, "ir": 10},
        {"shape": (1, 20, 24, 3)},
    ],
    ids=["old", "fixed size", "channels last"],
)
def test_mean_and_maximum_of_a_map_are_features(tmp_path, pixels, made):
    path = network(tmp_path / "network.onnx", **made)
    embedding = read_published(path, section(path), (20, 24, 3))
    features = embedding.embed(pixels)
    assert features.shape == (3, 1, 1, 16)
    assert embedding.parameters == 8 * 3 * 3 * 3
    np.testing.assert_allclose(features[:, 0, 0], expected(pixels), rtol=1e-4, atol=1e-5)


def test_a_vector_is_taken_as_it_is(tmp_path, pixels):
    path = network(tmp_path / "network.onnx")
    features = read_published(path, section(path, layer="vector"), (20, 24, 3)).embed(pixels)
    np.testing.assert_allclose(features[:, 0, 0], expected(pixels)[:, :8], rtol=1e-4, atol=1e-5)


def test_half_precision_gives_nearly_the_same_features(tmp_path, pixels):
    path = network(tmp_path / "network.onnx", kind=TensorProto.FLOAT16)
    features = read_published(path, section(path), (20, 24, 3)).embed(pixels)
    np.testing.assert_allclose(features[:, 0, 0], expected(pixels), rtol=0.02, atol=0.02)


def test_a_grey_sample_serves_a_network_of_three_channels(tmp_path, pixels):
    path = network(tmp_path / "network.onnx")
    grey = pixels[..., :1]
    features = read_published(path, section(path), (20, 24, 1)).embed(grey)
    np.testing.assert_allclose(features[:, 0, 0], expected(grey.repeat(3, axis=3)), rtol=1e-4, atol=1e-5)


def test_file_and_copy_give_equal_features(tmp_path, pixels):
    path = network(tmp_path / "network.onnx")
    embedding = read_published(path, section(path), (20, 24, 3))
    embedding.write(tmp_path / "backbone.safetensors")
    path.unlink()
    stored = read_embedding(tmp_path / "backbone.safetensors")
    np.testing.assert_array_equal(stored.embed(pixels), embedding.embed(pixels))


def refusal(path, shape=(20, 24, 3), **changes):
    """What is said of a file before any work."""
    with pytest.raises(UserError) as told:
        check_backbone(path, section(path, **changes), shape)
    return str(told.value)


def test_a_missing_layer_is_told_with_those_that_there_are(tmp_path):
    path = network(tmp_path / "network.onnx")
    told = refusal(path, layer="maps")
    assert "there is no 'maps'. Did you mean 'map'?" in told
    assert "available: conv, map, means, vector, logits" in told
    assert "layer: none is given" in refusal(path, layer=None)


@pytest.mark.parametrize(
    ("made", "shape", "message"),
    [
        ({"shape": (1, 3, 224, 224)}, (96, 96, 3), "takes samples of 224 x 224 px and nothing else, and those of the "
         "view have 96 x 96; use a view of that size, e.g. {resize: 224}"),
        ({"shape": (1, 1, 20, 24)}, (20, 24, 3), "takes grey samples, and those of the view have colours"),
        ({"shape": (1, 5, 20, 24)}, (20, 24, 3), "takes images of 5 channels; those of 1 or 3"),
        ({"shape": (8, 3, 20, 24)}, (20, 24, 3), "takes 8 images at a time"),
        ({"kind": TensorProto.FLOAT, "shape": ("n", 3, "h", "w")}, (2, 2, 3), "cannot work with samples of 2 x 2 px"),
    ],
)  # fmt: skip
def test_a_network_of_another_shape_is_refused(tmp_path, made, shape, message):
    if made["shape"][1] == 5:
        path = tmp_path / "network.onnx"
        network(path)
        model = onnx.load(path)
        model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 5
        onnx.save(model, path)
    else:
        path = network(tmp_path / "network.onnx", **made)
    assert message in refusal(path, shape)


def test_a_network_of_one_channel_takes_grey_samples(tmp_path, pixels):
    path = network(tmp_path / "network.onnx", shape=("n", 1, "h", "w"))
    assert read_published(path, section(path), (20, 24, 1)).embed(pixels[..., :1]).shape == (3, 1, 1, 16)
    assert "give one number as mean and std" in refusal(path, (20, 24, 1), mean=[0.5, 0.5, 0.5])


def test_files_that_are_no_single_network_are_refused(tmp_path):
    path = tmp_path / "network.onnx"
    path.write_bytes(b"no network")
    assert "is no ONNX file that can be read" in refusal(path)
    onnx.save(onnx.load(network(path)), path, save_as_external_data=True, location="weights", size_threshold=1)
    assert "keeps its weights in another file" in refusal(path)


def test_an_altered_graph_is_refused(tmp_path):
    path = network(tmp_path / "network.onnx")
    embedding = read_published(path, section(path), (20, 24, 3))
    embedding.write(tmp_path / "backbone.safetensors")
    content = (tmp_path / "backbone.safetensors").read_bytes()
    (tmp_path / "backbone.safetensors").write_bytes(content.replace(b"GlobalMaxPool", b"GlobalMaxPoot"))
    with pytest.raises(UserError, match=r"backbone\.safetensors: holds no graph that can be run"):
        read_embedding(tmp_path / "backbone.safetensors")


@pytest.fixture(scope="module")
def trained(write, tmp_path_factory):
    """Trains a model of a family on features of an ONNX file, which is gone afterwards; its folder and some samples."""
    folder = tmp_path_factory.mktemp("trained")
    made = write(folder / "cache", groups=15, shape=(20, 24, 1))

    def run(family, version, **settings):
        path = network(folder / "network.onnx", shape=(1, 3, 20, 24), version=version, ir=10)
        features, run = folder / "whole@network.parquet", folder / f"{family}-{version}"
        extract(samples=made.samples, name="network", backbone=section(path), weights=path, threads=1, output=features)
        path.unlink()
        inputs = made.inputs | {"samples": features}
        files = {"backbone": features.with_suffix(".safetensors")}
        if family == "pca_svm":
            fit_pca(**inputs, repeat=0, components=6, threads=1, output=folder / "pca")
            files |= {"features": folder / "pca/features.parquet", "pca": folder / "pca/pca.safetensors"}
        names = {"family": family, "dataset": "made-up", "model": family, "view": "whole", "classes": made.classes}
        train(**inputs, **files, **names, repeat=0, candidates=[settings], seed=1, threads=1, output=run)
        return run, read_samples(made.samples, made.splits, made.manifest, 0).pixels

    return run


@pytest.mark.parametrize(
    ("family", "version", "settings"),
    [("linear", 13, {}), ("pca_svm", 18, {"components": 6}), ("forest", 21, {"trees": 5})],
)
def test_a_model_predicts_and_is_exported_where_the_file_is_gone(trained, tmp_path, family, version, settings):
    folder, pixels = trained(family, version, **settings)
    folder = folder.rename(tmp_path / "elsewhere")
    assert load(folder).predict_proba(pixels[:2]).shape == (2, 3)
    assert export_onnx(folder, tmp_path / "model.onnx", pixels[:8])["largest_difference"] < 1e-4


@pytest.mark.slow
def test_tiny_vit_is_read_as_its_authors_publish_it(tmp_path):
    from kornia.models.tiny_vit import TinyViT

    torch.manual_seed(0)
    original = TinyViT.from_config("5m", num_classes=7).eval()
    path = tmp_path / "tiny_vit.pth"
    torch.save({"model": original.state_dict(), "epoch": 3}, path)
    backbone = section(path, architecture="tiny_vit_5m", layer=None, mean=[0.5, 0.5, 0.5], std=[0.25])
    pixels = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    features = read_published(path, backbone, (224, 224, 3)).embed(pixels, threads=2)
    images = torch.from_numpy((pixels.astype(np.float32) / 255 - 0.5) / 0.25).permute(0, 3, 1, 2)
    with torch.no_grad():
        tokens = original.layers(original.patch_embed(images))
    np.testing.assert_allclose(
        features[:, 0, 0], torch.cat([tokens.mean(1), tokens.amax(1)], dim=1), rtol=1e-3, atol=1e-5
    )
    with pytest.raises(UserError, match="takes samples of 224 x 224 px and nothing else"):
        check_backbone(path, backbone, (96, 96, 3))
    with pytest.raises(UserError, match="no weights of tiny_vit_21m, but of tiny_vit_5m"):
        check_backbone(path, backbone.model_copy(update={"architecture": "tiny_vit_21m"}), (224, 224, 3))
    with pytest.raises(UserError, match="no weights of tiny_vit_11m"):
        read_published(path, backbone.model_copy(update={"architecture": "tiny_vit_11m"}), (224, 224, 3))
