"""How often prediction sets hold the true class of new images of new groups, in simulated experiments.

    python bench/prediction_sets.py --experiments 500 > bench/prediction_sets.txt

Probabilities without a model: images of three classes, whose log-odds are those of their class plus an offset that the
images of a group share, and stated too sure of themselves. Fitted models: linear discriminants, tested on five folds of
groups, of which thresholds are taken for a discriminant fitted on all groups. Coverage is that of sets of images of
many new groups, one each. `left out` is the coverage that gradewise measures on the groups themselves. For comparison:
thresholds of a single draw, and those that give each group the weight of one image (Lee, Barber & Willett 2023, arXiv
2306.06342, Equation 6), which are proven to keep their promise.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.special import expit, softmax
from simulated import CLASSES, Trained, discriminant, roles

from gradewise.judgement.prediction_sets import measure
from gradewise.judgement.sets import draw, in_set

NEW = 2000
"""New groups, of one image each."""

Images = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Probabilities (n, k), truth (n,) and group (n,)."""


def stated(groups: int, size: int, shared: float, rng: np.random.Generator) -> Images:
    """Images of three classes; `shared` is the share of the variance that is common to a group."""
    group = np.repeat(np.arange(groups), size)
    truth = rng.integers(3, size=len(group))
    offset = rng.normal(scale=np.sqrt(shared), size=(groups, 3))[group]
    odds = 1.6 * np.eye(3)[truth] + offset + rng.normal(scale=np.sqrt(1 - shared), size=(len(group), 3))
    return softmax(2 * odds, axis=1), truth, group


def fitted(groups: int, size: int, shared: float, rng: np.random.Generator) -> tuple[Images, Images]:
    """Predictions of five folds, and those of a discriminant fitted on all groups for new groups."""
    world = Trained(groups, size, shared)
    half = world.halves()[0]
    x, truth, group = world.draw(groups, rng)
    probabilities = np.zeros((len(x), 2))
    for _, train, test in roles("5 folds", groups, group, rng):
        probabilities[test] = _probabilities(x[train, half], truth[train], x[test, half])
    new, of_new, group_of_new = Trained(NEW, 1, shared).draw(NEW, rng)
    return (probabilities, truth, group), (_probabilities(x[:, half], truth, new[:, half]), of_new, group_of_new)


def _probabilities(x: np.ndarray, truth: np.ndarray, new: np.ndarray) -> np.ndarray:
    direction, middle = discriminant(x, truth)
    second = expit((new - middle) @ direction)
    return np.stack([1 - second, second], axis=1)


def weighted(of_truth: np.ndarray, group: np.ndarray, coverage: float) -> float:
    """The least probability where each group has the weight of one image; 0 if there are too few."""
    order = np.argsort(-of_truth)
    weights = 1 / np.bincount(group)[group[order]] / (group.max() + 2)
    reached = np.flatnonzero(np.cumsum(weights) >= coverage - 1e-9)
    return float(of_truth[order[reached[0]]]) if len(reached) else 0.0


def covered(images: Images, least: float) -> tuple[float, float]:
    """Share of sets that hold the true class, and of those with several classes."""
    probabilities, truth, _ = images
    inside = in_set(probabilities, least, probabilities.argmax(axis=1))
    return inside[np.arange(len(truth)), truth].mean(), (inside.sum(axis=1) > 1).mean()


def run(
    name: str, world: Callable[[np.random.Generator], tuple[Images, Images]], coverages: list[float], experiments: int
) -> None:
    rng = np.random.default_rng(0)
    results: dict[float, list[list[float]]] = {coverage: [] for coverage in coverages}
    accuracies = []
    for _ in range(experiments):
        images, new = world(rng)
        probabilities, truth, group = images
        of_truth = probabilities[np.arange(len(truth)), truth]
        drawn = draw(of_truth, group, rng)
        accuracies.append(covered(new, 1.0)[0])
        measured = left_out(images, rng)
        for coverage, values in results.items():
            least = drawn.least_probability(coverage)
            if least is None:
                continue
            once = draw_once(of_truth, group, coverage, rng)
            values.append(
                [
                    *covered(new, least),
                    measured.get(coverage, np.nan),
                    covered(new, once)[0],
                    *covered(new, weighted(of_truth, group, coverage)),
                ]
            )
    for coverage, values in results.items():
        if values:
            means = " ".join(f"{100 * value:>8.1f}" for value in np.mean(values, axis=0))
            print(f"{name} {100 * np.mean(accuracies):>8.1f} {100 * coverage:>8.0f} {means}", flush=True)


def left_out(images: Images, rng: np.random.Generator) -> dict[float, float]:
    """Coverage as gradewise measures it, on groups that are left out of the thresholds."""
    probabilities, truth, group = images
    names = CLASSES if probabilities.shape[1] == 2 else ["A", "B", "C"]
    verdicts = pd.DataFrame(probabilities, columns=[f"p_{name}" for name in names]).assign(
        repeat=0,
        group=group,
        image_id=np.arange(len(truth)),
        label=np.take(names, truth),
        predicted=np.take(names, probabilities.argmax(axis=1)),
    )
    rows = measure(verdicts, names, rng)
    rows = rows.loc[rows["class"].isna() & rows["covered"].notna()]
    return dict(zip(rows["coverage"], rows["covered"].astype(float), strict=True))


def draw_once(of_truth: np.ndarray, group: np.ndarray, coverage: float, rng: np.random.Generator) -> float:
    """The threshold of one image drawn from each group."""
    order = rng.permutation(len(group))
    first = np.unique(group[order], return_index=True)[1]
    return draw(of_truth[order[first]], np.arange(len(first)), rng).least_probability(coverage) or 0.0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=500)
    parser.add_argument("--fitted", type=int, default=100, help="experiments with fitted models")
    options = parser.parse_args()
    print("All in per cent; sd of a mean of 500 experiments: about 0.2")
    heads = ["groups", "images", "shared", "accuracy", "promised", "covered", "several", "left out", "one draw"]
    print(f"{'':<6}", *(f"{head:>8}" for head in [*heads, "weighted", "several"]))
    for groups in (10, 20, 40, 100):
        for size, shared in ((1, 0.0), (8, 0.0), (8, 0.3), (8, 0.7)):
            coverages = [coverage for coverage in (0.9, 0.95, 0.99) if coverage <= 1 - 1 / (groups + 1)]
            run(
                f"stated {groups:>8} {size:>8} {100 * shared:>8.0f}",
                lambda rng, groups=groups, size=size, shared=shared: (
                    stated(groups, size, shared, rng),
                    stated(NEW, 1, shared, rng),
                ),
                coverages,
                options.experiments,
            )
    for groups, size, shared in ((20, 6, 0.5), (40, 6, 0.5), (40, 1, 0.0)):
        run(
            f"fitted {groups:>8} {size:>8} {100 * shared**2 / (1 + shared**2):>8.0f}",
            lambda rng, groups=groups, size=size, shared=shared: fitted(groups, size, shared, rng),
            [0.9, 0.95],
            options.fitted,
        )
