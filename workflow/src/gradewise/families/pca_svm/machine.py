"""A fitted support vector classifier as arrays: its decisions and its file."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gradewise.families.pca_svm.settings import SvmSettings
from gradewise.families.stored import read_tensors, require, write_tensors

if TYPE_CHECKING:
    # predicting needs no scikit-learn, which takes as long to import as all else
    from sklearn.svm import SVC

BLOCK_BYTES = 2**26


def scale(scores: np.ndarray, explained_variance: np.ndarray, settings: SvmSettings) -> np.ndarray:
    """The first components of the scores, scaled to unit variance if the settings say `whiten`.

    Parameters
    ----------
    scores : ndarray, shape (n, k)
    explained_variance : ndarray, shape (k,)
    settings : SvmSettings

    Returns
    -------
    ndarray of float64, shape (n, min(k, settings.components))
    """
    kept = scores[:, : settings.components].astype(np.float64)
    return kept / np.sqrt(explained_variance[: settings.components]) if settings.whiten else kept


@dataclass(frozen=True)
class Machine:
    """Support vectors of each class, with their coefficients against every other class.

    Attributes
    ----------
    vectors : ndarray of float64, shape (v, k)
        Class after class.
    counts : ndarray of int64, shape (classes,)
        Vectors of each class.
    coefficients : ndarray of float64, shape (classes - 1, v)
        As in libsvm: row j is for a vector's coefficient against class j, or against class j + 1 from its own class on.
    intercept : ndarray of float64, shape (pairs,)
        Pairs are in the order of `itertools.combinations`.
    gamma : float or None
        Of the rbf kernel; None: a linear kernel.
    """

    vectors: np.ndarray
    counts: np.ndarray
    coefficients: np.ndarray
    intercept: np.ndarray
    gamma: float | None

    @classmethod
    def of(cls, classifier: SVC, gamma: float | None) -> Machine:
        """The machine of a classifier that was fitted to scores, not to a kernel matrix."""
        # libsvm's own arrays, since scikit-learn turns the sign of the public ones where there are two classes
        return cls(
            classifier.support_vectors_,
            classifier.n_support_.astype(np.int64),
            classifier._dual_coef_,
            classifier._intercept_,
            gamma,
        )

    def decide(self, scaled: np.ndarray) -> np.ndarray:
        """Decisions on scaled scores (n, k), shape (n, pairs), above zero for the first class of a pair.

        Each value of the kernel is computed once for all pairs.
        """
        pairs = np.array(list(combinations(range(len(self.counts)), 2)))
        decisions = np.tile(self.intercept, (len(scaled), 1))
        ends = np.cumsum(self.counts)
        owned = [slice(end - count, end) for end, count in zip(ends, self.counts, strict=True)]
        at_a_time = max(1, BLOCK_BYTES // (8 * len(self.vectors)))
        for start in range(0, len(scaled), at_a_time):
            rows = slice(start, start + at_a_time)
            kernel = self._kernel(scaled[rows])
            for number, own in enumerate(owned):
                against = kernel[:, own] @ self.coefficients[:, own].T
                first, second = (np.flatnonzero(pairs[:, side] == number) for side in (0, 1))
                decisions[rows, first] += against[:, pairs[first, 1] - 1]
                decisions[rows, second] += against[:, pairs[second, 0]]
        return decisions

    def _kernel(self, scaled: np.ndarray) -> np.ndarray:
        products = np.asarray(scaled @ self.vectors.T)
        if self.gamma is None:
            return products
        squares = np.einsum("ij,ij->i", scaled, scaled)[:, None] + np.einsum("ij,ij->i", self.vectors, self.vectors)
        return np.asarray(np.exp(-self.gamma * (squares - 2 * products)))

    def pair_weights(self) -> np.ndarray:
        """Weight of each vector in the decision of each pair, shape (v, pairs)."""
        owner = np.repeat(np.arange(len(self.counts)), self.counts)
        weights = [
            np.where(owner == first, self.coefficients[second - 1], 0)
            + np.where(owner == second, self.coefficients[first], 0)
            for first, second in combinations(range(len(self.counts)), 2)
        ]
        return np.stack(weights, axis=1)

    def write(self, path: Path) -> None:
        """Write all arrays but gamma, which belongs to the record of the model."""
        arrays = {
            "vectors": self.vectors,
            "counts": self.counts,
            "coefficients": self.coefficients,
            "intercept": self.intercept,
        }
        write_tensors(path, arrays)


def read_machine(path: Path, features: int, classes: int, gamma: float | None) -> Machine:
    """Read a file that `Machine.write` wrote.

    Raises
    ------
    UserError
        If the file is damaged, or is not for so many features and classes.
    """
    expected = {
        "vectors": ("F64", (None, features)),
        "counts": ("I64", (classes,)),
        "coefficients": ("F64", (classes - 1, None)),
        "intercept": ("F64", (classes * (classes - 1) // 2,)),
    }
    arrays = read_tensors(path, expected)
    counts, vectors = arrays["counts"], len(arrays["vectors"])
    require(
        bool((counts >= 0).all()) and int(counts.sum()) == vectors == arrays["coefficients"].shape[1],
        path,
        "the numbers of support vectors do not add up",
    )
    return Machine(gamma=gamma, **arrays)
