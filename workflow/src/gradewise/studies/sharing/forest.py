"""Forests with many settings, grown together so that no tree is grown twice.

Cells that see the same rows and differ only in the number of trees, the depth and the smallest node that is split
share one forest (see `families.forest.votes`); cells on principal components share one decomposition, and cells that
select pixels share the importances. `max_features` and `min_samples_leaf` change every split, so each of their values
has a forest of its own.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.utils import gen_batches

from gradewise import symmetry
from gradewise.families import pca
from gradewise.families.forest.bootstrap import grow_forest, unit_kept
from gradewise.families.forest.classifier import BLOCK_BYTES
from gradewise.families.forest.fit import describe_hits
from gradewise.families.forest.reduction import Features, first_forest, importances, select
from gradewise.families.forest.rows import AllPixels, TrainingRows, training_rows
from gradewise.families.forest.settings import ForestSettings
from gradewise.families.forest.votes import out_of_bag_at, probabilities_at, sizes_at, walk
from gradewise.families.run import Cost
from gradewise.families.targets import training_targets
from gradewise.provenance import derive_seed
from gradewise.studies.cell_runs import FittedCell, Task
from gradewise.studies.cells import Cell
from gradewise.views.samples import Samples, read_samples

UNITS: tuple[Literal["rows", "groups"], ...] = ("rows", "groups")


@dataclass(frozen=True)
class Grown:
    """What is kept of a cell: probabilities (n, k) of all samples, and what `train_forest` records.

    `hits` has, for each out-of-bag accuracy, the rows voted right and the rows with a vote by group, int64 (m, 2).
    """

    probabilities: np.ndarray
    seconds: float
    parameters: int
    facts: dict[str, float | None]
    hits: dict[str, np.ndarray]


@dataclass(frozen=True)
class TrainingPixels:
    """What the cells of one view are grown on: uint8 pixels (n, height, width, channels) of all samples.

    `positions` are those of the training samples, `targets` and `groups` their classes and groups, int64 (t,).
    """

    pixels: np.ndarray
    positions: np.ndarray
    targets: np.ndarray
    groups: np.ndarray

    def rows(self, elements: tuple[int, ...], features: Features) -> TrainingRows:
        """Training rows; see `families.forest.rows.training_rows`."""
        return training_rows(self.pixels, self.positions, self.targets, self.groups, elements, features)


def fit_cells(cells: Sequence[Cell], task: Task) -> Iterator[FittedCell]:
    """Grow the forests of the cells of one view; they come in the order of sharing.

    `seconds_fit` of a cell is its share of the time in which the forest that holds it grew, in proportion to the rows
    at the nodes that its own trees split, plus the time of the selection or components it rests on; a second forest for
    out-of-bag accuracy over groups does not count. `oob_rows` and `oob_groups` are accuracies over training rows,
    rotations and flips included; `oob_hits` has them by group. Rows of one `augment` are in memory at a time, as
    for `families.forest.fit.fit_best`.

    Raises
    ------
    UserError
        Where a class has no training sample, samples to rotate by 90 degrees are not square, or `select` leaves no
        pixel.
    """
    by_name = {cell.name: cell for cell in cells}
    settings = {name: ForestSettings.model_validate(cell.settings) for name, cell in by_name.items()}
    samples = read_samples(*task.inputs)
    groups = np.unique(samples.table["group"].to_numpy()[samples.of("train")]).tolist()
    seed = derive_seed(task.seed, task.dataset, task.study, task.repeat)
    for name, grown in grow_cells(settings, training_pixels(samples, task.classes), seed, task.threads):
        hits = {measure: describe_hits(counts, groups) for measure, counts in grown.hits.items()}
        cost = Cost(grown.seconds, task.threads, "cpu", grown.parameters, {**grown.facts, "oob_hits": hits})
        yield FittedCell(by_name[name], settings[name], seed, grown.probabilities, cost)


def training_pixels(samples: Samples, classes: list[str]) -> TrainingPixels:
    """Training samples with their classes and groups.

    Raises
    ------
    UserError
        Where a class has no training sample.
    """
    positions, targets = training_targets(samples, classes)
    _, groups = np.unique(samples.table["group"].to_numpy()[positions], return_inverse=True)
    return TrainingPixels(samples.pixels, positions, targets, groups)


def grow_cells(
    cells: dict[str, ForestSettings], source: TrainingPixels, seed: int, threads: int
) -> Iterator[tuple[str, Grown]]:
    """Grow the forests of all cells of one view, given by name with their settings, in the order of sharing."""
    for elements, augmented in _grouped(cells, lambda settings: symmetry.elements(settings.augment)).items():
        yield from _grow_augmented(augmented, source, elements, seed, threads)


def _grow_augmented(
    cells: dict[str, ForestSettings], source: TrainingPixels, elements: tuple[int, ...], seed: int, threads: int
) -> Iterator[tuple[str, Grown]]:
    """Cells of one `augment`, whose rows, components and importances are computed once."""

    @cache
    def all_pixels() -> TrainingRows:
        return source.rows(elements, AllPixels())

    @cache
    def all_components() -> tuple[pca.Pca, TrainingRows, float]:
        largest = max(settings.components or 0 for settings in cells.values())
        start = time.perf_counter()
        fitted = pca.fit(source.pixels, source.positions, largest)
        seconds = time.perf_counter() - start
        return fitted, source.rows(elements, fitted), seconds

    @cache
    def all_importances(first: ForestSettings) -> tuple[np.ndarray, float]:
        rows, start = all_pixels(), time.perf_counter()
        return importances(rows, first, seed, threads), time.perf_counter() - start

    for sharing in _grouped(cells, _own_forest).values():
        settings = next(iter(sharing.values()))
        features: Features = AllPixels()
        seconds = 0.0
        if settings.components is not None:
            fitted, rows, seconds = all_components()
            features, rows = fitted.first(settings.components), rows.keep(slice(settings.components))
        elif settings.select is not None:
            importance, seconds = all_importances(first_forest(settings))
            selected = select(importance, settings.select)
            features, rows = selected, all_pixels().keep(selected.kept)
        else:
            rows = all_pixels()
        yield from _grow_shared(sharing, rows, source.pixels, features, seconds, seed, threads)


def _own_forest(settings: ForestSettings) -> tuple[Any, ...]:
    """Settings that no forest serves two values of."""
    features = settings.components, settings.select, settings.select and first_forest(settings)
    return *features, settings.max_features, settings.min_samples_leaf, settings.class_weight


def _grouped(
    cells: dict[str, ForestSettings], key: Callable[[ForestSettings], Any]
) -> dict[Any, dict[str, ForestSettings]]:
    """Cells by a key, in order of first appearance."""
    groups: dict[Any, dict[str, ForestSettings]] = defaultdict(dict)
    for name, settings in cells.items():
        groups[key(settings)][name] = settings
    return groups


def _grow_shared(
    cells: dict[str, ForestSettings],
    rows: TrainingRows,
    pixels: np.ndarray,
    features: Features,
    seconds_before: float,
    seed: int,
    threads: int,
) -> Iterator[tuple[str, Grown]]:
    """Cells that one forest serves; two where some ask for bags over rows and over groups."""
    facts: dict[str, dict[str, float | None]] = {
        name: {"training_rows": len(rows.X), "repeated_rows": rows.repeated, "features": rows.X.shape[1]}
        for name in cells
    }
    hits: dict[str, dict[str, np.ndarray]] = {name: {} for name in cells}
    probabilities: dict[str, np.ndarray] = {}
    costs: dict[str, tuple[float, int]] = {}
    for unit in UNITS:
        kept = {name: settings for name, settings in cells.items() if unit_kept(settings) == unit}
        estimated = {name: settings for name, settings in cells.items() if unit in settings.out_of_bag}
        if not kept and not estimated:
            continue
        start = time.perf_counter()
        widest = _largest([*(kept | estimated).values()])
        forest = grow_forest(rows.X, rows.y, rows.bags(unit), widest, seed, threads)
        seconds = time.perf_counter() - start
        leaves = walk(forest, rows.X, threads)
        votes = out_of_bag_at(forest, leaves, rows.bags(unit), [*estimated.values()], threads)
        for name, vote in zip(estimated, votes, strict=True):
            facts[name][f"oob_{unit}"] = vote.accuracy(rows.y)
            hits[name][f"oob_{unit}"] = vote.hits(rows.y, rows.groups)
        if not kept:
            continue
        points = [*kept.values()]
        ends = _walk_samples(forest, pixels, features, threads)
        probabilities |= zip(kept, probabilities_at(forest, ends, points, threads), strict=True)
        *sizes, whole = sizes_at(forest, [*points, widest])
        for name, size in zip(kept, sizes, strict=True):
            share = size.rows_split / max(whole.rows_split, 1)
            costs[name] = seconds_before + seconds * share, size.parameters(forest.n_classes_)
    for name in cells:
        yield name, Grown(probabilities[name], *costs[name], facts[name], hits[name])


def _largest(settings: Sequence[ForestSettings]) -> ForestSettings:
    """Settings of the forest that holds all these: most trees, greatest depth, smallest node to be split."""
    depths = [cell.max_depth for cell in settings]
    widest = {
        "trees": max(cell.trees for cell in settings),
        "max_depth": None if None in depths else max(depth for depth in depths if depth is not None),
        "min_samples_split": min(cell.min_samples_split for cell in settings),
    }
    return settings[0].model_copy(update=widest)


def _walk_samples(forest: RandomForestClassifier, pixels: np.ndarray, features: Features, threads: int) -> np.ndarray:
    """Leaves of all samples, shape (trees, n), with one block of features in memory at a time."""
    rows = max(16, BLOCK_BYTES // (4 * int(np.prod(pixels.shape[1:]))))
    parts = gen_batches(len(pixels), rows)
    return np.concatenate([walk(forest, features.project(pixels[part]), threads) for part in parts], axis=1)
