"""Support vector classifiers on principal component scores: fitting and calibration."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from joblib import parallel_config
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_val_predict
from sklearn.svm import SVC
from sklearn.utils.class_weight import compute_sample_weight

from gradewise.families.folds import Folds
from gradewise.families.pca_svm.pairwise import couple, fit_sigmoids
from gradewise.families.pca_svm.settings import SvmSettings


def gamma_as_number(scaled: np.ndarray, settings: SvmSettings) -> float:
    """Gamma of the rbf kernel; `scale` means 1 / (components x variance of all training values), as in scikit-learn."""
    return 1.0 / (scaled.shape[1] * float(scaled.var())) if settings.gamma == "scale" else settings.gamma


def support_vector_classifier(scaled: np.ndarray, settings: SvmSettings) -> SVC:
    """An unfitted classifier with gamma computed from training values, shape (n, k)."""
    return unfitted(settings, kernel=settings.kernel, gamma=gamma_as_number(scaled, settings))


def unfitted(settings: SvmSettings, **kernel: str | float) -> SVC:
    """An unfitted classifier with all settings except those of the kernel, which are passed to `SVC`."""
    steps = -1 if settings.max_iter is None else settings.max_iter
    return SVC(
        C=settings.C, class_weight=settings.class_weight, max_iter=steps, decision_function_shape="ovo", **kernel
    )


def converged(classifier: SVC) -> bool:
    """Whether the optimiser converged for every pair of classes before `max_iter`."""
    return bool(classifier.fit_status_ == 0)


@contextmanager
def ignore_early_stops() -> Iterator[None]:
    """Suppress scikit-learn's warnings about fits stopped by `max_iter`; callers check `converged` instead.

    Enter it outside of threads, since the filter applies to the whole process.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Solver terminated early", ConvergenceWarning)
        yield


def predict_proba(classifier: SVC, sigmoids: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """Calibrated class probabilities of a fitted classifier.

    Parameters
    ----------
    classifier : SVC
        Its classes are 0 to k - 1.
    sigmoids : ndarray, shape (pairs, 2)
        See `pairwise.fit_sigmoids`.
    inputs : ndarray, shape (n, components) or (n, training samples)
        Scaled scores, or rows of the kernel matrix if the classifier takes one.

    Returns
    -------
    ndarray, shape (n, k)
    """
    return couple(_for_first(classifier.decision_function(inputs)), sigmoids, len(classifier.classes_))


def _for_first(decisions: np.ndarray) -> np.ndarray:
    """One column per pair, above zero for its first class; for two classes scikit-learn scores the second class."""
    return -decisions[:, None] if decisions.ndim == 1 else decisions


def calibrate(
    scaled: np.ndarray, targets: np.ndarray, folds: Folds, settings: SvmSettings, threads: int
) -> tuple[SVC, np.ndarray]:
    """Fit a classifier to all training samples, and its sigmoids to decisions from cross-validation over groups.

    Parameters
    ----------
    scaled : ndarray of float64, shape (n, components)
    targets : ndarray of int64, shape (n,)
        0 to k - 1, all present.
    folds : list of (training rows, left-out rows)
        From `grouped_folds`.
    settings : SvmSettings
    threads : int

    Returns
    -------
    classifier : SVC
    sigmoids : ndarray, shape (pairs, 2)
    """
    classifier = support_vector_classifier(scaled, settings)
    with parallel_config(backend="threading", n_jobs=threads), ignore_early_stops():
        sigmoids = cross_validated_sigmoids(classifier, scaled, targets, folds)
        return classifier.fit(scaled, targets), sigmoids


def cross_validated_sigmoids(classifier: SVC, inputs: np.ndarray, targets: np.ndarray, folds: Folds) -> np.ndarray:
    """Sigmoids of all pairs of classes, from decisions on samples that the classifier was not fitted to.

    Parameters
    ----------
    classifier : SVC
        Only its settings are used; it is not fitted.
    inputs : ndarray, shape (n, components) or (n, n)
        Scaled scores, or the kernel matrix if the classifier takes one.
    targets : ndarray of int64, shape (n,)
    folds : list of (training rows, left-out rows)

    Returns
    -------
    ndarray, shape (pairs, 2)
        See `pairwise.fit_sigmoids`.
    """
    # The sigmoids are weighted, too; otherwise they would undo the weighting of rare classes.
    weights = compute_sample_weight(classifier.class_weight, targets)
    unseen = cross_val_predict(classifier, inputs, targets, cv=folds, method="decision_function")
    return fit_sigmoids(_for_first(unseen), targets, weights)
