"""A backbone and the classifier of its features as one ONNX graph."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from onnx import ModelProto, compose, version_converter

from gradewise.config.backbones import Backbone
from gradewise.families.backbones.network import FEATURES, convolutions
from gradewise.families.graph import OF_BACKBONE, PIXELS, Graph


def backbone_graph(backbone: Backbone, shape: tuple[int, int, int], tensors: Mapping[str, np.ndarray]) -> ModelProto:
    """The graph of a backbone, from uint8 samples of a shape to float32 features (n, 1, 1, features).

    `tensors` are the weights and biases, see `network.folded`.
    """
    graph = Graph(shape)
    values = graph.add("Transpose", graph.floats(PIXELS), perm=[0, 3, 1, 2])
    mean, std = (
        np.broadcast_to(np.array(values, np.float32), 3).reshape(1, 3, 1, 1) for values in (backbone.mean, backbone.std)
    )
    values = graph.add("Sub", graph.add("Div", values, np.array(255, np.float32)), mean)
    values = shortcut = graph.add("Div", values, std)
    for number, layer in enumerate(convolutions(backbone.architecture)):
        if layer.opens:
            shortcut = values
        weight, bias = tensors[f"{number}.weight"], tensors[f"{number}.bias"]
        strides = [layer.stride, layer.stride]
        values = graph.add("Conv", values, weight, bias, auto_pad="SAME_UPPER", strides=strides, group=layer.groups)
        if layer.relu:
            values = graph.add("Clip", values, np.array(0, np.float32), np.array(6, np.float32))
        if layer.closes:
            values = graph.add("Add", values, shortcut)
    pooled = [graph.add(operator, values, axes=[2, 3], keepdims=0) for operator in ("ReduceMean", "ReduceMax")]
    features = graph.add("Reshape", graph.add("Concat", *pooled, axis=1), np.array([-1, 1, 1, FEATURES]))
    return graph.finish_features(features, FEATURES)


def to_onnx(backbone: ModelProto, head: ModelProto) -> ModelProto:
    """The graph of a backbone, whose output is the input of the graph of a classifier of features."""
    versions = [entry.version for model in (backbone, head) for entry in model.opset_import if not entry.domain]
    if len(set(versions)) > 1:
        head = version_converter.convert_version(head, versions[0])
    head.ir_version = backbone.ir_version
    head = compose.add_prefix(head, "head_", rename_outputs=False)
    return compose.merge_models(backbone, head, [(OF_BACKBONE, f"head_{PIXELS}")])
