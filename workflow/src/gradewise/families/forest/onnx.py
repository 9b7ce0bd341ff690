"""A random forest as an ONNX graph."""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, numpy_helper
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree._tree import TREE_LEAF

from gradewise.families.forest.classifier import ForestClassifier
from gradewise.families.forest.reduction import Features, SelectedPixels
from gradewise.families.graph import Graph, add_projection
from gradewise.families.pca import Pca


def to_onnx(classifier: ForestClassifier) -> ModelProto:
    """The graph of a forest: its features in 64 bits, then all trees, whose probabilities are averaged."""
    graph = Graph(classifier.shape)
    # Thresholds have 64 bits in scikit-learn, and features of 32 bits are compared with them.
    features = graph.doubles(_add_features(graph, classifier.features))
    probabilities = graph.add(
        "TreeEnsembleRegressor",
        features,
        domain="ai.onnx.ml",
        n_targets=len(classifier.classes),
        aggregate_function="AVERAGE",
        **_trees(classifier.forest),
    )
    return graph.finish(probabilities, len(classifier.classes))


def _add_features(graph: Graph, features: Features) -> str:
    if isinstance(features, Pca):
        return add_projection(graph, features.mean, features.components)
    pixels = graph.flat_pixels()
    return graph.add("Gather", pixels, features.kept, axis=1) if isinstance(features, SelectedPixels) else pixels


def _trees(forest: RandomForestClassifier) -> dict[str, object]:
    """The nodes of all trees and the class probabilities in their leaves, as attributes of the operator."""
    trees = [tree.tree_ for tree in forest.estimators_]
    owner = np.repeat(np.arange(len(trees)), [tree.node_count for tree in trees])
    number = np.concatenate([np.arange(tree.node_count) for tree in trees])
    left, right, feature, threshold = (
        np.concatenate([getattr(tree, name) for tree in trees])
        for name in ("children_left", "children_right", "feature", "threshold")
    )
    leaf = left == TREE_LEAF
    values = np.concatenate([tree.value[:, 0] for tree in trees])
    rows, classes = np.nonzero(values * leaf[:, None])
    return {
        "nodes_treeids": owner,
        "nodes_nodeids": number,
        "nodes_modes": np.where(leaf, "LEAF", "BRANCH_LEQ").tolist(),
        "nodes_featureids": np.where(leaf, 0, feature),
        "nodes_values_as_tensor": numpy_helper.from_array(np.where(leaf, 0.0, threshold)),
        "nodes_truenodeids": np.where(leaf, 0, left),
        "nodes_falsenodeids": np.where(leaf, 0, right),
        "target_treeids": owner[rows],
        "target_nodeids": number[rows],
        "target_ids": classes,
        "target_weights_as_tensor": numpy_helper.from_array(values[rows, classes]),
    }
