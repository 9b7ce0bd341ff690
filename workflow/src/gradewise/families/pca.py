"""Exact principal components of raw pixels 0..255, or of standardised features of a backbone, block by block.

The Gram matrix (samples x samples) or the covariance matrix (pixels x pixels), whichever is smaller, is accumulated
block by block from the memory-mapped samples and decomposed once. One fit with the largest number of components serves
every smaller number, since components do not depend on how many are kept. Features of a backbone are standardised, for
those of different maps have different scales, and so have means and maxima; that is part of the components.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy  # loads its parts when they are first used
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from gradewise import tables
from gradewise.command import UserError
from gradewise.families.stored import Length, read_metadata, read_tensors, reading, require, write_tensors
from gradewise.progress import track

BLOCK_BYTES = 2**26
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pca:
    """Fitted principal components.

    Attributes
    ----------
    mean : ndarray of float32, shape (d,)
        Mean of the training samples; d = height x width x channels.
    components : ndarray of float32, shape (k, d)
        Rows by descending variance; the entry of largest magnitude in each is positive. Orthonormal on pixels; on
        features, orthonormal but for a division by the standard deviation of each.
    explained_variance : ndarray of float64, shape (k,)
        Variance of the training samples along each component [grey level squared; 1 on features], with n - 1 in the
        denominator.
    total_variance : float
        Variance summed over all d values.
    shape : tuple of int
        Height, width and channels of a sample.
    """

    mean: np.ndarray
    components: np.ndarray
    explained_variance: np.ndarray
    total_variance: float
    shape: tuple[int, ...]

    def first(self, components: int) -> Pca:
        """The decomposition reduced to its first components; all if there are fewer."""
        return replace(
            self, components=self.components[:components], explained_variance=self.explained_variance[:components]
        )

    def project(self, pixels: np.ndarray) -> np.ndarray:
        """Scores of samples along the components, computed in blocks.

        Parameters
        ----------
        pixels : ndarray of uint8, shape (n, height, width, channels)

        Returns
        -------
        ndarray of float32, shape (n, k)
        """
        flat = pixels.reshape(len(pixels), -1)
        scores = np.empty((len(flat), len(self.components)), dtype=np.float32)
        for part in _batches(len(flat), flat.shape[1]):
            np.matmul(flat[part] - self.mean, self.components.T, out=scores[part])
        return scores

    def write(self, path: Path, **notes: float) -> None:
        """Write a safetensors file, with shape, total variance and `notes` as JSON in its metadata."""
        tensors = {
            "mean": self.mean,
            "components": np.ascontiguousarray(self.components),
            "explained_variance": np.ascontiguousarray(self.explained_variance),
        }
        facts = {**notes, "shape": list(self.shape), "total_variance": self.total_variance}
        write_tensors(path, tensors, facts)


class _Facts(BaseModel):
    """What the metadata of a file of `Pca.write` hold besides notes."""

    model_config = ConfigDict(extra="allow")
    shape: tuple[Length, ...] = Field(min_length=1)
    total_variance: FiniteFloat = Field(gt=0)


def read_pca(path: Path) -> tuple[Pca, dict[str, float]]:
    """Read components and notes from a file of `Pca.write`.

    Raises
    ------
    UserError
        If the file is damaged, its arrays do not fit each other or the shape of samples, or numbers are not finite.
    """
    metadata = read_metadata(path)
    with reading(path):
        facts = _Facts.model_validate(metadata)
    d = math.prod(facts.shape)
    tensors = read_tensors(
        path, {"mean": ("F32", (d,)), "components": ("F32", (None, d)), "explained_variance": ("F64", (None,))}
    )
    components, variance = tensors["components"], tensors["explained_variance"]
    require(
        len(components) == len(variance) <= d,
        path,
        f"has {len(components)} components of {d} values, but {len(variance)} variances",
    )
    require(bool((variance > 0).all()), path, "explained_variance is not above zero")
    notes = facts.model_extra or {}
    return Pca(tensors["mean"], components, variance, facts.total_variance, facts.shape), notes


def read_scores(features: Path, sample_ids: np.ndarray, repeat: int) -> np.ndarray:
    """Scores of samples from `features.parquet` of `fit_pca`, in the order of `sample_ids`.

    Parameters
    ----------
    features : Path
    sample_ids : ndarray of str, shape (n,)
    repeat : int

    Returns
    -------
    ndarray of float32, shape (n, k)

    Raises
    ------
    UserError
        If the components are those of another repeat, or samples are missing.
    """
    fitted_on = tables.read_metadata(features)["repeat"]
    if fitted_on != repeat:
        raise UserError(f"{features}: has components of repeat {fitted_on}, not {repeat}; run fit_pca for {repeat}")
    stored = tables.read(features).set_index("sample_id")["scores"]
    missing = np.setdiff1d(sample_ids, stored.index.to_numpy())
    if len(missing):
        raise UserError(
            f"{features}: lacks {len(missing)} of {len(sample_ids)} samples, e.g. {missing[0]}; "
            "run fit_pca on the same view and splits"
        )
    return np.stack(stored.loc[sample_ids].to_list())


def fit(pixels: np.ndarray, rows: np.ndarray, components: int) -> Pca:
    """Fit principal components to some of the samples.

    Needs 8 min(n, d)^2 bytes for the matrix and 4 k d bytes for the components, in addition to a block of pixels.

    Parameters
    ----------
    pixels : ndarray of uint8 or float32, shape (all samples, height, width, channels)
        May be memory-mapped. Values of type float32 are features, which are standardised.
    rows : ndarray of int, shape (n,)
        Positions of the samples to fit on.
    components : int
        Number requested; at most min(n - 1, d), or the rank of the samples if lower, are returned.

    Raises
    ------
    UserError
        If there are fewer than two samples or all are equal.
    """
    flat = pixels.reshape(len(pixels), -1)
    n, d = len(rows), flat.shape[1]
    limit = min(components, n - 1, d)
    if limit < 1:
        raise UserError(f"principal components need at least two training samples, not {n}")
    mean = _mean(flat, rows)
    scale = None if flat.dtype == np.uint8 else _deviations(flat, rows)
    matrix = _gram(flat, rows, mean, scale) if n <= d else _scatter(flat, rows, mean, scale)
    total = float(np.trace(matrix))
    side = len(matrix)
    values, vectors = scipy.linalg.eigh(
        matrix, subset_by_index=[side - limit, side - 1], overwrite_a=True, check_finite=False
    )
    values, vectors = values[::-1], vectors[:, ::-1]
    kept = int((values > 10 * np.finfo(np.float32).eps * values[0]).sum())
    if kept < 1:
        raise UserError(f"the {n} training samples are all equal, so they have no principal components")
    if kept < components:
        log.info("%d components instead of %d: %d training samples of %d pixels have no more", kept, components, n, d)
    values, vectors = values[:kept], vectors[:, :kept]
    if n <= d:
        axes = _axes(flat, rows, mean, scale, vectors / np.sqrt(values))
    else:
        axes = vectors.T.astype(np.float32, order="C")
    if scale is not None:
        axes /= scale
    for axis in axes:
        if axis[np.abs(axis).argmax()] < 0:
            axis *= -1
    return Pca(mean, axes, values / (n - 1), total / (n - 1), pixels.shape[1:])


def _batches(count: int, length: int) -> Iterator[slice]:
    """Slices of `count` vectors of `length` float32 each that fill a block of memory."""
    size = max(16, BLOCK_BYTES // (4 * length))
    yield from (slice(start, min(start + size, count)) for start in range(0, count, size))


def _mean(flat: np.ndarray, rows: np.ndarray) -> np.ndarray:
    dtype = np.uint32 if flat.dtype == np.uint8 else np.float64
    total = np.zeros(flat.shape[1], dtype=np.float64)
    for part in _batches(len(rows), flat.shape[1]):
        total += flat[rows[part]].sum(axis=0, dtype=dtype)
    return (total / len(rows)).astype(np.float32)


def _deviations(flat: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Standard deviations of features; 1 for those that never vary."""
    deviations = flat[rows].std(axis=0, dtype=np.float64)
    return np.where(deviations > 0, deviations, 1).astype(np.float32)


