"""Checks a stored forest before it predicts: scikit-learn follows the indices in trees without checking them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier
from sklearn.tree._tree import TREE_LEAF, Tree

from gradewise.families.estimators import read_estimator
from gradewise.families.stored import reading, require

TRUSTED = ("sklearn.tree._tree.Tree",)
FITTED = {"estimators_", "estimator_", "classes_", "n_classes_", "n_outputs_", "n_features_in_"}
FITTED_TREE = {"tree_", "classes_", "n_classes_", "n_outputs_", "n_features_in_", "max_features_"}


def read_trees(path: Path, features: int, classes: int) -> RandomForestClassifier:
    """Read the scikit-learn forest of a `ForestClassifier`.

    Parameters
    ----------
    path : Path
        The skops file.
    features, classes : int
        Numbers that the forest must have.

    Raises
    ------
    UserError
        If the file is damaged, or the forest is not one that `grow_forest` could have made for so many features and
        classes.
    """
    forest = read_estimator(path, TRUSTED)
    with reading(path):
        require(type(forest) is RandomForestClassifier, path, f"contains a {type(forest).__name__}, not a forest")
        _check_attributes(path, forest, vars(RandomForestClassifier()).keys() | FITTED, features, classes)
        trees = forest.estimators_
        require(type(trees) is list and len(trees) == forest.n_estimators >= 1, path, "has another number of trees")
        require(forest.n_jobs is None, path, "n_jobs is set")
        require(type(forest.estimator_) is DecisionTreeClassifier, path, "its estimator_ is no decision tree")
        for number, tree in enumerate(trees):
            require(type(tree) is DecisionTreeClassifier, path, f"tree {number} is a {type(tree).__name__}")
            _check_attributes(path, tree, vars(DecisionTreeClassifier()).keys() | FITTED_TREE, features, classes)
            problem = _problem(tree.tree_, features, classes)
            require(problem is None, path, f"tree {number}: {problem}")
    return forest


def _check_attributes(
    path: Path, estimator: RandomForestClassifier | DecisionTreeClassifier, names: set[str], features: int, classes: int
) -> None:
    name = type(estimator).__name__
    different = sorted(vars(estimator).keys() ^ names)
    require(not different, path, f"the attributes {', '.join(different[:5])} of {name} are missing or unknown")
    numbers = (estimator.n_features_in_, estimator.n_classes_, estimator.n_outputs_)
    require(
        numbers == (features, classes, 1),
        path,
        f"{name} has {numbers[0]} features, {numbers[1]} classes and {numbers[2]} outputs, "
        f"not {features}, {classes} and 1",
    )
    require(
        np.array_equal(estimator.classes_, np.arange(classes)), path, f"classes_ of {name} are not 0 to {classes - 1}"
    )


def _problem(tree: Tree, features: int, classes: int) -> str | None:
    """What is wrong with a tree's nodes; None if nothing is."""
    if not isinstance(tree, Tree) or tree.n_features != features or tree.n_outputs != 1:
        return f"is not for {features} features and one output"
    # Arrays of nodes are views of memory that is `capacity` long, whatever the number of nodes says.
    if not tree.capacity == tree.node_count >= 1:
        return f"says that it has {tree.node_count} nodes, but has {tree.capacity}"
    if tree.max_n_classes != classes:
        return f"has {tree.max_n_classes} classes, not {classes}"
    left, right = tree.children_left, tree.children_right
    inner = np.flatnonzero(left != TREE_LEAF)
    if not np.array_equal(inner, np.flatnonzero(right != TREE_LEAF)):
        return "a node has one child"
    children = np.concatenate([left[inner], right[inner]])
    if (
        not np.array_equal(np.sort(children), np.arange(1, tree.node_count))
        or (children <= np.concatenate([inner, inner])).any()
    ):
        return "children do not follow their parents, each once"
    split_by = tree.feature[inner]
    if ((split_by < 0) | (split_by >= features)).any():
        return f"a node splits by a feature outside 0 to {features - 1}"
    if not np.isfinite(tree.threshold[inner]).all():
        return "a threshold is not finite"
    values = tree.value[:, 0]
    if not (np.isfinite(values).all() and (values >= 0).all() and np.allclose(values.sum(axis=1), 1)):
        return "the class probabilities of a node do not add up to 1"
    if tree.max_depth != _depth(left, right):
        return f"is not {tree.max_depth} levels deep"
    return None


def _depth(left: np.ndarray, right: np.ndarray) -> int:
    """Levels below the root of a tree."""
    depth, nodes = 0, np.zeros(1, dtype=np.int64)
    while len(inner := nodes[left[nodes] != TREE_LEAF]):
        nodes = np.concatenate([left[inner], right[inner]])
        depth += 1
    return depth
