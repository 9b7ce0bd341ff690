"""Step `vary_forest`: forests with many settings in one job, which grow no tree twice.

Cells that see the same rows and differ only in the number of trees, the depth and the smallest node that is split
share one forest (see `models.votes`); cells on principal components share one decomposition, and cells that select
pixels share the importances. `max_features` and `min_samples_leaf` change every split, so each of their values has a
forest of its own.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.utils import gen_batches
from threadpoolctl import threadpool_limits

from gradewise import command, symmetry, tables
from gradewise.evaluation.verdicts import check_labels
from gradewise.families import pca
from gradewise.families.forest.bootstrap import grow_forest, unit_kept
from gradewise.families.forest.classifier import BLOCK_BYTES
from gradewise.families.forest.reduction import AllPixels, Features, first_forest, importances, select
from gradewise.families.forest.rows import TrainingRows, training_rows
from gradewise.families.forest.settings import ForestSettings
from gradewise.families.forest.votes import out_of_bag_at, probabilities_at, sizes_at, walk
from gradewise.families.targets import training_targets
from gradewise.provenance import derive_seed
from gradewise.studies.cells import ForestCell, answers, check_views, write_cells
from gradewise.views.samples import Samples, read_samples

UNITS: tuple[Literal["rows", "groups"], ...] = ("rows", "groups")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What is kept of a cell: class probabilities (n, k) of all samples, the measures by name, and of those that are
    out-of-bag accuracies the rows voted right and the rows with a vote of each group, shape (m, 2)."""

    probabilities: np.ndarray
    measures: dict[str, float | None]
    hits: dict[str, np.ndarray]


@dataclass(frozen=True)
class Source:
    """What the cells of one view are grown on.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (n, height, width, channels)
        Of all samples.
    at : ndarray of int64, shape (t,)
        Positions of the training samples.
    targets, groups : ndarray of int64, shape (t,)
        Their classes and groups.
    """

    pixels: np.ndarray
    at: np.ndarray
    targets: np.ndarray
    groups: np.ndarray

    def rows(self, elements: tuple[int, ...], features: Features) -> TrainingRows:
        """Training rows; see `models.rows.training_rows`."""
        return training_rows(self.pixels, self.at, self.targets, self.groups, elements, features)


def vary_forest(
    *,
    cells: list[ForestCell],
    samples: list[Path],
    splits: Path,
    manifest: Path,
    repeat: int,
    classes: list[str],
    dataset: str,
    study: str,
    seed: int,
    threads: int,
    output: Path,
) -> None:
    """Grow the forests of a study's cells.

    Samples of an image are gathered by mean probability. `seconds` of a cell are its share of the time in which the
    forest that holds it grew, in proportion to the rows at the nodes that its own trees split, plus the time of the
    selection or components it rests on; a second forest for out-of-bag accuracy over groups does not count.
    `oob_rows` and `oob_groups` are accuracies over training rows, rotations and flips included. Rows of one view and
    `augment` are in memory at a time: 4 bytes x rows x values a sample, up to three times that with `select`.

    Parameters
    ----------
    cells : list of ForestCell
        Name, view and settings of each, as JSON, e.g.
        ``[{"name": "10 trees", "view": "whole-128", "settings": {"trees": 10}}]``.
    samples : list of Path
        The caches of the views; a view's name is that of its file.
    splits : Path
        The dataset's roles.
    manifest : Path
        The dataset's images, groups and labels.
    repeat : int
        Which split.
    classes : list of str
        In the order of the configuration.
    dataset : str
        Its name in the configuration.
    study : str
        Its name in the configuration.
    seed : int
        Of the configuration.
    threads : int
        The result does not depend on it.
    output : Path
        Folder for `answers.parquet`, `measures.parquet` and `hits.parquet`.

    Raises
    ------
    UserError
        Where a cell's view is missing, a class has no training sample, samples to rotate by 90 degrees are not square,
        or `select` leaves no pixel.
    """
    check_views(cells, [path.stem for path in samples])
    labels = tables.read(manifest, columns=["image_id", "label"]).set_index("image_id")["label"]
    own_seed = derive_seed(seed, dataset, study, repeat)
    verdicts, measures, hits = {}, {}, []
    with threadpool_limits(threads):
        for cache in samples:
            of_view = {cell.name: cell.settings for cell in cells if cell.view == cache.stem}
            if not of_view:
                continue
            data = read_samples(cache, splits, manifest, repeat)
            check_labels(cache, labels, data.table["image_id"], classes)
            for name, outcome in grow_cells(of_view, source_of(data, classes), own_seed, threads):
                verdicts[name] = answers(name, repeat, data.table, labels, classes, outcome.probabilities)
                measures[name] = outcome.measures
                hits += _hits_of(name, repeat, outcome, np.unique(data.table["group"].to_numpy()[data.of("train")]))
    write_cells(cells, repeat, verdicts, measures, output)
    empty = [pd.DataFrame({name: pd.Series(dtype=object) for name in tables.HITS.names})]
    tables.write(pd.concat(hits or empty), output / "hits.parquet", tables.HITS)


