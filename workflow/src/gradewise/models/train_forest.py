"""Step `train_forest`: a random forest on raw pixels, with out-of-bag accuracy both ways.

Out-of-bag over rows is what scikit-learn reports, and what the mango report reported for training sets enlarged by
rotations and flips; over groups it is an estimate for new groups. Where groups hold several rows, the two need two
forests. The one over rows is kept as the model unless only groups are asked for.
"""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.utils import gen_batches

from gradewise import command, symmetry
from gradewise.config import ForestSettings
from gradewise.models.choose import choose, require_validation
from gradewise.models.forest import Votes, collect_votes, grow_forest
from gradewise.models.pixel_forest import PixelForest
from gradewise.models.run import Cost, Identity, write_run
from gradewise.models.targets import training_targets
from gradewise.provenance import derive_seed
from gradewise.views.samples import read_samples

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingRows:
    """The rows that a forest is grown on.

    Attributes
    ----------
    X : ndarray of float32, shape (n, features)
        Pixels 0..255, the siblings of one sample one after the other, the sample itself first.
    y : ndarray of int64, shape (n,)
    groups : ndarray of int64, shape (n,)
        From 0.
    siblings : int
        Rows a sample.
    repeated : int
        Rows that equal an earlier row byte for byte.
    """

    X: np.ndarray
    y: np.ndarray
    groups: np.ndarray
    siblings: int
    repeated: int

    @property
    def grouped(self) -> bool:
        """Whether any group holds several rows; if none does, bootstraps over rows and over groups are the same."""
        return len(np.unique(self.groups)) < len(self.groups)

    def bags(self, unit: str) -> np.ndarray:
        """What the bootstrap draws: each row for itself (`rows`) or whole groups (`groups`)."""
        return self.groups if unit == "groups" else np.arange(len(self.X))


def train_forest(
    *,
    samples: Path,
    splits: Path,
    manifest: Path,
    repeat: int,
    dataset: str,
    model: str,
    view: str,
    classes: list[str],
    candidates: list[ForestSettings],
    seed: int,
    threads: int,
    output: Path,
) -> None:
    """Train a forest and write it, its predictions and `run.json`.

    Memory is 4 bytes x training rows x values a sample (rows are eight a sample with `augment: d4`), and the trees.

    Parameters
    ----------
    samples : Path
        The view's cache.
    splits : Path
        The dataset's roles.
    manifest : Path
        The dataset's images and groups.
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
    candidates : list of ForestSettings
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
        Where a class has no training sample, settings need validation samples and there are none, or samples to rotate
        are not square.
    """
    data = read_samples(samples, splits, manifest, repeat)
    at, targets = training_targets(data, classes)
    shape = data.pixels.shape[1:]
    validation = data.of("validation")
    require_validation(candidates, len(validation))
    expected = data.targets(classes)[validation]
    own_seed = derive_seed(seed, dataset, model, repeat)
    _, groups = np.unique(data.table["group"].to_numpy()[at], return_inverse=True)
    prepared: dict[str, TrainingRows] = {}

    def rows_for(settings: ForestSettings) -> TrainingRows:
        if settings.augment not in prepared:
            prepared.clear()
            prepared[settings.augment] = training_rows(data.pixels, at, targets, groups, settings.augment)
        return prepared[settings.augment]

    def fit(settings: ForestSettings) -> PixelForest:
        rows = rows_for(settings)
        forest = grow_forest(rows.X, rows.y, rows.bags(unit_kept(settings)), settings, own_seed, threads)
        return PixelForest(forest, classes, shape, threads)

    def accuracy(fitted: PixelForest) -> float:
        return float((fitted.predict_proba(data.pixels[validation]).argmax(axis=1) == expected).mean())

    start = time.perf_counter()
    choice = choose(candidates, fit, accuracy)
    seconds = time.perf_counter() - start
    settings, fitted = choice.settings, choice.fitted
    rows = rows_for(settings)
    facts = {
        "training_rows": len(rows.X),
        "repeated_rows": rows.repeated,
        "tried": choice.tried,
        **describe_trees(fitted.forest),
        **estimate_out_of_bag(fitted.forest, rows, settings, own_seed, threads),
    }
    fitted.write(output)
    cost = Cost(seconds, threads, "cpu", count_parameters(fitted.forest), facts)
    identity = Identity(dataset, model, "forest", view, repeat, classes, own_seed)
    write_run(output, identity, data, samples, settings, cost, fitted.predict_proba)


