"""Grows decision trees on bytes, as scikit-learn grows them on floating-point numbers.

Pixels are bytes, so that a split is found from counts of 256 values instead of sorted numbers, and rotations and flips
of a sample are read from its own pixels instead of being stored. A tree has the distribution of scikit-learn's, but
not its random numbers: features are drawn without replacement until there are `max_features`, of which one varies, and
the split with the lowest Gini impurity, weighted by the bag, is taken half-way between two values that occur.
"""

from __future__ import annotations

import numpy as np
from numba import njit

FEW = 16
"""Rows of a node up to which values are sorted instead of counted."""

BLOCK = 4096
"""Values that are read from memory together, of as many features as that makes."""

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
    samples = columns.shape[1]
    flat = columns.reshape(-1)
    # by version, then by sample, so that a pixel of many rows is read from one end of its column to the other
    order = np.empty(np.count_nonzero(weights > 0), np.int32)
    filled = 0
    for turn in range(versions):
        for row in range(turn, len(weights), versions):
            if weights[row] > 0:
                order[filled] = row
                filled += 1
    most = 2 * len(order) + 1
    left, right = np.full(most, -1, np.int32), np.full(most, -1, np.int32)
    feature, threshold = np.full(most, -2, np.int32), np.full(most, -2.0)
    impurity, weight = np.zeros(most), np.zeros(most)
    rows, values = np.zeros(most, np.int64), np.zeros((most, classes))
    state = np.array([np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15)])
    drawn = np.arange(features).astype(np.int32)
    # of the rows of a node, next to each other
    # unsigned, since numba looks whether others are negative
    sample, version = np.empty(len(order), np.uint32), np.empty(len(order), np.uint32)
    code_of, weight_of = np.empty(len(order), np.uint32), np.empty(len(order))
    found = np.empty(len(order) + BLOCK, np.uint8)
    starts = np.empty(versions, np.uint64)
    aside = np.empty(len(order), np.int32)
    counted, number_of = np.zeros((256, classes)), np.zeros(256, np.int64)
    # values that occur, also eight at a time; they and their counts are cleared while they are looked through
    present = np.zeros(256, np.uint8)
    eights = present.view(np.uint64)
    total, below = np.empty(classes), np.empty(classes)
    sorted_rows = np.empty(FEW, np.uint32)
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
        best, best_feature, best_low, best_high = -np.inf, -1, np.int64(0), np.int64(0)
        tried, read, begin, varied = 0, 0, 0, False
        while tried < features and (tried < max_features or not varied):
            if tried == read:
                # pixels of several features are read together, so that waiting for memory overlaps
                ahead = max(1, min(BLOCK // count, max_features - tried, features - tried))
                for place in range(ahead):
                    other = read + np.int64(_random(state) % np.uint64(features - read))
                    drawn[read], drawn[other] = drawn[other], drawn[read]
                    for turn in range(versions):
                        starts[turn] = np.uint64(turns[turn, drawn[read]]) * np.uint64(samples)
                    first = np.uint64(place * count)
                    for i in range(np.uint64(count)):
                        found[first + i] = flat[starts[version[i]] + sample[i]]
                    read += 1
                begin = 0
            else:
                begin += count
            candidate = drawn[tried]
            tried += 1
            values_of = found[begin : begin + count]
            below[:] = 0
            of_below, squares_below, squares_above = 0.0, 0.0, 0.0
            if count <= FEW:
                for i in range(count):
                    place, value = i, values_of[i]
                    while place > 0 and values_of[sorted_rows[place - 1]] > value:
                        sorted_rows[place] = sorted_rows[place - 1]
                        place -= 1
                    sorted_rows[place] = i
                varied = varied or values_of[sorted_rows[0]] != values_of[sorted_rows[count - 1]]
                for code in range(classes):
                    squares_above += total[code] ** 2
                for i in range(count - 1):
                    code, amount = code_of[sorted_rows[i]], weight_of[sorted_rows[i]]
                    above = total[code] - below[code]
                    squares_below += amount * (2 * below[code] + amount)
                    squares_above -= amount * (2 * above - amount)
                    below[code] += amount
                    of_below += amount
                    value, after = values_of[sorted_rows[i]], values_of[sorted_rows[i + 1]]
                    if value == after or i + 1 < min_samples_leaf or count - i - 1 < min_samples_leaf:
                        continue
                    score = squares_below / of_below + squares_above / (whole - of_below)
                    if score > best:
                        best, best_feature, best_low, best_high = score, candidate, value, after
            else:
                for i in range(np.uint64(count)):
                    value = values_of[i]
                    present[value] = 1
                    counted[value, code_of[i]] += weight_of[i]
                if min_samples_leaf > 1:
                    for i in range(count):
                        number_of[values_of[i]] += 1
                low, number = np.int64(-1), 0
                for eight in range(np.uint64(32)):
                    if eights[eight] == 0:
                        continue
                    for value in range(eight * np.uint64(8), eight * np.uint64(8) + np.uint64(8)):
                        if present[value] == 0:
                            continue
                        present[value] = 0
                        if low >= 0:
                            varied = True
                            enough = number >= min_samples_leaf and count - number >= min_samples_leaf
                            if enough or min_samples_leaf == 1:
                                squares_below, squares_above = 0.0, 0.0
                                for code in range(classes):
                                    squares_below += below[code] ** 2
                                    squares_above += (total[code] - below[code]) ** 2
                                score = squares_below / of_below + squares_above / (whole - of_below)
                                if score > best:
                                    best, best_feature, best_low, best_high = score, candidate, low, np.int64(value)
                        for code in range(classes):
                            below[code] += counted[value, code]
                            of_below += counted[value, code]
                            counted[value, code] = 0
                        number += number_of[value]
                        number_of[value] = 0
                        low = np.int64(value)
        if best_feature < 0:
            continue
        feature[node] = best_feature
        threshold[node] = (best_low + best_high) / 2
        # rows stay in their order
        middle, others = start, 0
        for place in range(start, stop):
            row = order[place]
            if columns[turns[row % versions, best_feature], row // versions] <= best_low:
                order[middle] = row
                middle += 1
            else:
                aside[others] = row
                others += 1
        order[middle:stop] = aside[:others]
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