def _hits_of(cell: str, repeat: int, outcome: Outcome, groups: np.ndarray) -> list[pd.DataFrame]:
    """Rows of `hits.parquet`: one a group for each out-of-bag accuracy of a cell."""
    return [
        pd.DataFrame({"group": groups, "right": counts[:, 0], "rows": counts[:, 1]}).assign(
            cell=cell, repeat=repeat, measure=measure
        )
        for measure, counts in outcome.hits.items()
    ]


def source_of(data: Samples, classes: list[str]) -> Source:
    """Training samples with their classes and groups.

    Raises
    ------
    UserError
        Where a class has no training sample.
    """
    at, targets = training_targets(data, classes)
    _, groups = np.unique(data.table["group"].to_numpy()[at], return_inverse=True)
    return Source(data.pixels, at, targets, groups)


def grow_cells(
    cells: dict[str, ForestSettings], source: Source, seed: int, threads: int
) -> Iterator[tuple[str, Outcome]]:
    """Grow the forests of all cells of one view.

    Parameters
    ----------
    cells : dict of str to ForestSettings
        Settings by the cell's name.
    source : Source
    seed : int
        Of the run.
    threads : int

    Yields
    ------
    (str, Outcome)
        In the order of sharing.
    """
    for elements, alike in _apart(cells, lambda settings: symmetry.elements(settings.augment)).items():
        yield from _grow_augmented(alike, source, elements, seed, threads)


def _grow_augmented(
    cells: dict[str, ForestSettings], source: Source, elements: tuple[int, ...], seed: int, threads: int
) -> Iterator[tuple[str, Outcome]]:
    """Cells of one `augment`; their rows are let go of before others are made."""
    for features, rows, seconds, names in _reduced(cells, source, elements, seed, threads):
        for shared in _apart({name: cells[name] for name in names}, _own_forest).values():
            yield from _share(shared, rows, source.pixels, features, seconds, seed, threads)


def _own_forest(settings: ForestSettings) -> tuple[Any, ...]:
    """Settings that no forest serves two values of."""
    return settings.max_features, settings.min_samples_leaf, settings.class_weight


def _apart(
    cells: dict[str, ForestSettings], key: Callable[[ForestSettings], Any]
) -> dict[Any, dict[str, ForestSettings]]:
    """Cells by a key, in order of first appearance."""
    parts: dict[Any, dict[str, ForestSettings]] = defaultdict(dict)
    for name, settings in cells.items():
        parts[key(settings)][name] = settings
    return parts


def _reduced(
    cells: dict[str, ForestSettings], source: Source, elements: tuple[int, ...], seed: int, threads: int
) -> Iterator[tuple[Features, TrainingRows, float, list[str]]]:
    """What cells of one `augment` see: features, rows of them, seconds it took to find the features, cells' names."""
    kinds = _apart(cells, lambda settings: "components" if settings.components else "pixels")
    for kind, alike in kinds.items():
        if kind == "components":
            yield from _on_components(alike, source, elements)
        else:
            rows = source.rows(elements, AllPixels())
            for first, same in _apart(alike, lambda settings: settings.select and first_forest(settings)).items():
                if first is None:
                    yield AllPixels(), rows, 0.0, list(same)
                else:
                    yield from _on_selected(same, rows, first, seed, threads)


