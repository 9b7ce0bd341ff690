"""Time of the mango report's figures 12 to 15 with trees shared against refitting a forest for every point.

    python bench/forest_figures.py > bench/forest_figures.txt

Simulated mangoes. Both sides tell the out-of-bag accuracy over rows of every point: ours by `studies.sharing.forest`,
the plain way by scikit-learn's RandomForestClassifier(oob_score=True), figure by figure in turn, with the same rows,
seed and threads. The report does not print the points of its figures; those here follow its axes.
Where few trees leave rows without a vote, scikit-learn counts them as of the first class and we leave them out. The
processor's time is the fairer measure on a machine that others use too.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from mangoes import PHOTOS, write_mangoes
from sklearn.ensemble import RandomForestClassifier

from gradewise.families.forest.settings import ForestSettings
from gradewise.studies.sharing.forest import TrainingPixels, grow_cells

SEED = 1


def figures(trees: int) -> dict[str, list[dict]]:
    """Settings of every point; `trees` are scikit-learn's default 100 in the report, and up to ten times as many."""
    counts = [trees // 10, trees // 5, trees // 2, *range(trees, 10 * trees + 1, trees)]
    fractions = ("log2", "sqrt", 0.005, 0.01, 0.02, 0.05)
    return {
        "12 trees": [{"trees": count} for count in counts],
        "13 max_features": [{"trees": trees, "max_features": value} for value in fractions],
        "14 min_samples_leaf": [{"trees": trees, "min_samples_leaf": 2**power} for power in range(6)],
        "14 min_samples_split": [{"trees": trees, "min_samples_split": 2**power} for power in range(1, 7)],
        "15 max_depth": [{"trees": trees, "max_depth": depth} for depth in (2, 4, 6, 8, 12, 16, 32, 64)],
    }


SHARED = ("12 trees", "14 min_samples_split", "15 max_depth")


def source_of(fruits: int, side: int) -> TrainingPixels:
    """Photos of seven fruits in ten train, as `mangoes` splits them."""
    with tempfile.TemporaryDirectory() as folder:
        made = write_mangoes(Path(folder), fruits, side, 2)
    at = np.flatnonzero(made.roles == "train")
    return TrainingPixels(made.pixels, at, made.targets[at], at // PHOTOS)


def timed(work: Callable[[], list[float]]) -> tuple[list[float], np.ndarray]:
    """What it returns, and seconds on the clock and of the processor."""
    clock, cpu = time.perf_counter(), time.process_time()
    found = work()
    return found, np.array([time.perf_counter() - clock, time.process_time() - cpu])


def shared(points: list[dict], source: TrainingPixels, threads: int) -> list[float]:
    cells = {str(place): ForestSettings(out_of_bag=("rows",), **point) for place, point in enumerate(points)}
    found = dict(grow_cells(cells, source, SEED, threads))
    return [found[str(place)].facts["oob_rows"] for place in range(len(points))]


def refitted(points: list[dict], source: TrainingPixels, threads: int) -> list[float]:
    X = source.pixels[source.positions].reshape(len(source.positions), -1).astype(np.float32)
    accuracies = []
    for point in points:
        settings = {"n_estimators": point["trees"], **{key: value for key, value in point.items() if key != "trees"}}
        forest = RandomForestClassifier(oob_score=True, random_state=SEED, n_jobs=threads, **settings)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Some inputs do not have OOB scores")
            accuracies.append(forest.fit(X, source.targets).oob_score_)
    return accuracies


def line(name: str, points: int, plain: np.ndarray, ours: np.ndarray, apart: str) -> None:
    times = f"{plain[0]:8.1f} {ours[0]:8.1f} {plain[0] / ours[0]:7.1f} {plain[1] / ours[1]:9.1f}"
    print(f"{name:30} {points:6} {times} {apart:>10}", flush=True)


def main(fruits: int, side: int, trees: int, threads: int) -> None:
    source = source_of(fruits, side)
    size = f"{len(source.positions)} training images of {side} x {side} x 3"
    print(f"{size}, {trees} trees (figure 12: to {10 * trees}), {threads} thread(s)")
    print(f"load of the machine at the start: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    print(f"{'':37} {'refit':>8} {'shared':>8} {'ratio':>7} {'ratio of':>9} {'largest':>10}")
    print(f"{'figure':30} {'points':>6} {'[s]':>8} {'[s]':>8} {'':>7} {'CPU time':>9} {'difference':>10}")
    plain, ours, points = {}, {}, figures(trees)
    expected: list[float] = []
    for name, wanted in points.items():
        one, plain[name] = timed(lambda wanted=wanted: refitted(wanted, source, threads))
        two, ours[name] = timed(lambda wanted=wanted: shared(wanted, source, threads))
        expected += one
        line(name, len(wanted), plain[name], ours[name], f"{np.abs(np.subtract(one, two)).max():.4f}")
    print()
    for title, names in (("12, 14 split and 15", SHARED), ("all, a study a figure", tuple(points))):
        total = [np.sum([side[name] for name in names], axis=0) for side in (plain, ours)]
        line(title, sum(len(points[name]) for name in names), *total, "")
    every = [point for wanted in points.values() for point in wanted]
    together, seconds = timed(lambda: shared(every, source, threads))
    apart = f"{np.abs(np.subtract(expected, together)).max():.4f}"
    line("all, one study", len(every), np.sum(list(plain.values()), axis=0), seconds, apart)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fruits", type=int, default=280)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--trees", type=int, default=50)
    parser.add_argument("--threads", type=int, default=2)
    main(**vars(parser.parse_args()))
