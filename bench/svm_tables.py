"""Time for the SVM tables of the mango report: shared work against scikit-learn's grid search over a pipeline.

    python bench/svm_tables.py [--fruits 500] [--side 48] [--threads 2] [--divide 1] [--runs 1]

The tables are those of section 2.4 (components 50 .. 800, each with 3 values of C and 4 of gamma) and section 2.5 (30
rows of components, C and gamma). Our method is the step `fit_pca`, including its files, and the fits that the step
`vary` shares. The plain method is `GridSearchCV` over `Pipeline(PCA, SVC)` on pixels in memory: the same cells, the
same training and validation images (`PredefinedSplit`), the same number of threads, and accuracies on both sets of
images. It is measured twice: with the exact decomposition, whose results ours must equal, and with the solver that
scikit-learn chooses, which is randomised for few components. Ours runs before, between and after these, and its slowest
run counts, so that it gains nothing from a quieter moment. With one thread, processor time is measured, otherwise the
time that goes by.

The step `vary` itself also calibrates probabilities, which takes five more fits per cell; its time is printed, too.

Gamma depends on the scale and number of pixels. The report's 1e-5, which it says is about gamma `scale`, is taken as
1 / total variance of the training pixels, and its other values as the same multiples of it.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
from mangoes import CLASSES, Mangoes, write_mangoes
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

from gradewise.families.fit_pca import fit_pca
from gradewise.families.pca import read_pca, read_scores
from gradewise.families.pca_svm.settings import SvmSettings
from gradewise.families.pca_svm.svm_grid import Fit, fit_each
from gradewise.studies.cells import Cell, VariedCells
from gradewise.studies.vary import vary
from gradewise.views.samples import read_table

ROWS = {
    100: ([1e-3, 1e-2, 1e-1, 1, 10], [1e-6, 3e-6, 1e-5, 3e-5, 1e-4]),
    200: ([1e-1, 1, 10], [1e-6, 3e-6, 1e-5, 3e-5, 1e-4]),
    500: ([1e-1, 1, 10], [3e-6, 1e-5, 3e-5]),
    1000: ([1e-1, 1, 10], [3e-6, 1e-5, 3e-5]),
}
"""Section 2.5: for each number of components, values of C with gamma scale, and values of gamma with C = 1."""


NAMES = {"full": "plain, exact PCA", "auto": "plain, default PCA"}
"""Ways of the plain method by the solver of its components."""


@dataclass(frozen=True)
class Result:
    """Seconds of parts of the work, and accuracies (cells, 2) on training and validation images."""

    seconds: dict[str, float]
    accuracies: np.ndarray

    @property
    def total(self) -> float:
        return sum(self.seconds.values())


def cells_of(unit: float, divide: int) -> list[tuple[str, SvmSettings]]:
    """Section and settings of every cell, in the order of the report; gammas are multiplied by `unit`."""
    grid = itertools.product((50, 100, 200, 500, 700, 800), (1.0, 1.5, 2.0), (1e-6, 1e-5, 1e-4, 1e-3))
    cells = [("2.4", SvmSettings(components=k // divide, C=c, gamma=gamma * unit)) for k, c, gamma in grid]
    for k, (with_scale, gammas) in ROWS.items():
        cells += [("2.5", SvmSettings(components=k // divide, C=c)) for c in with_scale]
        cells += [("2.5", SvmSettings(components=k // divide, gamma=gamma * unit)) for gamma in gammas]
    return cells


def now(threads: int) -> float:
    """Processor time of this process with one thread, which other jobs hardly change; otherwise that of the clock."""
    return time.process_time() if threads == 1 else time.perf_counter()


def shared(data: Mangoes, settings: list[SvmSettings], threads: int, folder: Path) -> Result:
    """The shared work of this package: components, then all classifiers, uncalibrated as in the plain method."""
    start = now(threads)
    pca = folder / "pca/mangoes/0"
    most = max(cell.components for cell in settings)
    fit_pca(**data.inputs, repeat=0, components=most, threads=threads, output=pca)
    components = now(threads) - start
    samples = read_table(data.samples, data.splits, data.manifest, 0)
    scores = read_scores(pca / "features.parquet", samples.table["sample_id"].to_numpy(), 0)
    variance = read_pca(pca / "pca.safetensors")[0].explained_variance
    parts = [samples.of(role) for role in ("train", "validation")]
    targets = [samples.targets(CLASSES)[part] for part in parts]

    def right(fit: Fit) -> list[float]:
        return [fit.classifier.score(*pair) for pair in zip(fit.inputs, targets, strict=True)]

    accuracies = fit_each(settings, [scores[part] for part in parts], targets[0], variance, threads, right)
    seconds = {"components": components, "classifiers": now(threads) - start - components}
    return Result(seconds, np.array([accuracies[cell] for cell in settings]))


def study(data: Mangoes, settings: list[SvmSettings], threads: int, folder: Path) -> float:
    """Seconds of the step `vary` on the components that `shared` wrote: calibrated probabilities, with all files."""
    common = {"seeded_as": "svm", "family": "pca_svm", "view": "mangoes"}
    cells = tuple(
        Cell(name=str(number), run=str(number), settings=cell.model_dump(mode="json"), **common)
        for number, cell in enumerate(settings)
    )
    plan = folder / "studies/tables/plan.json"
    plan.parent.mkdir(parents=True)
    plan.write_text(VariedCells(repeats=1, cells=cells).model_dump_json())
    (folder / "views").mkdir()
    (folder / "views/mangoes.parquet").write_bytes(data.samples.read_bytes())
    start = now(threads)
    common = {"classes": CLASSES, "seed": 0, "threads": threads, "output": folder / "study"}
    vary(results=folder, dataset="mangoes", study="tables", repeat=0, **common)
    return now(threads) - start


def plain(data: Mangoes, settings: list[SvmSettings], threads: int, solver: str) -> Result:
    """The method of scikit-learn's documentation: every cell separately, from pixels to accuracy."""
    pipeline = Pipeline([("pca", PCA(svd_solver=solver, random_state=0)), ("svc", SVC())])
    grid = [
        {"pca__n_components": [cell.components], "svc__C": [cell.C], "svc__gamma": [cell.gamma]} for cell in settings
    ]
    folds = PredefinedSplit(np.where(data.roles == "train", -1, 0))
    search = GridSearchCV(pipeline, grid, cv=folds, n_jobs=threads, refit=False, return_train_score=True)
    start = now(threads)
    search.fit(data.pixels.reshape(len(data.pixels), -1), data.targets)
    seconds = now(threads) - start
    scores = search.cv_results_
    return Result({"all": seconds}, np.stack([scores["mean_train_score"], scores["mean_test_score"]], axis=1))


