"""How well what was learnt from normal patches reconstructs a patch: by sparse codes, or by principal components.

Sparse codes are those of Carrera, Manganini, Boracchi and Lanzarone (2017, IEEE Transactions on Industrial Informatics
13:551): a patch is unlike normal ones if few atoms of a learnt dictionary do not reconstruct it, or only with unusual
weights. Principal components are the plain alternative.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from sklearn.decomposition import PCA, MiniBatchDictionaryLearning
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import gen_batches

from gradewise.families.patches.describers import padded, places, to_grey
from gradewise.families.stored import Tensors

ATOMS, USED = 96, 4
"""Atoms of a dictionary, and how many of them reconstruct a patch."""

EXPLAINED = 0.9
"""Share of the variance of normal patches that the components keep."""

LOW = 1e-3
"""Added to lengths before their logarithm: patches have grey levels in 0..1."""

RIDGE = 1e-4
"""Added to squared lengths of atoms, since two that are used together may be alike."""

BLOCK = 2048
"""Patches that are reconstructed at once."""

LENGTH = 5
"""Number of features."""


@dataclass(frozen=True)
class Reconstruction:
    """Describes patches by their reconstruction.

    Attributes
    ----------
    stride, patch : int
        Distance of neighbouring patches and their side [px].
    basis : ndarray of float32, shape (atoms or components, patch x patch)
        Rows of unit length.
    sparse : bool
        Whether few rows are used for each patch, or all.
    """

    stride: int
    patch: int
    basis: np.ndarray
    sparse: bool

    @property
    def length(self) -> int:
        """Number of features."""
        return LENGTH

    @property
    def reach(self) -> int:
        """How far pixels change features [px]: half a patch, and one place further."""
        return self.patch // 2 + 1 + self.stride

    @property
    def in_words(self) -> str:
        """What describes a patch: 'sparse codes of patches of 16 px'."""
        return f"{'sparse codes' if self.sparse else 'principal components'} of patches of {self.patch} px"

    @property
    def tensors(self) -> dict[str, np.ndarray]:
        """The basis."""
        return {"basis": self.basis}

    def describe(self, pixels: np.ndarray) -> np.ndarray:
        """Features, float32 (rows, columns, length), averaged over 3 x 3 places."""
        patches = patches_of(pixels, self.patch, self.stride)
        centred = patches - patches.mean(axis=1, keepdims=True)
        if self.sparse:
            blocks = gen_batches(len(centred), BLOCK)
            codes = np.concatenate([sparse_codes(centred[block], self.basis, USED) for block in blocks])
        else:
            codes = centred @ self.basis.T
        error = np.linalg.norm(centred - codes @ self.basis, axis=1)
        weights = np.abs(codes)
        features = [np.log(values + LOW) for values in (error, weights.sum(axis=1), weights.max(axis=1))]
        features += [patches.mean(axis=1), np.log(np.linalg.norm(centred, axis=1) + LOW)]
        shape = [places(side, self.stride) for side in pixels.shape[:2]]
        stacked = np.stack(features, axis=1).astype(np.float32).reshape(*shape, LENGTH)
        # four channels at most
        averaged = [cv2.blur(np.ascontiguousarray(stacked[..., k]), (3, 3)) for k in range(LENGTH)]
        return np.stack(averaged, axis=2)


def sparse_codes(patches: np.ndarray, basis: np.ndarray, used: int) -> np.ndarray:
    """Weights of few atoms that reconstruct each patch, by orthogonal matching pursuit.

    That of scikit-learn goes through patches one by one, which takes many times as long.

    Parameters
    ----------
    patches : ndarray of float32, shape (n, d)
    basis : ndarray of float32, shape (atoms, d)
        Rows of unit length.
    used : int
        Atoms for each patch.

    Returns
    -------
    ndarray of float32, shape (n, atoms)
    """
    similar, target = basis @ basis.T, patches @ basis.T
    lines, unexplained = np.arange(len(patches))[:, None], target
    chosen = np.empty((len(patches), 0), np.int64)
    weights = np.empty((len(patches), 0), np.float32)
    for _ in range(min(used, len(basis))):
        strength = np.abs(unexplained)
        strength[lines, chosen] = -1
        chosen = np.concatenate([chosen, strength.argmax(axis=1)[:, None]], axis=1)
        among = similar[chosen[:, :, None], chosen[:, None, :]] + RIDGE * np.eye(chosen.shape[1], dtype=np.float32)
        weights = np.linalg.solve(among, np.take_along_axis(target, chosen, 1)[..., None])[..., 0]
        unexplained = target - np.einsum("nk,nka->na", weights, similar[chosen])
    codes = np.zeros((len(patches), len(basis)), np.float32)
    codes[lines, chosen] = weights
    return codes


def expected_tensors(patch: int) -> Tensors:
    """Types and shapes of what a reconstruction learns."""
    return {"basis": ("F32", (None, patch * patch))}


def patches_of(pixels: np.ndarray, patch: int, stride: int) -> np.ndarray:
    """Patches around the places of a sample, float32 (places, patch x patch), in 0..1."""
    half = patch // 2
    grey = padded(to_grey(pixels), half, stride)
    first = (stride - patch) // 2 + half
    windows = np.lib.stride_tricks.sliding_window_view(grey, (patch, patch))[first::stride, first::stride]
    rows, columns = (places(side, stride) for side in pixels.shape[:2])
    return np.ascontiguousarray(windows[:rows, :columns]).reshape(-1, patch * patch)


def learn(samples: Iterable[np.ndarray], patch: int, stride: int, sparse: bool, seed: int) -> Reconstruction:
    """Learn a basis from the patches of normal samples.

    Parameters
    ----------
    samples : iterable of ndarray of uint8, shape (height, width, channels)
    patch, stride : int
    sparse : bool
        Whether to learn a dictionary for sparse codes, or principal components.
    seed : int
    """
    patches = np.concatenate([patches_of(pixels, patch, stride) for pixels in samples])
    patches -= patches.mean(axis=1, keepdims=True)
    if sparse:
        learner = MiniBatchDictionaryLearning(
            min(ATOMS, len(patches)),
            batch_size=256,
            max_iter=20,
            fit_algorithm="cd",
            random_state=seed,
        )
        with warnings.catch_warnings():
            # of single codes while it learns
            warnings.simplefilter("ignore", ConvergenceWarning)
            basis = learner.fit(patches).components_
        basis = basis / np.maximum(np.linalg.norm(basis, axis=1, keepdims=True), 1e-9)
    else:
        components = PCA(svd_solver="full").fit(patches)
        kept = int(np.searchsorted(np.cumsum(components.explained_variance_ratio_), EXPLAINED)) + 1
        basis = components.components_[:kept]
    return Reconstruction(stride, patch, basis.astype(np.float32), sparse)
