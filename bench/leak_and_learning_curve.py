"""How often the 95 % intervals of leak test and learning curve contain the true value, in simulated experiments.

    python bench/leak_and_learning_curve.py --experiments 500 > bench/leak_and_learning_curve.txt

Classifiers are fitted to simulated features: a nearest neighbour for the leak test, since it remembers siblings, and a
linear discriminant for the learning curve. The true value is the mean over many further datasets. With 500 experiments
a coverage of 0.95 is known to +-0.02.
"""

from __future__ import annotations

import argparse
import itertools
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
from simulated import CLASSES, Trained, scores_of
from sklearn.neighbors import KNeighborsClassifier

from gradewise.evaluation.leak import measure_gap
from gradewise.evaluation.learning_curve import extrapolate, measure

REPEATS = 5
SHARES = (0.125, 0.25, 0.5, 1.0)


def siblings(groups: int, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, truth and group of images of specimens, each of which has one class and its own appearance."""
    group = np.repeat(np.arange(groups), size)
    truth = rng.integers(2, size=groups)[group]
    appearance = rng.normal(size=(groups, 6))[group]
    return 0.6 * truth[:, None] + appearance + rng.normal(scale=0.5, size=(len(group), 6)), truth, group


def verdicts(x, truth, group, test: np.ndarray, train: np.ndarray, predicted: np.ndarray, repeat: int) -> pd.DataFrame:
    names = np.array(CLASSES)
    frame = pd.DataFrame(
        {
            "repeat": repeat,
            "role": np.where(test, "test", "train"),
            "image_id": np.arange(len(x)).astype(str),
            "group": group.astype(str),
            "label": names[truth],
        }
    )
    frame["predicted"] = frame["label"]
    frame.loc[test, "predicted"] = names[predicted]
    return frame.loc[test | train]


def both_splits(groups: int, size: int, folds: bool, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Verdicts of a nearest neighbour under grouped and under careless splits of one dataset: holdouts or folds."""
    x, truth, group = siblings(groups, size, rng)
    sides: tuple[list[pd.DataFrame], list[pd.DataFrame]] = ([], [])
    order, order_careless = rng.permutation(groups), rng.permutation(len(x))
    for repeat in range(REPEATS):
        if folds:
            chosen, drawn = order[repeat::REPEATS], order_careless[repeat::REPEATS]
        else:
            chosen = rng.permutation(groups)[: round(0.3 * groups)]
            drawn = rng.permutation(len(x))[: round(0.3 * len(x))]
        for side, test in enumerate((np.isin(group, chosen), np.isin(np.arange(len(x)), drawn))):
            predicted = KNeighborsClassifier(1).fit(x[~test], truth[~test]).predict(x[test])
            sides[side].append(verdicts(x, truth, group, test, ~test, predicted, repeat))
    return pd.concat(sides[0]), pd.concat(sides[1])


def cover_leak(experiments: int) -> None:
    print(f"Leak test, {experiments} experiments: gap between careless and grouped accuracy")
    print(f"{'groups':>6} {'images':>6} {'splits':>10} {'true gap':>8} {'coverage':>8} {'width':>6}")
    for (groups, size), folds in itertools.product(((20, 8), (60, 3), (100, 4)), (False, True)):
        rng = np.random.default_rng(zlib.crc32(repr((groups, size, folds)).encode()))
        gaps = [measure_gap(*both_splits(groups, size, folds, rng)) for _ in range(experiments)]
        truth = np.mean([_plain_gap(*both_splits(groups, size, folds, rng)) for _ in range(1000)])
        coverage = np.mean([gap["gap_low"] <= truth <= gap["gap_high"] for gap in gaps])
        width = np.mean([gap["gap_high"] - gap["gap_low"] for gap in gaps])
        splits = f"{REPEATS} folds" if folds else f"{REPEATS} holdouts"
        columns = f"{truth:8.3f} {coverage:8.3f} {width:6.3f}"
        print(f"{groups:6} {groups * size:6} {splits:>10} {columns}", flush=True)


def _plain_gap(grouped: pd.DataFrame, careless: pd.DataFrame) -> float:
    right = [part.loc[part["role"] == "test"].eval("label == predicted").mean() for part in (grouped, careless)]
    return float(right[1] - right[0])


def cover_curve(experiments: int) -> None:
    print(f"\nLearning curve, {experiments} experiments: accuracy gained by twice the training groups, extrapolated")
    print(f"{'groups':>6} {'images':>6} {'true gain':>9} {'coverage':>8} {'width':>6} {'grows':>6} {'flat':>6}")
    settings = [Trained(60, 3, 0.5, signal=0.25), Trained(160, 1, 0.0, signal=0.25), Trained(60, 3, 0.5, signal=0.6)]
    # accuracy that rises until the end, and accuracy of chance
    settings += [Trained(60, 8, 0.3, signal=0.1, features=12), Trained(60, 3, 0.5, signal=0.0)]
    for setting in settings:
        rng = np.random.default_rng(zlib.crc32(repr(setting).encode()))
        whole = setting.groups - round(0.3 * setting.groups)
        once, twice = (setting.truth(count, rng, sets=4000)["accuracy"] for count in (whole, 2 * whole))
        truth = twice - once
        curves = [extrapolate(measure(_nested(setting, rng)), seed)[1] for seed in range(experiments)]
        coverage = np.mean([curve["doubled_low"] <= truth <= curve["doubled_high"] for curve in curves])
        width = np.mean([curve["doubled_high"] - curve["doubled_low"] for curve in curves])
        grows, flat = (np.mean([curve["finding"] == finding for curve in curves]) for finding in ("grows", "flat"))
        images = setting.groups * setting.size
        print(
            f"{setting.groups:6} {images:6} {truth:9.4f} {coverage:8.3f} {width:6.3f} {grows:6.2f} {flat:6.2f}",
            flush=True,
        )


def _nested(setting: Trained, rng: np.random.Generator) -> dict[Path, pd.DataFrame]:
    """Verdicts of a discriminant fitted on nested parts of the training groups of one dataset."""
    x, truth, group = setting.draw(setting.groups, rng)
    half = setting.halves()[0]
    parts: dict[Path, list[pd.DataFrame]] = {Path(f"share-{share}"): [] for share in SHARES}
    for repeat in range(REPEATS):
        order = rng.permutation(setting.groups)
        held_out = round(0.3 * setting.groups)
        test, rest = np.isin(group, order[:held_out]), order[held_out:]
        for share, frames in zip(SHARES, parts.values(), strict=True):
            train = np.isin(group, rest[: max(4, round(share * len(rest)))])
            predicted = (scores_of(x[train, half], truth[train], x[test, half]) >= 0.5).astype(np.int64)
            frames.append(verdicts(x, truth, group, test, train, predicted, repeat))
    return {path: pd.concat(frames) for path, frames in parts.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=500)
    experiments = parser.parse_args().experiments
    cover_leak(experiments)
    cover_curve(experiments // 5)