def best_of(result: Result, labels: pd.DataFrame) -> list[int]:
    """The cell most accurate on validation images, the first of equals: of all, of 2.4 by components, and of 2.5."""
    accuracy = pd.Series(result.accuracies[:, 1])
    first = labels["section"] == "2.4"
    parts = [accuracy, *(part for _, part in accuracy[first].groupby(labels["components"])), accuracy[~first]]
    return [int(part.idxmax()) for part in parts]


def compare(fruits: int, side: int, threads: int, divide: int) -> dict[str, dict[str, float]]:
    """Measure both methods, print the results and return them by solver of the plain method."""
    with tempfile.TemporaryDirectory() as name:
        data = write_mangoes(Path(name), fruits, side, threads)
        train = data.pixels[data.roles == "train"].reshape(-1, data.pixels[0].size)
        cells = cells_of(1e5 / train.var(axis=0, dtype=np.float64).sum(), divide)
        settings = [of_cell for _, of_cell in cells]
        runs, plain_results = [shared(data, settings, threads, Path(name))], {}
        for solver in ("full", "auto"):
            plain_results[solver] = plain(data, settings, threads, solver)
            runs.append(shared(data, settings, threads, Path(name)))
        calibrated = study(data, settings, threads, Path(name))
    ours = max(runs, key=lambda run: run.total)
    labels = pd.DataFrame(
        {"section": [section for section, _ in cells], "components": [cell.components for cell in settings]}
    )
    our_best = best_of(ours, labels)
    print(
        f"{len(train)} training and {len(data.pixels) - len(train)} validation images of {side} x {side} x 3 = "
        f"{train.shape[1]} values, {len(cells)} cells, {threads} threads"
    )
    parts = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in ours.seconds.items())
    totals = ", ".join(f"{run.total:.1f}" for run in runs)
    print(f"ours                    {ours.total:8.1f} s  ({parts}; slowest of {totals})")
    print(f"calibrated, with files  {ours.seconds['components'] + calibrated:8.1f} s")
    comparisons = {}
    for solver, result in plain_results.items():
        best = best_of(result, labels)
        difference = np.abs(ours.accuracies - result.accuracies).max(axis=0)
        comparisons[solver] = {
            "plain": result.total,
            "ours": ours.total,
            "ratio": result.total / ours.total,
            "same_best": float(best[0] == our_best[0]),
            "train": float(difference[0]),
            "validation": float(difference[1]),
        }
        print(f"{NAMES[solver]:24}{result.total:8.1f} s  {comparisons[solver]['ratio']:.1f} times as long")
        print(
            f"  largest difference of accuracy over cells: training {difference[0]:.4f}, validation {difference[1]:.4f}"
        )
        same = sum(cell == our_cell for cell, our_cell in zip(best[1:], our_best[1:], strict=True))
        print(f"  same best cell: {'yes' if best[0] == our_best[0] else 'no'}; in parts of the tables: ", end="")
        print(f"{same} of {len(best) - 1}")
    section, cell = cells[our_best[0]]
    print(
        f"best cell: section {section}, {cell.components} components, C {cell.C:g}, "
        f"gamma {cell.gamma if cell.gamma == 'scale' else format(cell.gamma, '.2e')}, "
        f"validation accuracy {ours.accuracies[our_best[0], 1]:.4f}; lowest of all cells "
        f"{ours.accuracies[:, 1].min():.4f}"
    )
    return comparisons


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fruits", type=int, default=500, help="three photos each, seven tenths for training")
    parser.add_argument("--side", type=int, default=48, help="of photos [px]")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--divide", type=int, default=1, help="components of the tables are divided by this")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--small", action="store_true", help="quick trial: few small photos, components divided by 40")
    arguments = parser.parse_args()
    print("$ python", *sys.argv)
    sizes = (arguments.fruits, arguments.side, arguments.threads, arguments.divide)
    if arguments.small:
        sizes = (20, 16, arguments.threads, 40)
    runs = [compare(*sizes) for _ in range(arguments.runs)]
    for solver, name in NAMES.items():
        ratios = [run[solver]["ratio"] for run in runs]
        print(
            f"{name}: {median(ratios):.1f} times as long ({min(ratios):.1f} to {max(ratios):.1f} in {len(runs)} runs)"
        )
