"""What patches of normal images look like, and how far others are from it.

Features are first decorrelated and scaled to unit variance (whitened), so that a distance counts each direction by how
much normal patches vary along it: the distance to their mean is then that of Mahalanobis. Covariances are shrunk
towards the identity of standardised features, since there may be few patches for many features.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from sklearn.utils import gen_batches

from gradewise.families.patches.settings import CommonSettings
from gradewise.families.stored import Tensors

BLOCK = 2048
"""Patches that are compared at once."""

FLOOR = 0.1
"""Added to the variances of each of several Gaussians, in units of those of all patches."""

MIXED = 15_000
"""Patches that several Gaussians are fitted to, at most."""

STEPS = 20
"""Most steps of the fit of several Gaussians; the fit is good enough where they do not suffice."""


@dataclass(frozen=True)
class Memory:
    """Normal patches.

    Attributes
    ----------
    mean : ndarray of float32, shape (d,)
    whitening : ndarray of float32, shape (d, d)
        Centred features times this matrix are uncorrelated with unit variance.
    centres : ndarray of float32, shape (k, d)
        Whitened patches, or means of Gaussians.
    factors : ndarray of float32, shape (k, d, d) or (0, d, d)
        Of Gaussians: what whitens again around each centre.
    offsets : ndarray of float32, shape (k,) or (0,)
        Of Gaussians: added to squared distances, so that wide and rare ones are far.
    neighbours : int
        Nearest patches whose mean distance counts.
    """

    mean: np.ndarray
    whitening: np.ndarray
    centres: np.ndarray
    factors: np.ndarray
    offsets: np.ndarray
    neighbours: int

    @property
    def in_words(self) -> str:
        """What patches are compared with: '4 Gaussians', 'nearest 3 of 5000 patches'."""
        if len(self.factors):
            return f"{len(self.factors)} Gaussian{'s' if len(self.factors) > 1 else ''}"
        return f"nearest {self.neighbours} of {len(self.centres)} patches"

    @property
    def tensors(self) -> dict[str, np.ndarray]:
        """All arrays by name."""
        return {name: getattr(self, name) for name in ("mean", "whitening", "centres", "factors", "offsets")}

    def distances(self, features: np.ndarray) -> np.ndarray:
        """Distances of patches from normal ones, float32 (n,), for features (n, d)."""
        distances = np.empty(len(features), np.float32)
        for part in gen_batches(len(features), BLOCK):
            white = (features[part] - self.mean) @ self.whitening
            distances[part] = self._to_gaussians(white) if len(self.factors) else self._to_neighbours(white)
        return distances

    def _to_gaussians(self, white: np.ndarray) -> np.ndarray:
        squared = [
            (((white - centre) @ factor) ** 2).sum(axis=1) + offset
            for centre, factor, offset in zip(self.centres, self.factors, self.offsets, strict=True)
        ]
        return np.asarray(np.sqrt(np.min(squared, axis=0)))

    def _to_neighbours(self, white: np.ndarray) -> np.ndarray:
        squared = (white**2).sum(axis=1)[:, None] - 2 * white @ self.centres.T + (self.centres**2).sum(axis=1)
        nearest = np.partition(squared, self.neighbours - 1, axis=1)[:, : self.neighbours]
        return np.asarray(np.sqrt(np.maximum(nearest, 0)).mean(axis=1))


def expected_tensors(length: int, settings: CommonSettings) -> Tensors:
    """Types and shapes of the arrays of a memory of patches with so many features."""
    gaussians = settings.memory == "gaussians"
    count = settings.gaussians if gaussians else None
    several = settings.gaussians if gaussians else 0
    return {
        "mean": ("F32", (length,)),
        "whitening": ("F32", (length, length)),
        "centres": ("F32", (count, length)),
        "factors": ("F32", (several, length, length)),
        "offsets": ("F32", (several,)),
    }


def remember(features: np.ndarray, settings: CommonSettings, seed: int, most: int) -> Memory:
    """Fit a memory to features of normal patches.

    Parameters
    ----------
    features : ndarray, shape (n, d)
    settings : CommonSettings
    seed : int
    most : int
        Patches that are kept for comparison, at most: of fewer, the nearest is further.
    """
    exact = features.astype(np.float64)
    mean, scale = exact.mean(axis=0), exact.std(axis=0) + 1e-6
    standard = (exact - mean) / scale
    covariance = (1 - settings.shrinkage) * (standard.T @ standard) / len(exact)
    covariance += settings.shrinkage * np.eye(len(mean))
    whitening = np.linalg.cholesky(np.linalg.inv(covariance)) / scale[:, None]
    white = (exact - mean) @ whitening
    if settings.memory == "neighbours":
        chosen = np.random.default_rng(seed).permutation(len(white))[: min(settings.stored, most)]
        centres, factors, offsets = white[np.sort(chosen)], np.empty((0, *whitening.shape)), np.empty(0)
    elif settings.gaussians == 1:
        centres, factors, offsets = np.zeros((1, len(mean))), np.eye(len(mean))[None], np.zeros(1)
    else:
        centres, factors, offsets = _mixture(white, settings.gaussians, seed)
    return Memory(
        mean.astype(np.float32),
        whitening.astype(np.float32),
        centres.astype(np.float32),
        factors.astype(np.float32),
        offsets.astype(np.float32),
        min(settings.neighbours, len(centres)),
    )


def _mixture(white: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centres, factors and offsets of several Gaussians."""
    mixture = GaussianMixture(count, reg_covar=FLOOR, init_params="k-means++", max_iter=STEPS, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(white[np.random.default_rng(seed).permutation(len(white))[:MIXED]])
    factors = mixture.precisions_cholesky_
    offsets = -2 * np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1) - 2 * np.log(mixture.weights_)
    return mixture.means_, factors, offsets - offsets.min()
