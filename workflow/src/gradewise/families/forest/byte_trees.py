"""Grows decision trees on bytes, as scikit-learn grows them on floating-point numbers.

Pixels are bytes, so that a split is found from counts of 256 values instead of sorted numbers, and rotations and flips
of a sample are read from its own pixels instead of being stored. A tree has the distribution of scikit-learn's, but
not its random numbers: features are drawn without replacement until there are `max_features`, of which one varies, and
the split with the lowest Gini impurity, weighted by the bag, is taken half-way between two values that occur.
"""

from __future__ import annotations

import numpy as np
from numba import njit

FEW = 24
"""Rows of a node up to which values are sorted instead of counted."""

FIELDS = (
    "left_child",
    "right_child",
    "feature",
    "threshold",
    "impurity",
    "n_node_samples",
    "weighted_n_node_samples",
    "values",
)
"""What `grow_tree` returns, by the names of scikit-learn."""

EPSILON = np.finfo(np.float64).eps
"""Impurity up to which a node counts as pure."""


@njit(cache=True, nogil=True)
def _random(state: np.ndarray) -> np.uint64:
    """The next 64 random bits (xorshift64*, Vigna 2016, ACM Transactions on Mathematical Software 42:30)."""
    x: np.uint64 = state[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    state[0] = x
    return x * np.uint64(2685821657736338717)


@njit(cache=True, nogil=True)
def grow_tree(
    columns: np.ndarray,
    turns: np.ndarray,
    y: np.ndarray,
    weights: np.ndarray,
    classes: int,
    max_features: int,
    max_depth: int,
    min_samples_split: int,
    min_samples_leaf: int,
    seed: int,
) -> tuple[np.ndarray, ...]:
    """Grow one tree.

    Parameters
    ----------
    columns : ndarray of uint8, shape (pixels, n)
        Pixel after pixel of all samples.
    turns : ndarray of int32, shape (versions, features)
        The pixel that each feature of a version of a sample is.
    y : ndarray of int32, shape (n x versions,)
        The versions of a sample are consecutive.
    weights : ndarray of float64, shape (n x versions,)
        Rows of weight 0 are not in the bag.
    classes, max_features, max_depth, min_samples_split, min_samples_leaf : int
    seed : int
        Above 0.

    Returns
    -------
    left, right, feature : ndarray of int32, shape (nodes,)
        Children are -1 in leaves, features -2; children have higher numbers than their parents.
    threshold, impurity : ndarray of float64, shape (nodes,)
    rows : ndarray of int64, shape (nodes,)
    weight : ndarray of float64, shape (nodes,)
    values : ndarray of float64, shape (nodes, classes)
        Shares of the classes.
    """
    versions, features = turns.shape
    order = np.flatnonzero(weights > 0).astype(np.int32)
    most = 2 * len(order) + 1
    left, right = np.full(most, -1, np.int32), np.full(most, -1, np.int32)
    feature, threshold = np.full(most, -2, np.int32), np.full(most, -2.0)
    impurity, weight = np.zeros(most), np.zeros(most)
    rows, values = np.zeros(most, np.int64), np.zeros((most, classes))
    state = np.array([np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15)])
    drawn = np.arange(features).astype(np.int32)
    # of the rows of a node, next to each other
    sample, version = np.empty(len(order), np.int32), np.empty(len(order), np.int32)
    code_of, weight_of, found = np.empty(len(order), np.int32), np.empty(len(order)), np.empty(len(order), np.uint8)
    pixel = np.empty(versions, np.int32)
    counted, number_of = np.zeros((256, classes)), np.zeros(256, np.int64)
    total, below = np.empty(classes), np.empty(classes)
    sorted_rows = np.empty(FEW, np.int32)
    waiting = [(0, len(order), 0, -1, False)]
    nodes = 0
    while len(waiting):
        start, stop, depth, parent, is_left = waiting.pop()
        node = nodes
        nodes += 1
        if parent >= 0:
            if is_left:
                left[parent] = node
            else:
                right[parent] = node
        count = stop - start
        total[:] = 0
        for i in range(count):
            row = order[start + i]
            sample[i], version[i], code_of[i], weight_of[i] = row // versions, row % versions, y[row], weights[row]
            total[code_of[i]] += weight_of[i]
        whole = total.sum()
        gini = 1.0
        for code in range(classes):
            values[node, code] = total[code] / whole
            gini -= values[node, code] ** 2
        impurity[node], weight[node], rows[node] = gini, whole, count
        if depth >= max_depth or count < min_samples_split or count < 2 * min_samples_leaf or gini <= EPSILON:
            continue
        best, best_feature, best_low, best_high = -np.inf, -1, 0, 0
        tried, varied = 0, False
        while tried < features and (tried < max_features or not varied):
            other = tried + np.int64(_random(state) % np.uint64(features - tried))
            drawn[tried], drawn[other] = drawn[other], drawn[tried]
            candidate = drawn[tried]
            tried += 1
            pixel[:] = turns[:, candidate]
            lowest, highest = 255, 0
            for i in range(count):
                value = columns[pixel[version[i]], sample[i]]
                found[i] = value
                lowest, highest = min(lowest, value), max(highest, value)
            if lowest == highest:
                continue
            varied = True
            below[:] = 0
            of_below, squares_below, squares_above = 0.0, 0.0, 0.0
            if count <= FEW:
                for i in range(count):
                    place, value = i, found[i]
                    while place > 0 and found[sorted_rows[place - 1]] > value:
                        sorted_rows[place] = sorted_rows[place - 1]
                        place -= 1
                    sorted_rows[place] = i
                for code in range(classes):
                    squares_above += total[code] ** 2
                for i in range(count - 1):
                    code, amount = code_of[sorted_rows[i]], weight_of[sorted_rows[i]]
                    above = total[code] - below[code]
                    squares_below += amount * (2 * below[code] + amount)
                    squares_above -= amount * (2 * above - amount)
                    below[code] += amount
                    of_below += amount
                    value, after = found[sorted_rows[i]], found[sorted_rows[i + 1]]
                    if value == after or i + 1 < min_samples_leaf or count - i - 1 < min_samples_leaf:
                        continue
                    score = squares_below / of_below + squares_above / (whole - of_below)
                    if score > best:
                        best, best_feature, best_low, best_high = score, candidate, value, after
            else:
                counted[lowest : highest + 1] = 0
                for i in range(count):
                    counted[found[i], code_of[i]] += weight_of[i]
                if min_samples_leaf > 1:
                    number_of[lowest : highest + 1] = 0
                    for i in range(count):
                        number_of[found[i]] += 1
                low, number = -1, 0
                for value in range(lowest, highest + 1):
                    amount = 0.0
                    for code in range(classes):
                        amount += counted[value, code]
                    if amount == 0:
                        continue
                    enough = number >= min_samples_leaf and count - number >= min_samples_leaf
                    if low >= 0 and (enough or min_samples_leaf == 1):
                        squares_below, squares_above = 0.0, 0.0
                        for code in range(classes):
                            squares_below += below[code] ** 2
                            squares_above += (total[code] - below[code]) ** 2
                        score = squares_below / of_below + squares_above / (whole - of_below)
                        if score > best:
                            best, best_feature, best_low, best_high = score, candidate, low, value
                    for code in range(classes):
                        below[code] += counted[value, code]
                    of_below += amount
                    number += number_of[value]
                    low = value
        if best_feature < 0:
            continue
        feature[node] = best_feature
        threshold[node] = (best_low + best_high) / 2
        middle, end = start, stop
        while middle < end:
            row = order[middle]
            if columns[turns[row % versions, best_feature], row // versions] <= best_low:
                middle += 1
            else:
                end -= 1
                order[middle], order[end] = order[end], row
        waiting.append((middle, stop, depth + 1, node, False))
        waiting.append((start, middle, depth + 1, node, True))
    return (
        left[:nodes],
        right[:nodes],
        feature[:nodes],
        threshold[:nodes],
        impurity[:nodes],
        rows[:nodes],
        weight[:nodes],
        values[:nodes],
    )


@njit(cache=True, nogil=True)
def leaves_of(
    columns: np.ndarray,
    turns: np.ndarray,
    left: np.ndarray,
    right: np.ndarray,
    feature: np.ndarray,
    threshold: np.ndarray,
) -> np.ndarray:
    """The leaf of each row, int32 of shape (n x versions,)."""
    versions, samples = turns.shape[0], columns.shape[1]
    ends = np.empty(samples * versions, np.int32)
    for row in range(len(ends)):
        node = 0
        while left[node] >= 0:
            value = columns[turns[row % versions, feature[node]], row // versions]
            node = left[node] if value <= threshold[node] else right[node]
        ends[row] = node
    return ends
