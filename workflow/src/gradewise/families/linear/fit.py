"""Fits logistic regressions to standardised pixels or principal component scores."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from gradewise.families.family import Fitted
from gradewise.families.linear import LinearSettings
from gradewise.families.linear.classifier import LinearClassifier
from gradewise.families.settings import ClassWeight
from gradewise.families.training_set import TrainingSet

STEPS = 1000
"""Most steps of the optimiser; some hundred suffice."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Regression:
    """A fitted logistic regression.

    Attributes
    ----------
    weights : ndarray of float64, shape (d, classes)
        For inputs that are not standardised.
    intercept : ndarray of float64, shape (classes,)
    steps : int
        Of the optimiser.
    converged : bool
    accuracy : float
        On the rows that it was fitted to.
    """

    weights: np.ndarray
    intercept: np.ndarray
    steps: int
    converged: bool
    accuracy: float


def fit(training: TrainingSet, settings: LinearSettings) -> Fitted:
    """Fit a classifier to the training samples.

    Raises
    ------
    UserError
        If a class has no training sample.
    """
    positions, targets = training.train
    shared = training.components if settings.components else None
    if shared is None:
        inputs = training.samples.pixels[positions].reshape(len(positions), -1).astype(np.float32)
    else:
        inputs = shared.scores[positions, : settings.components].astype(np.float64)
    fitted = regress(inputs, targets, settings.C, settings.class_weight)
    weights, intercept = fitted.weights, fitted.intercept
    if shared is not None:
        pca = shared.pca.first(len(weights))
        weights = pca.components.T.astype(np.float64) @ weights
        intercept = intercept - pca.mean @ weights
    classifier = LinearClassifier(weights, intercept, training.classes, training.shape)
    facts = {
        "components": None if shared is None else inputs.shape[1],
        "converged": fitted.converged,
        "optimiser_steps": fitted.steps,
        "train_accuracy": fitted.accuracy,
        "validation_accuracy": _validation_accuracy(training, classifier),
    }
    seconds = 0.0 if shared is None else shared.seconds
    return Fitted(classifier, weights.size + intercept.size, facts=facts, seconds_elsewhere=seconds)


def regress(inputs: np.ndarray, targets: np.ndarray, C: float, class_weight: ClassWeight) -> Regression:
    """Fit a logistic regression to standardised inputs, whose standardisation becomes part of the weights.

    Parameters
    ----------
    inputs : ndarray of float, shape (n, d)
        Overwritten.
    targets : ndarray of int, shape (n,)
        Every class from 0 occurs.
    C : float
        Inverse strength of the penalty.
    class_weight : "balanced" or None
    """
    scaler = StandardScaler(copy=False)
    standardised = scaler.fit_transform(inputs)
    model = LogisticRegression(C=C, class_weight=class_weight, max_iter=STEPS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # recorded as `converged`
        model.fit(standardised, targets)
    weights, intercept = model.coef_.T.astype(np.float64), model.intercept_.astype(np.float64)
    if len(model.classes_) == 2:  # scikit-learn keeps one score, of the second class
        weights, intercept = np.hstack([0 * weights, weights]), np.append(0 * intercept, intercept)
    weights = weights / scaler.scale_[:, None]
    intercept = intercept - scaler.mean_ @ weights
    converged = bool(model.n_iter_.max() < STEPS)
    if not converged:
        log.info("not converged: the optimiser was stopped after %d steps", STEPS)
    accuracy = float((model.predict(standardised) == targets).mean())
    return Regression(weights, intercept, int(model.n_iter_.sum()), converged, accuracy)


def _validation_accuracy(training: TrainingSet, classifier: LinearClassifier) -> float | None:
    positions, targets = training.validation
    if not len(positions):
        return None
    return float((training.predict_validation(classifier.predict_proba).argmax(axis=1) == targets).mean())
