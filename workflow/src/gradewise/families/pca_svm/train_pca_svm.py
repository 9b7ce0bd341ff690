"""Step `train_pca_svm`: a support vector classifier with calibrated probabilities on principal component scores.

Takes the components and scores that `fit_pca` made; what it writes is complete without them.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

from threadpoolctl import threadpool_limits

from gradewise import command
from gradewise.families.choose import choose, require_validation
from gradewise.families.pca import read_pca, read_scores
from gradewise.families.pca_svm.classifier import PcaSvm
from gradewise.families.pca_svm.settings import SvmSettings
from gradewise.families.pca_svm.svm import calibrate, converged, grouped_folds, scale
from gradewise.families.pca_svm.svm_grid import validation_accuracies
from gradewise.families.run import Cost, Identity, write_run
from gradewise.families.targets import training_targets
from gradewise.provenance import derive_seed
from gradewise.views.samples import read_samples

log = logging.getLogger(__name__)


def train_pca_svm(
    *,
    samples: Path,
    splits: Path,
    manifest: Path,
    features: Path,
    pca: Path,
    repeat: int,
    dataset: str,
    model: str,
    view: str,
    classes: list[str],
    candidates: list[SvmSettings],
    seed: int,
    threads: int,
    output: Path,
) -> None:
    """Train a classifier and write it, its predictions and `run.json`.

    The recorded time to fit includes that of the principal components.

    Parameters
    ----------
    samples : Path
        The view's cache.
    splits : Path
        The dataset's roles.
    manifest : Path
        The dataset's images and groups.
    features : Path
        `features.parquet` of `fit_pca`, same view and repeat.
    pca : Path
        `pca.safetensors` of `fit_pca`, same view and repeat.
    repeat : int
        Which split.
    dataset : str
        Its name in the configuration.
    model : str
        Its name in the configuration.
    view : str
        Its name in the configuration.
    classes : list of str
        In the order of the configuration.
    candidates : list of SvmSettings
        Settings to choose among by accuracy on the validation samples; one for no choice.
    seed : int
        Of the configuration.
    threads : int
        The result does not depend on it.
    output : Path
        The run's folder.

    Raises
    ------
    UserError
        Where a class has no training sample, settings need validation samples and there are none, groups are too few
        to calibrate, or the features are of other samples.
    """
    with threadpool_limits(threads):
        data = read_samples(samples, splits, manifest, repeat)
        at, targets = training_targets(data, classes)
        fitted_pca, notes = read_pca(pca)
        scores = read_scores(features, data.table["sample_id"].to_numpy(), repeat)
        groups = data.table["group"].to_numpy()[at]
        validation = data.of("validation")
        require_validation(candidates, len(validation))
        expected = data.targets(classes)[validation]
        own_seed = derive_seed(seed, dataset, model, repeat)
        largest = max(settings.components for settings in candidates)
        if largest > scores.shape[1]:
            log.info("%d components instead of %d: there are no more in %s", scores.shape[1], largest, features)

        start = time.perf_counter()
        accuracies = {}
        if len(candidates) > 1:
            accuracies = validation_accuracies(
                candidates,
                (scores[at], scores[validation]),
                (targets, expected),
                fitted_pca.explained_variance,
                threads,
            )
        choice = choose(candidates, lambda settings: settings, accuracies.__getitem__)
        settings = choice.settings
        scaled = scale(scores[at], fitted_pca.explained_variance, settings)
        folds = grouped_folds(targets, groups, own_seed)
        svm = calibrate(scaled, targets, folds, settings, threads)
        seconds = time.perf_counter() - start

        fitted = PcaSvm(fitted_pca.first(settings.components), svm, settings, classes)
        fitted.write(output)
        if not converged(fitted.svm.classifier):
            log.info("not converged: the optimiser was stopped after %d steps (max_iter)", settings.max_iter)
        predicted = fitted.predict_proba_of_scores(scores).argmax(axis=1)
        kept_variance = fitted.pca.explained_variance.sum() / fitted.pca.total_variance
        facts = {
            "seconds_pca": notes["seconds_fit"],
            "components": len(fitted.pca.components),
            "explained_variance_ratio": float(kept_variance),
            "gamma": float(fitted.svm.classifier.gamma) if settings.kernel == "rbf" else None,
            "support_vectors": int(fitted.svm.classifier.n_support_.sum()),
            "converged": converged(fitted.svm.classifier),
            "optimiser_steps": int(fitted.svm.classifier.n_iter_.sum()),
            "calibration_folds": len(folds),
            "train_accuracy": float((predicted[at] == targets).mean()),
            "validation_accuracy": float((predicted[validation] == expected).mean()) if len(validation) else None,
            "tried": choice.tried,
        }
        cost = Cost(seconds + notes["seconds_fit"], threads, "cpu", count_parameters(fitted), facts)
        identity = Identity(dataset, model, "pca_svm", view, repeat, classes, own_seed)
        write_run(output, identity, data, samples, settings, cost, fitted.predict_proba)


def count_parameters(fitted: PcaSvm) -> int:
    """Numbers that make up the model: mean, components, support vectors, their coefficients and the sigmoids."""
    svc, pca = fitted.svm.classifier, fitted.pca
    arrays = (pca.mean, pca.components, svc.support_vectors_, svc.dual_coef_, svc.intercept_, fitted.svm.sigmoids)
    return sum(array.size for array in arrays)


if __name__ == "__main__":
    command.run(train_pca_svm)