def unit_kept(settings: ForestSettings) -> str:
    """What the bootstrap of the forest that is kept draws: `rows` or `groups`."""
    return "groups" if settings.out_of_bag == ("groups",) else "rows"


def training_rows(
    pixels: np.ndarray, at: np.ndarray, targets: np.ndarray, groups: np.ndarray, augment: str
) -> TrainingRows:
    """Rows of pixels as float32, with all eight rotations and flips of each sample where `augment` is `d4`.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (all samples, height, width, channels)
    at : ndarray of int, shape (n,)
        Positions of the training samples.
    targets, groups : ndarray of int64, shape (n,)
        Class and group of each.
    augment : str
        `none` or `d4`.

    Raises
    ------
    UserError
        Where samples are to be rotated and are not square.
    """
    siblings = symmetry.ORDER if augment == "d4" else 1
    height, width = pixels.shape[1:3]
    if siblings > 1 and height != width:
        raise command.UserError(
            f"augment: d4 needs square samples, and this view gives {height} x {width}; "
            "use a view that ends in a square, or augment: none"
        )
    X = np.empty((len(at) * siblings, int(np.prod(pixels.shape[1:]))), dtype=np.float32)
    seen: set[bytes] = set()
    for part in gen_batches(len(at), 64):
        block = pixels[at[part]]
        block = (symmetry.orbit(block) if siblings > 1 else block).reshape(-1, X.shape[1])
        X[part.start * siblings : part.stop * siblings] = block
        seen.update(hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in block)
    return TrainingRows(X, np.repeat(targets, siblings), np.repeat(groups, siblings), siblings, len(X) - len(seen))


def estimate_out_of_bag(
    forest: RandomForestClassifier, rows: TrainingRows, settings: ForestSettings, seed: int, threads: int
) -> dict[str, Any]:
    """Accuracy on training rows: by all trees, and by those that have not seen the row or its group.

    Returns
    -------
    dict
        `training_accuracy`, and for each way asked for, e.g. `groups`: `oob_groups` over the rows,
        `oob_groups_unaugmented` over the samples as they are, both among those with a vote (null where none has);
        `oob_covered` maps each way to the share of rows with a vote.
    """
    kept = unit_kept(settings)
    votes = collect_votes(forest, rows.X, rows.bags(kept), threads)
    facts: dict[str, Any] = {
        "training_accuracy": float((votes.training.argmax(axis=1) == rows.y).mean()),
        "oob_covered": {},
    }
    for unit in settings.out_of_bag:
        if unit != kept and rows.grouped:
            log.info("a second forest, on bootstraps over %s, for its out-of-bag accuracy", unit)
            other = grow_forest(rows.X, rows.y, rows.bags(unit), settings, seed, threads)
            votes = collect_votes(other, rows.X, rows.bags(unit), threads)
        facts[f"oob_{unit}"] = _out_of_bag_accuracy(votes, rows.y, slice(None))
        facts[f"oob_{unit}_unaugmented"] = _out_of_bag_accuracy(votes, rows.y, slice(None, None, rows.siblings))
        facts["oob_covered"][unit] = float(votes.covered.mean())
    return facts


def _out_of_bag_accuracy(votes: Votes, y: np.ndarray, part: slice) -> float | None:
    covered = votes.covered[part]
    right = votes.out_of_bag[part].argmax(axis=1) == y[part]
    return float(right[covered].mean()) if covered.any() else None


def describe_trees(forest: RandomForestClassifier) -> dict[str, float]:
    """Mean and largest depth and mean number of leaves of the trees."""
    depths = [tree.get_depth() for tree in forest.estimators_]
    leaves = [tree.get_n_leaves() for tree in forest.estimators_]
    return {"mean_depth": float(np.mean(depths)), "max_depth": max(depths), "mean_leaves": float(np.mean(leaves))}


def count_parameters(forest: RandomForestClassifier) -> int:
    """Numbers that make up the trees: feature and threshold of each split, one probability a class of each leaf."""
    leaves = sum(int(tree.get_n_leaves()) for tree in forest.estimators_)
    nodes = sum(int(tree.tree_.node_count) for tree in forest.estimators_)
    return 2 * (nodes - leaves) + forest.n_classes_ * leaves


if __name__ == "__main__":
    command.run(train_forest)
