"""Time for figures 12 to 15 of the mango report: trees shared between points against a refitted forest per point.

    python bench/forest_figures.py > bench/forest_figures.txt

Images are simulated mangoes. Both methods compute the out-of-bag accuracy over rows at every point, with the same rows,
seed and threads: ours by `studies.sharing.forest`, the plain method by RandomForestClassifier(oob_score=True) of
scikit-learn. The two alternate, figure by figure. The report does not list the points of its figures; those used here
follow its axes. If few trees leave rows without a vote, scikit-learn assigns them to the first class, whereas we leave
them out. CPU time is the fairer measure on a machine that is also used by others.
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
    """Settings of every point; the report uses 100 trees, scikit-learn's default, and up to ten times as many."""
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
    """Photos of the training fruits, seven in ten."""
    with tempfile.TemporaryDirectory() as folder:
        mangoes = write_mangoes(Path(folder), fruits, side, 2)
    positions = np.flatnonzero(mangoes.roles == "train")
    return TrainingPixels(mangoes.pixels, positions, mangoes.targets[positions], positions // PHOTOS)


def timed(work: Callable[[], list[float]]) -> tuple[list[float], np.ndarray]:
    """The result of `work`, and its wall-clock and CPU time [s]."""
    clock, cpu = time.perf_counter(), time.process_time()
    accuracies = work()
    return accuracies, np.array([time.perf_counter() - clock, time.process_time() - cpu])


def shared(points: list[dict], source: TrainingPixels, threads: int) -> list[float]:
    cells = {str(index): ForestSettings(out_of_bag=("rows",), **point) for index, point in enumerate(points)}
    grown = dict(grow_cells(cells, source, SEED, threads))
    return [grown[name].facts["oob_rows"] for name in cells]


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


def print_line(name: str, points: int, plain: np.ndarray, ours: np.ndarray, difference: str) -> None:
    times = f"{plain[0]:8.1f} {ours[0]:8.1f} {plain[0] / ours[0]:7.1f} {plain[1] / ours[1]:9.1f}"
    print(f"{name:30} {points:6} {times} {difference:>10}", flush=True)


def main(fruits: int, side: int, trees: int, threads: int) -> None:
    source = source_of(fruits, side)
    size = f"{len(source.positions)} training images of {side} x {side} x 3"
    print(f"{size}, {trees} trees (figure 12: to {10 * trees}), {threads} thread(s)")
    print(f"load of the machine at the start: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    print(f"{'':37} {'refit':>8} {'shared':>8} {'ratio':>7} {'ratio of':>9} {'largest':>10}")
    print(f"{'figure':30} {'points':>6} {'[s]':>8} {'[s]':>8} {'':>7} {'CPU time':>9} {'difference':>10}")
    plain, ours, points = {}, {}, figures(trees)
    expected: list[float] = []
    for name, of_figure in points.items():
        accuracies, plain[name] = timed(lambda of_figure=of_figure: refitted(of_figure, source, threads))
        from_shared, ours[name] = timed(lambda of_figure=of_figure: shared(of_figure, source, threads))
        expected += accuracies
        difference = f"{np.abs(np.subtract(accuracies, from_shared)).max():.4f}"
        print_line(name, len(of_figure), plain[name], ours[name], difference)
    print()
    for title, names in (("12, 14 split and 15", SHARED), ("all, one study per figure", tuple(points))):
        total = [np.sum([side[name] for name in names], axis=0) for side in (plain, ours)]
        print_line(title, sum(len(points[name]) for name in names), *total, "")
    all_points = [point for of_figure in points.values() for point in of_figure]
    together, seconds = timed(lambda: shared(all_points, source, threads))
    difference = f"{np.abs(np.subtract(expected, together)).max():.4f}"
    print_line("all, one study", len(all_points), np.sum(list(plain.values()), axis=0), seconds, difference)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fruits", type=int, default=280)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--trees", type=int, default=50)
    parser.add_argument("--threads", type=int, default=2)
    main(**vars(parser.parse_args()))
