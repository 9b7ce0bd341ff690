"""A backbone and the classifier of its features as one ONNX graph."""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, compose

from gradewise.families.backbones.embedding import Embedding
from gradewise.families.backbones.network import FEATURES, convolutions
from gradewise.families.graph import OF_BACKBONE, PIXELS, Graph


def to_onnx(embedding: Embedding, head: ModelProto) -> ModelProto:
    """The graph of a backbone, whose output is the input of the graph of a classifier of features."""
    graph = Graph(embedding.shape)
    values = graph.add("Transpose", graph.floats(PIXELS), perm=[0, 3, 1, 2])
    mean, std = (
        np.array(values, np.float32).reshape(1, 3, 1, 1) for values in (embedding.backbone.mean, embedding.backbone.std)
    )
    values = graph.add("Sub", graph.add("Div", values, np.array(255, np.float32)), mean)
    values = shortcut = graph.add("Div", values, std)
    for number, layer in enumerate(convolutions(embedding.backbone.architecture)):
        if layer.opens:
            shortcut = values
        weight, bias = embedding.tensors[f"{number}.weight"], embedding.tensors[f"{number}.bias"]
        strides = [layer.stride, layer.stride]
        values = graph.add("Conv", values, weight, bias, auto_pad="SAME_UPPER", strides=strides, group=layer.groups)
        if layer.relu:
            values = graph.add("Clip", values, np.array(0, np.float32), np.array(6, np.float32))
        if layer.closes:
            values = graph.add("Add", values, shortcut)
    pooled = [graph.add(operator, values, axes=[2, 3], keepdims=0) for operator in ("ReduceMean", "ReduceMax")]
    features = graph.add("Reshape", graph.add("Concat", *pooled, axis=1), np.array([-1, 1, 1, FEATURES]))
    body = graph.finish_features(features, FEATURES)
    return compose.merge_models(
        body, compose.add_prefix(head, "head_", rename_outputs=False), [(OF_BACKBONE, f"head_{PIXELS}")]
    )
