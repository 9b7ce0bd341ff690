"""Fits support vector classifiers with many settings to the same samples, sharing common work.

Inner products of the scores are accumulated from one number of components to the next. Each kernel matrix is computed
from them once, and all settings that share it are fitted in parallel. `train_pca_svm` chooses settings this way, and
studies vary them.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from joblib import Parallel, delayed
from sklearn.svm import SVC
from sklearn.utils import gen_batches

from gradewise.families.folds import Folds
from gradewise.families.pca_svm.machine import scale
from gradewise.families.pca_svm.settings import SvmSettings
from gradewise.families.pca_svm.svm import (
    converged,
    cross_validated_sigmoids,
    gamma_as_number,
    ignore_early_stops,
    predict_proba,
    support_vector_classifier,
    unfitted,
)

LARGEST_KERNEL = 8000
"""Training samples up to which kernel matrices are held in memory."""

KERNEL_BYTES = 2**30
"""Memory for kernel matrices held at a time, in addition to the inner products; at least one is held."""

BLOCK_ROWS = 64
log = logging.getLogger(__name__)
Kept = TypeVar("Kept")


@dataclass(frozen=True)
class Fit:
    """A fitted classifier and its inputs.

    Attributes
    ----------
    classifier : SVC
    inputs : list of ndarray of float64
        Inputs of `classifier` for each part of the scores: rows of the kernel matrix, or scaled scores.
    components : int
        Number in use; fewer than the settings ask for if there are no more.
    gamma : float or None
        The number used; None for a linear kernel.
    seconds : float
        Time to fit, without the shared kernel matrix.
    """

    classifier: SVC
    inputs: list[np.ndarray]
    components: int
    gamma: float | None
    seconds: float


def fit_each(
    candidates: Iterable[SvmSettings],
    parts: Sequence[np.ndarray],
    targets: np.ndarray,
    explained_variance: np.ndarray,
    threads: int,
    use: Callable[[Fit], Kept],
) -> dict[SvmSettings, Kept]:
    """Fit an uncalibrated classifier with each of the settings and return what `use` keeps of it.

    Needs 8 n (n + m) bytes for the inner products and the same for each kernel matrix held.

    Parameters
    ----------
    candidates : iterable of SvmSettings
    parts : sequence of ndarray, shapes (n, k), (m, k) ..
        Unscaled scores: first those of the training samples, then any others to predict.
    targets : ndarray of int64, shape (n,)
    explained_variance : ndarray, shape (k,)
    threads : int
        Number of parallel fits; the result does not depend on it.
    use : callable
        Called with each fit in its own thread; returns what to keep. Matrices are freed afterwards.

    Returns
    -------
    dict
        From each of the settings to what `use` returned.
    """
    kept: dict[SvmSettings, Kept] = {}

    def attempt(settings: SvmSettings, classifier: SVC, inputs: list[np.ndarray], gamma: float | None, k: int) -> None:
        start = time.perf_counter()
        classifier.fit(inputs[0], targets)
        kept[settings] = use(Fit(classifier, inputs, k, gamma, time.perf_counter() - start))
        if not converged(classifier):
            log.info("not converged in %d steps: %s", classifier.max_iter, _describe(settings, gamma))

    ordered = sorted(dict.fromkeys(candidates), key=lambda settings: (settings.whiten, settings.components))
    jobs_at_a_time = _on_kernels if len(parts[0]) <= LARGEST_KERNEL else _on_scores
    with ignore_early_stops():
        for jobs in jobs_at_a_time(ordered, parts, explained_variance, threads):
            # The slowest fits, those with a large C, come first so that threads finish together.
            jobs.sort(key=lambda job: job[0].C, reverse=True)
            Parallel(threads, require="sharedmem")(delayed(attempt)(*job) for job in jobs)
            # Frees the matrices before the next ones are computed.
            jobs.clear()
    return kept


def validation_probabilities(
    candidates: Sequence[SvmSettings],
    scores: tuple[np.ndarray, np.ndarray],
    targets: np.ndarray,
    folds: Folds,
    explained_variance: np.ndarray,
    threads: int,
) -> dict[SvmSettings, np.ndarray]:
    """Calibrated probabilities of validation samples.

    Parameters
    ----------
    candidates : sequence of SvmSettings
    scores : pair of ndarray, shapes (n, k) and (m, k)
        Unscaled scores of training and validation samples.
    targets : ndarray of int64, shape (n,)
        Classes of the training samples.
    folds : list of (training rows, left-out rows)
        On which probabilities are calibrated, from `grouped_folds`.
    explained_variance : ndarray, shape (k,)
    threads : int

    Returns
    -------
    dict
        From each candidate to its probabilities, shape (m, classes).
    """

    def probabilities(fit: Fit) -> np.ndarray:
        sigmoids = cross_validated_sigmoids(fit.classifier, fit.inputs[0], targets, folds)
        return predict_proba(fit.classifier, sigmoids, fit.inputs[1])

    return fit_each(candidates, scores, targets, explained_variance, threads, probabilities)


Job = tuple[SvmSettings, SVC, list[np.ndarray], float | None, int]


def _on_kernels(
    ordered: list[SvmSettings], parts: Sequence[np.ndarray], explained_variance: np.ndarray, threads: int
) -> Iterator[list[Job]]:
    """Fits on kernel matrices, as many at a time as fit in memory."""
    n, cuts = len(parts[0]), np.cumsum([len(part) for part in parts])
    together = np.concatenate(parts)
    most = together.shape[1]
    for _, same_scale in itertools.groupby(ordered, lambda settings: settings.whiten):
        in_scale = list(same_scale)
        rows = scale(together, explained_variance, in_scale[-1])
        products, previous_k = np.zeros((len(rows), n)), 0
        for k, same_space in itertools.groupby(in_scale, lambda settings: min(settings.components, most)):
            _add_products(products, rows[:, previous_k:k], n)
            previous_k = k
            lengths = np.einsum("ij,ij->i", rows[:, :k], rows[:, :k])
            by_gamma: dict[float | None, list[SvmSettings]] = {}
            for settings in same_space:
                gamma = gamma_as_number(rows[:n, :k], settings) if settings.kernel == "rbf" else None
                by_gamma.setdefault(gamma, []).append(settings)
            kernel = partial(_kernel, products, lengths)
            gammas = list(by_gamma)
            for batch in gen_batches(len(gammas), max(1, KERNEL_BYTES // products.nbytes)):
                kernels = Parallel(threads, require="sharedmem")(delayed(kernel)(gamma) for gamma in gammas[batch])
                jobs: list[Job] = [
                    (settings, unfitted(settings, kernel="precomputed"), np.split(matrix, cuts[:-1]), gamma, k)
                    for gamma, matrix in zip(gammas[batch], kernels, strict=True)
                    for settings in by_gamma[gamma]
                ]
                del kernels
                yield jobs


def _on_scores(
    ordered: list[SvmSettings], parts: Sequence[np.ndarray], explained_variance: np.ndarray, threads: int
) -> Iterator[list[Job]]:
    """Fits on scores, for too many samples to hold kernel matrices."""
    for _, same_space in itertools.groupby(ordered, lambda settings: (settings.whiten, settings.components)):
        in_space = list(same_space)
        scaled = [scale(part, explained_variance, in_space[0]) for part in parts]
        jobs: list[Job] = []
        for settings in in_space:
            classifier = support_vector_classifier(scaled[0], settings)
            gamma = classifier.gamma if settings.kernel == "rbf" else None
            jobs.append((settings, classifier, scaled, gamma, scaled[0].shape[1]))
        yield jobs


def _add_products(products: np.ndarray, columns: np.ndarray, n: int) -> None:
    """Add the inner products of all rows with the first n."""
    for block in gen_batches(len(columns), 512):
        products[block] += columns[block] @ columns[:n].T


def _kernel(products: np.ndarray, lengths: np.ndarray, gamma: float | None) -> np.ndarray:
    """exp(-gamma |x - y|^2) from inner products and squared lengths; the inner products if gamma is None."""
    if gamma is None:
        return products
    kernel = np.empty_like(products)
    for block in gen_batches(len(products), BLOCK_ROWS):
        exponent = products[block] * (2 * gamma)
        exponent -= gamma * lengths[block, None]
        exponent -= gamma * lengths[: products.shape[1]]
        np.exp(np.minimum(exponent, 0, out=exponent), out=kernel[block])
    return kernel


def _describe(settings: SvmSettings, gamma: float | None) -> str:
    kernel = "linear kernel" if gamma is None else f"gamma {gamma:.3g}"
    whitened = ", whitened" if settings.whiten else ""
    return f"{settings.components} components{whitened}, C {settings.C:g}, {kernel}"
