"""What the trees of a forest predict for rows, for the whole forest and for smaller forests that it contains.

A forest contains the forest of its first trees, and forests whose trees stop at a smaller depth or at nodes with too
few samples. Trees draw seeds in order, so the first trees are exactly those of a smaller refit. A pruned tree differs
from a refitted one only in the random features tried after the first cut, so both have the same distribution. One pass
through the trees serves all points, that is, the settings of all smaller forests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from joblib import delayed
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from gradewise.families.forest.bootstrap import Bags, parallel
from gradewise.families.forest.byte_rows import ByteRows
from gradewise.families.forest.settings import ForestSettings

_Stop = tuple[int | None, int]


@dataclass(frozen=True)
class Votes:
    """What trees predict for training rows that they have not seen.

    Attributes
    ----------
    out_of_bag : ndarray of float64, shape (n, k)
        Mean class probabilities over the trees whose bags left the row out; zeros where none did.
    covered : ndarray of bool, shape (n,)
        Whether at least one bag left the row out.
    """

    out_of_bag: np.ndarray
    covered: np.ndarray

    def accuracy(self, y: np.ndarray, part: slice = slice(None)) -> float | None:
        """Share of correct votes among the rows of a part that have one; None if none has."""
        covered = self.covered[part]
        right = self.out_of_bag[part].argmax(axis=1) == y[part]
        return float(right[covered].mean()) if covered.any() else None

    def hits(self, y: np.ndarray, groups: np.ndarray) -> np.ndarray:
        """Numbers of rows with a correct vote and with any vote in each group 0 .. m - 1, shape (m, 2)."""
        right = self.covered & (self.out_of_bag.argmax(axis=1) == y)
        return np.stack([np.bincount(groups, weights=part) for part in (right, self.covered)], axis=1).astype(np.int64)


@dataclass(frozen=True)
class Size:
    """Size of a forest: inner nodes, leaves, and the rows sorted into inner nodes, to which its growing time is
    proportional."""

    splits: int
    leaves: int
    rows_split: int

    def parameters(self, classes: int) -> int:
        """Number of parameters: feature and threshold of each split, one probability per class of each leaf."""
        return 2 * self.splits + classes * self.leaves


def walk(forest: RandomForestClassifier, X: np.ndarray | ByteRows, threads: int) -> np.ndarray:
    """The leaf of each row in each tree.

    Parameters
    ----------
    forest : RandomForestClassifier
    X : ndarray of float32 or ByteRows, shape (n, features)
    threads : int

    Returns
    -------
    ndarray of int32, shape (trees, n)
    """

    def walk_one(tree: DecisionTreeClassifier) -> np.ndarray:
        if not isinstance(X, ByteRows):
            return np.asarray(tree.apply(X, check_input=False))
        # imported here, as in `grow_forest`
        from gradewise.families.forest.byte_trees import leaves_of

        nodes = tree.tree_
        splits = (nodes.children_left, nodes.children_right, nodes.feature, nodes.threshold)
        return np.asarray(leaves_of(X.columns, X.turns, *splits))

    leaves = np.empty((len(forest.estimators_), len(X)), dtype=np.int32)
    walks = parallel(threads)(delayed(walk_one)(tree) for tree in forest.estimators_)
    for number, ends in enumerate(walks):
        leaves[number] = ends
    return leaves


def probabilities_at(
    forest: RandomForestClassifier, leaves: np.ndarray, points: Sequence[ForestSettings], threads: int
) -> list[np.ndarray]:
    """Class probabilities of rows in each of the forests that this one contains.

    Parameters
    ----------
    forest : RandomForestClassifier
    leaves : ndarray of int32, shape (trees, n)
        From `walk`.
    points : sequence of ForestSettings
        The forest's own settings, but with fewer `trees`, a smaller `max_depth` or a larger `min_samples_split`.
    threads : int

    Returns
    -------
    list of ndarray of float64, shape (n, k)
        One per point.
    """
    return [sums / voters for sums, voters in _sums_at(forest, leaves, None, points, threads)]


def out_of_bag_at(
    forest: RandomForestClassifier,
    leaves: np.ndarray,
    bags: Bags,
    points: Sequence[ForestSettings],
    threads: int,
) -> list[Votes]:
    """Out-of-bag votes on training rows in each of the forests that this one contains.

    Parameters
    ----------
    forest : RandomForestClassifier
        From `grow_forest` with the same `bags`.
    leaves : ndarray of int32, shape (trees, n)
        From `walk` on the training rows.
    bags : Bags
    points : sequence of ForestSettings
        As for `probabilities_at`.
    threads : int

    Returns
    -------
    list of Votes
        One per point.
    """
    return [
        Votes(sums / np.maximum(voters, 1), voters[:, 0] > 0)
        for sums, voters in _sums_at(forest, leaves, bags, points, threads)
    ]


def _sums_at(
    forest: RandomForestClassifier,
    leaves: np.ndarray,
    bags: Bags | None,
    points: Sequence[ForestSettings],
    threads: int,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each point, class probabilities (n, k) summed over the trees that vote on a row, and their number (n, 1).

    All trees vote without `bags`; with them, only those whose bag left the row out.
    """
    sums = {stop: np.zeros((leaves.shape[1], forest.n_classes_)) for stop in map(_stop, points)}
    voters = np.zeros((leaves.shape[1], 1), dtype=np.int64)
    sums_at: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    all_predictions = _tree_predictions(forest, leaves, list(sums), threads)
    for number, (tree, predictions) in enumerate(zip(forest.estimators_, all_predictions, strict=True), start=1):
        votes = True if bags is None else bags.draw(tree.random_state)[:, None] == 0
        voters += votes
        for stop, prediction in predictions.items():
            np.add(sums[stop], prediction, out=sums[stop], where=votes)
        for index in _ending(points, number):
            sums_at[index] = sums[_stop(points[index])].copy(), voters.copy()
    return [sums_at[index] for index in range(len(points))]


