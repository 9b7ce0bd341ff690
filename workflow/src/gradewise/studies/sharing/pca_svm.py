"""Support vector classifiers on principal component scores with many settings, fitted together.

Takes the components and scores that `fit_pca` made of the view; `svm_grid` shares inner products and kernel matrices
among the cells. Calibration takes five more fits a cell, on parts of the same kernel matrix.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np

from gradewise.families.folds import grouped_folds
from gradewise.families.pca_svm.settings import SvmSettings
from gradewise.families.pca_svm.svm import converged, cross_validated_sigmoids, predict_proba
from gradewise.families.pca_svm.svm_grid import Fit, fit_each
from gradewise.families.run import Cost
from gradewise.families.targets import training_targets
from gradewise.studies.cell_runs import FittedCell, Task
from gradewise.studies.cells import Cell
from gradewise.views.samples import read_table

Kept = tuple[np.ndarray, Cost]
"""Probabilities of all samples, float32, and what the fit took."""


def fit_cells(cells: Sequence[Cell], task: Task) -> Iterator[FittedCell]:
    """Fit cells of one view to its training samples and predict all samples.

    Probabilities come about as in `train_pca_svm`: a cell with the settings of a model has that model's folds, and so
    its verdicts. `seconds_fit` are those of the cell's own fits, without the components, inner products and kernel
    matrices that cells share.

    Raises
    ------
    UserError
        Where a class has no training sample, groups are too few to calibrate, or the scores are of other samples.
    """
    samples = read_table(*task.inputs)
    positions, targets = training_targets(samples, task.classes)
    components = task.components(samples.table)
    pca, scores = components.pca, components.scores
    groups = samples.table["group"].to_numpy()[positions]
    order = np.concatenate([positions, np.setdiff1d(np.arange(len(scores)), positions)])
    parts = [part for part in (scores[order[: len(positions)]], scores[order[len(positions) :]]) if len(part)]

    for seed, alike in _by_seed(cells, task).items():
        folds = grouped_folds(targets, groups, seed)

        def keep(fit: Fit, folds: list[tuple[np.ndarray, np.ndarray]] = folds) -> Kept:
            start = time.perf_counter()
            sigmoids = cross_validated_sigmoids(fit.classifier, fit.inputs[0], targets, folds)
            seconds = fit.seconds + time.perf_counter() - start
            probabilities = np.empty((len(scores), len(task.classes)), dtype=np.float32)
            probabilities[order] = np.concatenate(
                [predict_proba(fit.classifier, sigmoids, part) for part in fit.inputs]
            )
            vectors = int(fit.classifier.n_support_.sum())
            facts = {
                "components": fit.components,
                "explained_variance_ratio": float(pca.explained_variance[: fit.components].sum() / pca.total_variance),
                "gamma": None if fit.gamma is None else float(fit.gamma),
                "support_vectors": vectors,
                "converged": converged(fit.classifier),
                "optimiser_steps": int(fit.classifier.n_iter_.sum()),
                "calibration_folds": len(folds),
            }
            of_pixels = pca.mean.size * (1 + fit.components)
            of_classifier = vectors * fit.components + fit.classifier.dual_coef_.size + fit.classifier.intercept_.size
            return probabilities, Cost(seconds, 1, "cpu", of_pixels + of_classifier + sigmoids.size, facts)

        settings = {cell.name: SvmSettings.model_validate(cell.settings) for cell in alike}
        kept = fit_each(settings.values(), parts, targets, pca.explained_variance, task.threads, keep)
        for cell in alike:
            probabilities, cost = kept[settings[cell.name]]
            yield FittedCell(cell, settings[cell.name], seed, probabilities, cost)


def _by_seed(cells: Sequence[Cell], task: Task) -> dict[int, list[Cell]]:
    alike: dict[int, list[Cell]] = {}
    for cell in cells:
        alike.setdefault(task.seed_of(cell), []).append(cell)
    return alike
