"""A convolutional network as an ONNX graph, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import ModelProto
from torch import Tensor, nn

from gradewise.families.backbones.onnx import to_onnx as with_backbone
from gradewise.families.cnn.classifier import CnnClassifier
from gradewise.families.cnn.fine_tuned import FineTunedClassifier
from gradewise.families.graph import PIXELS, Graph


def to_onnx(classifier: CnnClassifier | FineTunedClassifier) -> ModelProto:
    """The graph of a network with the normalisation of its input and its temperature."""
    if isinstance(classifier, FineTunedClassifier):
        return with_backbone(classifier.embedding.graph, _head(classifier))
    graph = Graph(classifier.shape)
    values = graph.add("Transpose", graph.floats(PIXELS), perm=[0, 3, 1, 2])
    values = graph.add("Div", values, _floats([255]))
    values = graph.add("Sub", values, _floats(classifier.mean).reshape(1, -1, 1, 1))
    values = graph.add("Div", values, _floats(classifier.std).reshape(1, -1, 1, 1))
    for layer in classifier.network.features:
        values = _add_layer(graph, layer, values)
    values = graph.add("Flatten", values)
    for layer in classifier.network.head:
        values = _add_layer(graph, layer, values)
    scores = graph.add("Div", values, _floats([classifier.temperature]))
    return graph.finish(graph.add("Softmax", scores, axis=1), len(classifier.classes))


def _head(classifier: FineTunedClassifier) -> ModelProto:
    """The graph from features of a backbone to probabilities."""
    graph = Graph((1, 1, len(classifier.weights)))
    scores = graph.add("Gemm", graph.flat_pixels(), classifier.weights, classifier.intercept)
    scores = graph.add("Div", scores, _floats([classifier.temperature]))
    return graph.finish(graph.add("Softmax", scores, axis=1), len(classifier.classes))


def _add_layer(graph: Graph, layer: nn.Module, values: str) -> str:
    """Add a layer of `convnet` as it predicts; dropout does nothing then."""
    match layer:
        case nn.Conv2d():
            assert not isinstance(layer.padding, str), "ConvNet pads by numbers"
            margins = [*layer.padding, *layer.padding]
            weights = _array(layer.weight), _array(layer.bias)
            return graph.add("Conv", values, *weights, strides=list(layer.stride), pads=margins)
        case nn.Linear():
            return graph.add("Gemm", values, _array(layer.weight), _array(layer.bias), transB=1)
        case nn.BatchNorm2d() | nn.BatchNorm1d():
            statistics = (layer.weight, layer.bias, layer.running_mean, layer.running_var)
            return graph.add("BatchNormalization", values, *map(_array, statistics), epsilon=layer.eps)
        case nn.MaxPool2d():
            return graph.add("MaxPool", values, kernel_shape=[layer.kernel_size] * 2, strides=[layer.stride] * 2)
        case nn.ReLU():
            return graph.add("Relu", values)
        case nn.LeakyReLU():
            return graph.add("LeakyRelu", values, alpha=layer.negative_slope)
        case nn.PReLU():
            slopes = _array(layer.weight)
            return graph.add("PRelu", values, slopes if len(slopes) == 1 else slopes.reshape(-1, 1, 1))
        case nn.Dropout():
            return values
        case _:
            raise TypeError(f"{type(layer).__name__} is no layer of ConvNet")


def _array(tensor: Tensor | None) -> np.ndarray:
    assert tensor is not None, "layers of ConvNet have biases, and their batch norms keep statistics"
    return tensor.detach().cpu().numpy()


def _floats(values: Sequence[float]) -> np.ndarray:
    return np.array(values, dtype=np.float32)