def sizes_at(forest: RandomForestClassifier, points: Sequence[ForestSettings]) -> list[Size]:
    """Sizes of each of the forests that this one contains; points as for `probabilities_at`."""
    stops = list(dict.fromkeys(map(_stop, points)))
    totals = {stop: np.zeros(3, dtype=np.int64) for stop in stops}
    sizes: dict[int, Size] = {}
    for number, tree in enumerate(forest.estimators_, start=1):
        levels = _levels(tree)
        for stop in stops:
            ends, stopped = _cut(tree, levels, stop)
            reached = ends == np.arange(len(ends))
            inner = reached & ~stopped
            totals[stop] += (inner.sum(), (reached & stopped).sum(), tree.tree_.n_node_samples[inner].sum())
        for index in _ending(points, number):
            sizes[index] = Size(*map(int, totals[_stop(points[index])]))
    return [sizes[index] for index in range(len(points))]


def whole(forest: RandomForestClassifier) -> ForestSettings:
    """The point that stands for the forest itself, without pruning."""
    return ForestSettings.model_validate({"trees": len(forest.estimators_)})


def _stop(point: ForestSettings) -> _Stop:
    return point.max_depth, point.min_samples_split


def _ending(points: Sequence[ForestSettings], number: int) -> list[int]:
    """Indices of the points with this number of trees."""
    return [index for index, point in enumerate(points) if point.trees == number]


def _tree_predictions(
    forest: RandomForestClassifier, leaves: np.ndarray, stops: list[_Stop], threads: int
) -> Iterator[dict[_Stop, np.ndarray]]:
    """Class probabilities (n, k) that each tree predicts for the rows, by where it is pruned; tree by tree."""

    def predict(tree: DecisionTreeClassifier, leaf: np.ndarray) -> dict[_Stop, np.ndarray]:
        values, levels = tree.tree_.value[:, 0], _levels(tree)
        return {stop: values[_cut(tree, levels, stop)[0]][leaf] for stop in stops}

    yield from parallel(threads)(delayed(predict)(*pair) for pair in zip(forest.estimators_, leaves, strict=True))


def _levels(tree: DecisionTreeClassifier) -> list[tuple[np.ndarray, np.ndarray]]:
    """Nodes and their parents at each depth below the root."""
    left, right = tree.tree_.children_left, tree.tree_.children_right
    levels, nodes = [], np.zeros(1, dtype=np.int64)
    while len(inner := nodes[left[nodes] >= 0]):
        nodes = np.concatenate([left[inner], right[inner]])
        levels.append((nodes, np.concatenate([inner, inner])))
    return levels


def _cut(
    tree: DecisionTreeClassifier, levels: list[tuple[np.ndarray, np.ndarray]], stop: _Stop
) -> tuple[np.ndarray, np.ndarray]:
    """For each node the one that its rows reach in the pruned tree, and whether a node is a leaf there.

    scikit-learn compares `min_samples_split` with the number of distinct rows in a node, however often they were drawn;
    `n_node_samples` holds that number.
    """
    max_depth, min_samples_split = stop
    stopped = (tree.tree_.children_left < 0) | (tree.tree_.n_node_samples < min_samples_split)
    ends = np.arange(len(stopped))
    for depth, (nodes, parents) in enumerate(levels, start=1):
        if max_depth is not None and depth >= max_depth:
            stopped[nodes] = True
        above = ends[parents]
        ends[nodes] = np.where(stopped[above], above, nodes)
    return ends, stopped
