"""A calibrated support vector classifier on principal components as an ONNX graph."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from onnx import ModelProto

from gradewise.families.graph import Graph, add_projection
from gradewise.families.pca_svm.classifier import PcaSvmClassifier
from gradewise.families.pca_svm.machine import Machine
from gradewise.families.pca_svm.pairwise import CERTAIN, LARGEST_ODDS


def to_onnx(classifier: PcaSvmClassifier) -> ModelProto:
    """The graph of a classifier: components in 32 bits, everything after them in 64 bits, as the family predicts."""
    pca, settings, machine = classifier.pca, classifier.settings, classifier.machine
    graph = Graph(pca.shape)
    features = machine.vectors.shape[1]
    scores = graph.doubles(add_projection(graph, pca.mean, pca.components[:features]))
    if settings.whiten:
        scores = graph.add("Div", scores, np.sqrt(pca.explained_variance[:features]))
    decisions = _add_decisions(graph, machine, scores)
    probabilities = _add_coupling(graph, decisions, classifier.sigmoids, len(classifier.classes))
    return graph.finish(graph.floats(probabilities), len(classifier.classes))


def _add_decisions(graph: Graph, machine: Machine, scores: str) -> str:
    """Add the decisions between all pairs of classes, (n, pairs), above zero for the first class of a pair."""
    kernel = graph.add("MatMul", scores, machine.vectors.T)
    if machine.gamma is not None:
        squares = graph.add("ReduceSumSquare", scores, axes=[1], keepdims=1)
        distances = graph.add("Add", squares, (machine.vectors**2).sum(axis=1))
        distances = graph.add("Sub", distances, graph.add("Mul", kernel, np.array([2.0])))
        kernel = graph.add("Exp", graph.add("Mul", distances, np.array([-machine.gamma])))
    return graph.add("Add", graph.add("MatMul", kernel, machine.pair_weights()), machine.intercept)


def _add_coupling(graph: Graph, decisions: str, sigmoids: np.ndarray, classes: int) -> str:
    """Add `pairwise.couple`: class probabilities, (n, classes), from decisions between pairs.

    ONNX cannot solve linear equations, so that the elimination is written out, a few nodes per class. With Q, the
    matrix of the least squares, and e, a vector of ones, p is proportional to the solution of (Q + e e') p = e, whose
    matrix is positive definite: no rows need to be exchanged.
    """
    odds = graph.add("Add", graph.add("Mul", decisions, sigmoids[:, 0]), sigmoids[:, 1])
    odds = graph.add("Clip", odds, np.array(-LARGEST_ODDS), np.array(LARGEST_ODDS))
    pairs = graph.add("Reciprocal", graph.add("Add", graph.add("Exp", graph.add("Neg", odds)), np.array([1.0])))
    pairs = graph.add("Clip", pairs, np.array(CERTAIN), np.array(1 - CERTAIN))
    placed, ones = _places(classes)
    square = np.array([-1, classes, classes])
    # Probability of each class (row) against each other one (column), with zeros on the diagonal.
    matrix = graph.add("Reshape", graph.add("Add", graph.add("MatMul", pairs, placed), ones), square)
    products = graph.add("Mul", matrix, graph.add("Transpose", matrix, perm=[0, 2, 1]))
    losses = graph.add("ReduceSumSquare", matrix, axes=[1], keepdims=1)
    system = graph.add("Sub", graph.add("Mul", losses, np.eye(classes)), products)
    system = graph.add("Add", system, np.ones((classes, classes)))
    system = graph.add("Pad", system, np.array([0, 0, 0, 0, 0, 1]), np.array(1.0))  # the right side
    for number in range(classes):
        this = np.array([number])
        row = graph.add("Gather", system, this, axis=1)
        row = graph.add("Div", row, graph.add("Gather", row, this, axis=2))
        column = graph.add("Gather", system, this, axis=2)
        others = graph.add("Sub", column, np.eye(classes)[:, this])
        system = graph.add("Sub", system, graph.add("Mul", others, row))
    solution = graph.add("Squeeze", graph.add("Gather", system, np.array([classes]), axis=2), np.array([2]))
    solution = graph.add("Clip", solution, np.array(0.0))
    return graph.add("Div", solution, graph.add("ReduceSum", solution, np.array([1]), keepdims=1))


def _places(classes: int) -> tuple[np.ndarray, np.ndarray]:
    """What places probabilities p of pairs in a flat matrix: p in the row of the first class, 1 - p in the other's.

    Returns
    -------
    weights : ndarray, shape (pairs, classes x classes)
    constants : ndarray, shape (classes x classes,)
    """
    pairs = list(combinations(range(classes), 2))
    weights, constants = np.zeros((len(pairs), classes, classes)), np.zeros((classes, classes))
    for number, (first, second) in enumerate(pairs):
        weights[number, first, second], weights[number, second, first] = 1, -1
        constants[second, first] = 1
    return weights.reshape(len(pairs), -1), constants.ravel()