def _on_components(
    cells: dict[str, ForestSettings], source: Source, elements: tuple[int, ...]
) -> Iterator[tuple[Features, TrainingRows, float, list[str]]]:
    wanted = _apart(cells, lambda settings: settings.components)
    start = time.perf_counter()
    fitted = pca.fit(source.pixels, source.at, max(wanted))
    seconds = time.perf_counter() - start
    rows = source.rows(elements, fitted)
    for components, same in wanted.items():
        yield fitted.first(components), replace(rows, X=rows.X[:, :components]), seconds, list(same)


def _on_selected(
    cells: dict[str, ForestSettings], rows: TrainingRows, first: ForestSettings, seed: int, threads: int
) -> Iterator[tuple[Features, TrainingRows, float, list[str]]]:
    start = time.perf_counter()
    importance = importances(rows, first, seed, threads)
    seconds = time.perf_counter() - start
    for scale, same in _apart(cells, lambda settings: settings.select).items():
        features = select(importance, scale)
        yield features, replace(rows, X=rows.X[:, features.kept]), seconds, list(same)


def _share(
    cells: dict[str, ForestSettings],
    rows: TrainingRows,
    pixels: np.ndarray,
    features: Features,
    seconds: float,
    seed: int,
    threads: int,
) -> Iterator[tuple[str, Outcome]]:
    """Cells that one forest serves; two where some ask for bags over rows and over groups and these differ."""
    found: dict[str, dict[str, float | None]] = {
        name: {"training_rows": len(rows.X), "repeated_rows": rows.repeated, "features": rows.X.shape[1]}
        for name in cells
    }
    hits: dict[str, dict[str, np.ndarray]] = {name: {} for name in cells}
    probabilities: dict[str, np.ndarray] = {}
    for unit in UNITS:
        # Where no group holds several rows, the forest that is kept serves both ways.
        kept = [name for name, settings in cells.items() if unit_kept(settings) == unit]
        told = [
            name
            for name, settings in cells.items()
            if unit in settings.out_of_bag and (rows.grouped or unit_kept(settings) == unit)
        ]
        grown = list(dict.fromkeys([*kept, *told]))
        if not grown:
            continue
        start = time.perf_counter()
        widest = _largest([cells[name] for name in grown])
        forest = grow_forest(rows.X, rows.y, rows.bags(unit), widest, seed, threads)
        growing = time.perf_counter() - start
        leaves = walk(forest, rows.X, threads)
        votes = out_of_bag_at(forest, leaves, rows.bags(unit), [cells[name] for name in told], threads)
        for name, vote in zip(told, votes, strict=True):
            for way in cells[name].out_of_bag if not rows.grouped else (unit,):
                found[name][f"oob_{way}"] = vote.accuracy(rows.y)
                hits[name][f"oob_{way}"] = vote.hits(rows.y, rows.groups)
        if not kept:
            continue
        points = [cells[name] for name in kept]
        ends = _walk_samples(forest, pixels, features, threads)
        probabilities |= zip(kept, probabilities_at(forest, ends, points, threads), strict=True)
        *sizes, all_grown = sizes_at(forest, [*points, widest])
        for name, size in zip(kept, sizes, strict=True):
            found[name]["seconds"] = seconds + growing * size.rows_split / max(all_grown.rows_split, 1)
            found[name]["parameters"] = size.parameters(forest.n_classes_)
    for name in cells:
        yield name, Outcome(probabilities[name], found[name], hits[name])


def _largest(settings: Sequence[ForestSettings]) -> ForestSettings:
    """Settings of the forest that holds all these: most trees, greatest depth, smallest node to be split."""
    depths = [each.max_depth for each in settings]
    return settings[0].model_copy(
        update={
            "trees": max(each.trees for each in settings),
            "max_depth": None if None in depths else max(depth for depth in depths if depth is not None),
            "min_samples_split": min(each.min_samples_split for each in settings),
        }
    )


def _walk_samples(forest: RandomForestClassifier, pixels: np.ndarray, features: Features, threads: int) -> np.ndarray:
    """Leaves of all samples, shape (trees, n), with one block of features in memory at a time."""
    rows = max(16, BLOCK_BYTES // (4 * int(np.prod(pixels.shape[1:]))))
    parts = gen_batches(len(pixels), rows)
    return np.concatenate([walk(forest, features.project(pixels[part]), threads) for part in parts], axis=1)


if __name__ == "__main__":
    command.run(vary_forest)
