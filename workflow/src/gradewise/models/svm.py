"""Support vector classifiers on principal component scores: fitting, calibration, and scoring a grid of settings."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence

import numpy as np
from joblib import Parallel, delayed, parallel_config
from sklearn.calibration import CalibratedClassifierCV
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.svm import SVC

from gradewise.command import UserError
from gradewise.config import SvmSettings

LARGEST_KERNEL = 8000
FOLDS = 5
log = logging.getLogger(__name__)


def scale(scores: np.ndarray, explained_variance: np.ndarray, settings: SvmSettings) -> np.ndarray:
    """The part of the scores that the settings ask for, of unit variance where they say `whiten`.

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


def gamma_as_number(scaled: np.ndarray, settings: SvmSettings) -> float:
    """Gamma of the rbf kernel; `scale` is 1 / (components x variance of all training values), as in scikit-learn."""
    return 1.0 / (scaled.shape[1] * float(scaled.var())) if settings.gamma == "scale" else settings.gamma


def support_vector_classifier(scaled: np.ndarray, settings: SvmSettings) -> SVC:
    """An unfitted classifier with gamma as a number taken from training values, shape (n, k)."""
    gamma = gamma_as_number(scaled, settings)
    return SVC(C=settings.C, kernel=settings.kernel, gamma=gamma, class_weight=settings.class_weight)


def calibrate(
    scaled: np.ndarray, targets: np.ndarray, groups: np.ndarray, settings: SvmSettings, seed: int, threads: int
) -> CalibratedClassifierCV:
    """Fit on all training samples, with Platt's sigmoid fitted to decisions from grouped cross-validation.

    Parameters
    ----------
    scaled : ndarray of float64, shape (n, k)
    targets : ndarray of int64, shape (n,)
    groups : ndarray, shape (n,)
        No group lies on both sides of a fold.
    settings : SvmSettings
    seed : int
        Shuffles the folds.
    threads : int

    Raises
    ------
    UserError
        Where the groups allow no two folds with every class on the training side.

    References
    ----------
    Platt, J. (1999). Probabilistic outputs for support vector machines and comparisons to regularized likelihood
    methods. Advances in Large Margin Classifiers.
    """
    folds = grouped_folds(targets, groups, seed)
    calibrated = CalibratedClassifierCV(support_vector_classifier(scaled, settings), ensemble=False, cv=folds)
    with parallel_config(backend="threading", n_jobs=threads):
        calibrated.fit(scaled, targets)
    # Which rows made which fold is of no use to prediction and would be stored with the model.
    return calibrated.set_params(cv=len(folds))


def grouped_folds(targets: np.ndarray, groups: np.ndarray, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Stratified folds that keep groups whole: five, or fewer where groups are few.

    Returns
    -------
    list of (training rows, left-out rows)
        Every class occurs on every training side.

    Raises
    ------
    UserError
        Where not even two such folds exist.
    """
    groups_of_class = [len(np.unique(groups[targets == code])) for code in np.unique(targets)]
    classes = len(groups_of_class)
    for number in range(min(FOLDS, *groups_of_class), 1, -1):
        splitter = StratifiedGroupKFold(number, shuffle=True, random_state=seed)
        folds = list(splitter.split(targets, targets, groups))
        if all(len(left_out) and len(np.unique(targets[inside])) == classes for inside, left_out in folds):
            return folds
    raise UserError(
        "calibrated probabilities need training groups that can be parted in two, each part with every class; "
        f"the class with the fewest groups has {min(groups_of_class)} of {len(np.unique(groups))}. "
        "Add images, change `group` or `evaluation`, or take the class out"
    )


def validation_accuracies(
    candidates: Sequence[SvmSettings],
    scores: tuple[np.ndarray, np.ndarray],
    targets: tuple[np.ndarray, np.ndarray],
    explained_variance: np.ndarray,
    threads: int,
) -> dict[SvmSettings, float]:
    """Accuracy of uncalibrated classifiers on validation samples.

    Candidates that differ in `C` or `class_weight` alone share one kernel matrix, those that differ in gamma the
    distances under it, as long as the matrix is small enough to hold; fits on one kernel run side by side.

    Parameters
    ----------
    candidates : sequence of SvmSettings
    scores : pair of ndarray, shapes (n, k) and (m, k)
        Of training and validation samples, unscaled.
    targets : pair of ndarray of int64, shapes (n,) and (m,)
    explained_variance : ndarray, shape (k,)
    threads : int

    Returns
    -------
    dict
        From each candidate to its accuracy.
    """
    accuracies: dict[SvmSettings, float] = {}

    def score(settings: SvmSettings, classifier: SVC, train: np.ndarray, validation: np.ndarray) -> None:
        accuracies[settings] = float(classifier.fit(train, targets[0]).score(validation, targets[1]))

    ordered = sorted(dict.fromkeys(candidates), key=lambda settings: (_space(settings), _kernel(settings)))
    for _, same_space in itertools.groupby(ordered, _space):
        alike = list(same_space)
        train, validation = (scale(part, explained_variance, alike[0]) for part in scores)
        distances = None
        for _, same_kernel in itertools.groupby(alike, _kernel):
            sharing = list(same_kernel)
            log.info("%d candidates on %s", len(sharing), _words(sharing[0]))
            if len(train) > LARGEST_KERNEL or len(alike) == 1:
                jobs = [
                    (settings, support_vector_classifier(train, settings), train, validation) for settings in sharing
                ]
            else:
                if sharing[0].kernel == "linear":
                    kernels = [part @ train.T for part in (train, validation)]
                else:
                    if distances is None:
                        distances = [euclidean_distances(part, train, squared=True) for part in (train, validation)]
                    gamma = gamma_as_number(train, sharing[0])
                    kernels = [np.exp(-gamma * part) for part in distances]
                jobs = [
                    (settings, SVC(C=settings.C, kernel="precomputed", class_weight=settings.class_weight), *kernels)
                    for settings in sharing
                ]
            Parallel(threads, require="sharedmem")(delayed(score)(*job) for job in jobs)
    return accuracies


def _space(settings: SvmSettings) -> tuple[int, bool]:
    return settings.components, settings.whiten


def _kernel(settings: SvmSettings) -> tuple[str, str]:
    return settings.kernel, str(settings.gamma) if settings.kernel == "rbf" else ""


def _words(settings: SvmSettings) -> str:
    gamma = f" of gamma {settings.gamma}" if settings.kernel == "rbf" else ""
    return f"{settings.components} components, {settings.kernel} kernel{gamma}"