def _centred(values: np.ndarray, mean: np.ndarray, scale: np.ndarray | None) -> np.ndarray:
    """Values less their mean, divided by their scale if there is one."""
    centred: np.ndarray = values - mean
    if scale is not None:
        centred /= scale
    return centred


def _gram(flat: np.ndarray, rows: np.ndarray, mean: np.ndarray, scale: np.ndarray | None) -> np.ndarray:
    """Lower triangle of the inner products of centred samples, shape (n, n)."""
    n, d = len(rows), flat.shape[1]
    parts = list(_batches(d, n))
    matrix = np.zeros((n, n), order="F")
    for part in track(parts, len(parts), "blocks of the Gram matrix"):
        centred = _centred(flat[rows, part], mean[part], None if scale is None else scale[part])
        matrix += scipy.linalg.blas.ssyrk(1.0, centred.T, trans=1, lower=1)
    return matrix


def _scatter(flat: np.ndarray, rows: np.ndarray, mean: np.ndarray, scale: np.ndarray | None) -> np.ndarray:
    """Lower triangle of the covariance matrix times n - 1, shape (d, d)."""
    n, d = len(rows), flat.shape[1]
    parts = list(_batches(n, d))
    matrix = np.zeros((d, d), order="F")
    for part in track(parts, len(parts), "blocks of the covariance matrix"):
        matrix += scipy.linalg.blas.ssyrk(1.0, _centred(flat[rows[part]], mean, scale).T, lower=1)
    return matrix


def _axes(
    flat: np.ndarray, rows: np.ndarray, mean: np.ndarray, scale: np.ndarray | None, weights: np.ndarray
) -> np.ndarray:
    """Components as weighted sums of centred samples, shape (k, d), from weights of shape (n, k)."""
    d = flat.shape[1]
    axes = np.empty((weights.shape[1], d), dtype=np.float32)
    transposed = np.ascontiguousarray(weights.T, dtype=np.float32)
    for part in _batches(d, len(rows)):
        centred = _centred(flat[rows, part], mean[part], None if scale is None else scale[part])
        axes[:, part] = transposed @ centred
    return axes
