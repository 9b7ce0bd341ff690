"""A logistic regression as an ONNX graph."""

from __future__ import annotations

from onnx import ModelProto

from gradewise.families.graph import Graph
from gradewise.families.linear.classifier import LinearClassifier


def to_onnx(classifier: LinearClassifier) -> ModelProto:
    """The graph of a classifier, which calculates in 64 bits, as the family predicts."""
    graph = Graph(classifier.shape)
    scores = graph.add("MatMul", graph.doubles(graph.flat_pixels()), classifier.weights)
    # Rows are shifted to a largest score of zero, which 32 bits hold precisely where it matters.
    scores = graph.add("Add", scores, classifier.intercept)
    scores = graph.add("Sub", scores, graph.add("ReduceMax", scores, axes=[1], keepdims=1))
    return graph.finish(graph.add("Softmax", graph.floats(scores), axis=1), len(classifier.classes))
