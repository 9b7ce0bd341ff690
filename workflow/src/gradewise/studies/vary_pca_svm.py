"""Step `vary_pca_svm`: support vector classifiers on principal component scores with many settings, in one job.

Takes the components and scores that `fit_pca` made of each view; `models.svm_grid` shares inner products and kernel
matrices among the cells.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from gradewise import command, tables
from gradewise.command import UserError
from gradewise.evaluation.verdicts import check_labels
from gradewise.families.pca import Pca, read_pca, read_scores
from gradewise.families.pca_svm.svm import converged
from gradewise.families.pca_svm.svm_grid import Fit, fit_each
from gradewise.families.targets import training_targets
from gradewise.studies.cells import SvmCell, answers, check_views, write_cells
from gradewise.views.samples import read_table


@dataclass(frozen=True)
class Outcome:
    """What is kept of a fit: the class predicted of each sample, and the measures by name."""

    predicted: np.ndarray
    measures: dict[str, float]


def vary_pca_svm(
    *,
    cells: list[SvmCell],
    samples: list[Path],
    features: list[Path],
    pca: list[Path],
    splits: Path,
    manifest: Path,
    repeat: int,
    classes: list[str],
    threads: int,
    output: Path,
) -> None:
    """Fit every cell and write `answers.parquet` and `measures.parquet`.

    Classifiers are not calibrated. `seconds` are those of a cell's own fit and predictions, without the components,
    inner products and kernel matrices that cells share.

    Parameters
    ----------
    cells : list of SvmCell
        Name, view and settings of each, as JSON, e.g.
        ``[{"name": "C 1", "view": "polar-96", "settings": {"components": 200}}]``.
    samples : list of Path
        The caches of the views; a view's name is that of its file.
    features : list of Path
        `features.parquet` of `fit_pca` for each of them, same repeat.
    pca : list of Path
        `pca.safetensors` of `fit_pca` for each of them, same repeat.
    splits : Path
        The dataset's roles.
    manifest : Path
        The dataset's images, groups and labels.
    repeat : int
        Which split.
    classes : list of str
        In the order of the configuration.
    threads : int
        How many cells are fitted at a time; the result does not depend on it.
    output : Path
        Folder to write into.

    Raises
    ------
    UserError
        Where a cell's view is missing, a class has no training sample, or features are of other samples.
    """
    views = [path.stem for path in samples]
    if not len(samples) == len(features) == len(pca):
        raise UserError(
            f"{len(samples)} samples, {len(features)} features and {len(pca)} pca were given; each view needs one each"
        )
    check_views(cells, views)
    labels = tables.read(manifest, columns=["image_id", "label"]).set_index("image_id")["label"]
    verdicts, measures = {}, {}
    with threadpool_limits(threads):
        for view, cache, scores_of_view, components in zip(views, samples, features, pca, strict=True):
            of_view = [cell for cell in cells if cell.view == view]
            if not of_view:
                continue
            known = read_table(cache, splits, manifest, repeat)
            check_labels(cache, labels, known.table["image_id"], classes)
            at, targets = training_targets(known, classes)
            scores = read_scores(scores_of_view, known.table["sample_id"].to_numpy(), repeat)
            outcomes = fit_cells(of_view, scores, at, targets, read_pca(components)[0], threads)
            for cell, outcome in zip(of_view, outcomes, strict=True):
                votes = np.eye(len(classes))[outcome.predicted]
                verdicts[cell.name] = answers(cell.name, repeat, known.table, labels, classes, votes)
                measures[cell.name] = outcome.measures
    write_cells(cells, repeat, verdicts, measures, output)


def fit_cells(
    cells: Sequence[SvmCell], scores: np.ndarray, at: np.ndarray, targets: np.ndarray, pca: Pca, threads: int
) -> list[Outcome]:
    """Fit cells of one view to its training samples and predict all samples.

    Parameters
    ----------
    cells : sequence of SvmCell
    scores : ndarray of float32, shape (n, k)
        Of all samples.
    at : ndarray of int64, shape (t,)
        Positions of the training samples.
    targets : ndarray of int64, shape (t,)
        Their classes.
    pca : Pca
        That the scores are of.
    threads : int

    Returns
    -------
    list of Outcome
        One a cell.
    """
    order = np.concatenate([at, np.setdiff1d(np.arange(len(scores)), at)])
    parts = [part for part in (scores[order[: len(at)]], scores[order[len(at) :]]) if len(part)]

    def outcome(fit: Fit) -> Outcome:
        start = time.perf_counter()
        predicted = np.empty(len(scores), dtype=np.int64)
        predicted[order] = np.concatenate([fit.classifier.predict(part) for part in fit.inputs])
        seconds = fit.seconds + time.perf_counter() - start
        measures = {
            "gamma": np.nan if fit.gamma is None else fit.gamma,
            "support_vectors": fit.classifier.n_support_.sum(),
            "converged": converged(fit.classifier),
            "optimiser_steps": fit.classifier.n_iter_.sum(),
            "explained_variance": pca.explained_variance[: fit.components].sum() / pca.total_variance,
            "features": fit.components,
            "training_rows": len(at),
            "seconds": seconds,
        }
        return Outcome(predicted, {name: float(value) for name, value in measures.items()})

    found = fit_each([cell.settings for cell in cells], parts, targets, pca.explained_variance, threads, outcome)
    return [found[cell.settings] for cell in cells]


if __name__ == "__main__":
    command.run(vary_pca_svm)
