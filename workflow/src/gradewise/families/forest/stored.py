"""The trees of a forest as arrays, checked before they predict: scikit-learn follows their indices without checking."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier
from sklearn.tree._tree import NODE_DTYPE, TREE_LEAF, Tree

from gradewise.families.stored import read_tensors, require, write_tensors

FIELDS = {
    "left_child": "I32",
    "right_child": "I32",
    "feature": "I32",
    "threshold": "F64",
    "impurity": "F64",
    "n_node_samples": "I64",
    "weighted_n_node_samples": "F64",
}
"""What is kept of each node, by the names of scikit-learn; nothing is said of missing values, as pixels have none."""

TYPES = {"I32": np.int32, "I64": np.int64, "F64": np.float64}


def write_trees(forest: RandomForestClassifier, path: Path) -> None:
    """Write the nodes of all trees, one tree after the other."""
    trees = [tree.tree_ for tree in forest.estimators_]
    nodes = np.concatenate([tree.__getstate__()["nodes"] for tree in trees])
    arrays = {name: nodes[name].astype(TYPES[kind]) for name, kind in FIELDS.items()}
    arrays["values"] = np.concatenate([tree.value[:, 0] for tree in trees])
    arrays["node_counts"] = np.array([tree.node_count for tree in trees], dtype=np.int64)
    write_tensors(path, arrays)


def read_trees(path: Path, features: int, classes: int) -> RandomForestClassifier:
    """Read a forest that `write_trees` wrote.

    Parameters
    ----------
    path : Path
        The safetensors file.
    features, classes : int
        Numbers that the forest must have.

    Raises
    ------
    UserError
        If the file is damaged, or the trees are not for so many features and classes.
    """
    expected = {name: (kind, (None,)) for name, kind in FIELDS.items()}
    arrays = read_tensors(path, {**expected, "values": ("F64", (None, classes)), "node_counts": ("I64", (None,))})
    counts, total = arrays.pop("node_counts"), len(arrays["values"])
    require(
        bool((counts >= 1).all()) and int(counts.sum()) == total and all(len(a) == total for a in arrays.values()),
        path,
        "the numbers of nodes do not add up",
    )
    forest = RandomForestClassifier(len(counts))
    forest.estimators_ = []
    for number, start in enumerate(np.cumsum(counts) - counts):
        nodes = {name: values[start : start + counts[number]] for name, values in arrays.items()}
        problem = _problem(nodes, features)
        require(problem is None, path, f"tree {number}: {problem}")
        forest.estimators_.append(decision_tree(nodes, features, classes))
    _describe(forest, features, classes)
    return forest


def _problem(nodes: dict[str, np.ndarray], features: int) -> str | None:
    """What is wrong with a tree; None if nothing is."""
    left, right = nodes["left_child"], nodes["right_child"]
    inner = np.flatnonzero(left != TREE_LEAF)
    if not np.array_equal(inner, np.flatnonzero(right != TREE_LEAF)):
        return "a node has one child"
    children = np.concatenate([left[inner], right[inner]])
    if (
        not np.array_equal(np.sort(children), np.arange(1, len(left)))
        or (children <= np.concatenate([inner, inner])).any()
    ):
        return "children do not follow their parents, each once"
    split_by = nodes["feature"][inner]
    if ((split_by < 0) | (split_by >= features)).any():
        return f"a node splits by a feature outside 0 to {features - 1}"
    values = nodes["values"]
    if not ((values >= 0).all() and np.allclose(values.sum(axis=1), 1)):
        return "the class probabilities of a node do not add up to 1"
    return None


def decision_tree(nodes: Mapping[str, np.ndarray], features: int, classes: int) -> DecisionTreeClassifier:
    """A tree of scikit-learn.

    Parameters
    ----------
    nodes : mapping of str to ndarray
        The `FIELDS` of its nodes, and the shares of classes as `values`, shape (nodes, classes).
    features, classes : int
    """
    records = np.zeros(len(nodes["values"]), dtype=NODE_DTYPE)
    for name in FIELDS:
        records[name] = nodes[name]
    tree = Tree(features, np.array([classes], dtype=np.intp), 1)
    tree.__setstate__(
        {
            "max_depth": _depth(nodes["left_child"], nodes["right_child"]),
            "node_count": len(records),
            "nodes": records,
            "values": nodes["values"][:, None, :],
        }
    )
    estimator = DecisionTreeClassifier()
    estimator.tree_ = tree
    _describe(estimator, features, classes)
    return estimator


def _describe(estimator: RandomForestClassifier | DecisionTreeClassifier, features: int, classes: int) -> None:
    """Set what scikit-learn notes when it fits, besides trees."""
    estimator.n_features_in_, estimator.n_outputs_ = features, 1
    estimator.classes_, estimator.n_classes_ = np.arange(classes), classes


def _depth(left: np.ndarray, right: np.ndarray) -> int:
    """Levels below the root of a tree."""
    depth, nodes = 0, np.zeros(1, dtype=np.int64)
    while len(inner := nodes[left[nodes] != TREE_LEAF]):
        nodes = np.concatenate([left[inner], right[inner]])
        depth += 1
    return depth
