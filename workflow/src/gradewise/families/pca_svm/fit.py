"""Fits support vector classifiers with calibrated probabilities on principal component scores."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from gradewise.families.choose import choose
from gradewise.families.family import Fitted
from gradewise.families.folds import grouped_folds
from gradewise.families.pca_svm.classifier import PcaSvmClassifier
from gradewise.families.pca_svm.machine import Machine, scale
from gradewise.families.pca_svm.settings import SvmSettings
from gradewise.families.pca_svm.svm import calibrate, converged
from gradewise.families.pca_svm.svm_grid import validation_probabilities
from gradewise.families.training_set import Components, TrainingSet

log = logging.getLogger(__name__)


def fit_best(training: TrainingSet, candidates: Sequence[SvmSettings]) -> tuple[SvmSettings, Fitted]:
    """Fit the candidate with the best score on validation samples, see `choose.choose`.

    Raises
    ------
    UserError
        In the same cases as `fit`.
    """
    components = _components(training)
    positions, targets = training.train
    largest = max(settings.components for settings in candidates)
    if largest > components.scores.shape[1]:
        log.info("%d components instead of %d: the view has no more", components.scores.shape[1], largest)
    probabilities = {}
    if len(candidates) > 1:
        probabilities = validation_probabilities(
            candidates,
            (components.scores[positions], components.scores[training.validation[0]]),
            targets,
            grouped_folds(targets, training.groups(positions), training.seed),
            components.pca.explained_variance,
            training.threads,
        )
    choice = choose(candidates, lambda settings: settings, probabilities.__getitem__, training.judge)
    fitted = fit(training, choice.settings)
    fitted.facts.update(choice.facts)
    return choice.settings, fitted


def fit(training: TrainingSet, settings: SvmSettings) -> Fitted:
    """Fit a classifier to the training samples and calibrate it on folds of whole groups.

    The time to fit includes that of the principal components. The result does not depend on the number of threads.

    Raises
    ------
    UserError
        If a class has no training sample, or if there are too few groups for calibration.
    """
    components = _components(training)
    positions, targets = training.train
    scaled = scale(components.scores[positions], components.pca.explained_variance, settings)
    folds = grouped_folds(targets, training.groups(positions), training.seed)
    classifier, sigmoids = calibrate(scaled, targets, folds, settings, training.threads)
    gamma = float(classifier.gamma) if settings.kernel == "rbf" else None
    machine = Machine.of(classifier, gamma)
    pca = components.pca.first(settings.components)
    fitted = PcaSvmClassifier(pca, machine, sigmoids, settings, training.classes)
    predicted = fitted.predict_proba_of_scores(components.scores).argmax(axis=1)
    if not converged(classifier):
        log.info("not converged: the optimiser was stopped after %d steps (max_iter)", settings.max_iter)
    validation, expected = training.validation
    facts = {
        "seconds_pca": components.seconds,
        "components": len(pca.components),
        "explained_variance_ratio": float(pca.explained_variance.sum() / pca.total_variance),
        "gamma": gamma,
        "support_vectors": len(machine.vectors),
        "converged": converged(classifier),
        "optimiser_steps": int(classifier.n_iter_.sum()),
        "calibration_folds": len(folds),
        "train_accuracy": float((predicted[positions] == targets).mean()),
        "validation_accuracy": float((predicted[validation] == expected).mean()) if len(validation) else None,
    }
    return Fitted(fitted, count_parameters(fitted), facts=facts, seconds_elsewhere=components.seconds)


def count_parameters(fitted: PcaSvmClassifier) -> int:
    """Number of parameters: mean, components, support vectors, their coefficients and the sigmoids."""
    pca, machine = fitted.pca, fitted.machine
    of_machine = (machine.vectors, machine.coefficients, machine.intercept)
    arrays = (pca.mean, pca.components, *of_machine, fitted.sigmoids)
    return sum(array.size for array in arrays)


def _components(training: TrainingSet) -> Components:
    if training.components is None:
        raise ValueError("pca_svm needs a training set with principal components")
    return training.components
