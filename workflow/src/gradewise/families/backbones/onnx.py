"""A backbone and the classifier of its features as one ONNX graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, compose, helper, numpy_helper, version_converter

from gradewise.config.backbones import Backbone
from gradewise.families.backbones.network import convolutions, count_features, pooled
from gradewise.families.graph import OF_BACKBONE, PIXELS, Graph
from gradewise.symmetry import turns_sideways

OWN = "symmetries/"
"""Starts the names of tensors that are added to the graph of a backbone."""


def backbone_graph(backbone: Backbone, shape: tuple[int, int, int], tensors: Mapping[str, np.ndarray]) -> ModelProto:
    """The graph of a backbone, from uint8 samples of a shape to float32 features (n, 1, 1, features).

    `tensors` are the weights and biases, see `network.folded`.
    """
    graph = Graph(shape)
    maps = _add_convolutions(graph, backbone, tensors, len(convolutions(backbone.architecture)))
    parts = [
        graph.add(operator, maps[number], axes=[2, 3], keepdims=0)
        for number in pooled(backbone.architecture, backbone.maps)
        for operator in ("ReduceMean", "ReduceMax")
    ]
    count = count_features(backbone.architecture, backbone.maps)
    features = graph.add("Reshape", graph.add("Concat", *parts, axis=1), np.array([-1, 1, 1, count]))
    return graph.finish_features(features, count)


def maps_graph(backbone: Backbone, channels: int, tensors: Mapping[str, np.ndarray], ends: Sequence[int]) -> ModelProto:
    """The graph of some of a backbone's maps, from uint8 samples (n, height, width, channels) of any even size.

    `ends` are positions in `network.convolutions`; the map after each is an output, float32 (n, filters, rows,
    columns).
    """
    graph = Graph(("height", "width", channels))
    maps = _add_convolutions(graph, backbone, tensors, max(ends) + 1)
    return graph.finish_maps([maps[end] for end in ends])


def _add_convolutions(graph: Graph, backbone: Backbone, tensors: Mapping[str, np.ndarray], count: int) -> list[str]:
    """Add the first convolutions of a network and return the output of each."""
    values = graph.add("Transpose", graph.floats(PIXELS), perm=[0, 3, 1, 2])
    mean, std = (
        np.broadcast_to(np.array(values, np.float32), 3).reshape(1, 3, 1, 1) for values in (backbone.mean, backbone.std)
    )
    values = graph.add("Sub", graph.add("Div", values, np.array(255, np.float32)), mean)
    values = shortcut = graph.add("Div", values, std)
    outputs = []
    for number, layer in enumerate(convolutions(backbone.architecture)[:count]):
        if layer.opens:
            shortcut = values
        weight, bias = tensors[f"{number}.weight"], tensors[f"{number}.bias"]
        strides = [layer.stride, layer.stride]
        values = graph.add("Conv", values, weight, bias, auto_pad="SAME_UPPER", strides=strides, group=layer.groups)
        if layer.relu:
            values = graph.add("Clip", values, np.array(0, np.float32), np.array(6, np.float32))
        if layer.closes:
            values = graph.add("Add", values, shortcut)
        outputs.append(values)
    return outputs


def over_symmetries(model: ModelProto, shape: tuple[int, int, int], which: Sequence[int]) -> ModelProto:
    """The graph whose features are the mean of those of a backbone's graph over some rotations and flips of a sample.

    Parameters
    ----------
    model : ModelProto
    shape : tuple of int
        Height, width and channels of a sample.
    which : sequence of int
        Elements of the symmetry group, see `symmetry.permutations`.
    """
    graph = model.graph
    features = graph.output[0].type.tensor_type.shape.dim[-1].dim_value
    constants = {
        "first": np.array([-1]),
        "last": np.array([np.iinfo(np.int64).min]),
        "backwards": np.array([-1]),
        "rows": np.array([1]),
        "columns": np.array([2]),
        "versions": np.array([len(which), -1, features]),
        "features": np.array([-1, 1, 1, features]),
    }
    for node in graph.node:
        node.input[:] = [f"{OWN}versions_of_samples" if name == PIXELS else name for name in node.input]
        node.output[:] = [f"{OWN}features_of_versions" if name == OF_BACKBONE else name for name in node.output]
    before: list[NodeProto] = []

    def add(operator: str, values: str, *others: str, **attributes: Any) -> str:
        name = f"{OWN}{operator}{len(before)}"
        before.append(
            helper.make_node(operator, [values, *(f"{OWN}{other}" for other in others)], [name], **attributes)
        )
        return name

    def reverse(values: str, axis: str) -> str:
        return add("Slice", values, "first", "last", axis, "backwards")

    versions = []
    for element in which:
        version = reverse(PIXELS, "columns") if element >= 4 else add("Identity", PIXELS)
        if element % 4 in (1, 2):
            version = reverse(version, "columns")
        if element % 4 == 2:
            version = reverse(version, "rows")
        if turns_sideways(element):
            version = add("Transpose", version, perm=[0, 2, 1, 3])
        if element % 4 == 3:
            version = reverse(version, "columns")
        versions.append(version)
    before.append(helper.make_node("Concat", versions, [f"{OWN}versions_of_samples"], axis=0))
    # GlobalAveragePool needs axes (samples, features, versions), and is the same in all versions of ONNX
    names = [f"{OWN}{name}" for name in ("features_of_versions", "by_version", "by_feature", "means")]
    after = [
        helper.make_node("Reshape", [names[0], f"{OWN}versions"], [names[1]]),
        helper.make_node("Transpose", [names[1]], [names[2]], perm=[1, 2, 0]),
        helper.make_node("GlobalAveragePool", [names[2]], [names[3]]),
        helper.make_node("Reshape", [names[3], f"{OWN}features"], [OF_BACKBONE]),
    ]
    nodes = [*before, *graph.node, *after]
    del graph.node[:]
    graph.node.extend(nodes)
    used = {name for node in (*before, *after) for name in node.input}
    graph.initializer.extend(
        numpy_helper.from_array(values, f"{OWN}{name}") for name, values in constants.items() if f"{OWN}{name}" in used
    )
    return model


def to_onnx(backbone: ModelProto, head: ModelProto) -> ModelProto:
    """The graph of a backbone, whose output is the input of the graph of a classifier of features."""
    versions = [entry.version for model in (backbone, head) for entry in model.opset_import if not entry.domain]
    if len(set(versions)) > 1:
        head = version_converter.convert_version(head, versions[0])
    head.ir_version = backbone.ir_version
    head = compose.add_prefix(head, "head_", rename_outputs=False)
    return compose.merge_models(backbone, head, [(OF_BACKBONE, f"head_{PIXELS}")])
