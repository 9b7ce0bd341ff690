"""How often comparisons find a difference, where there is none and where there is one, with models really fitted.

    python bench/inference.py --experiments 500 > bench/inference.txt

A cell is a design: groups, images per group, splits, learner. Models see features of their own; how informative these
are sets the true difference in accuracy, the mean over training sets on new groups. `size` is the share of experiments
in which an adjusted p value is below 0.05 though all models are equally good, `covered` the share in which every
simultaneous interval holds the truth, `10` and `20` the shares in which a model that is so many points worse is found
to be worse than the best; `flagged` the share with a repeat in which a model predicted one class for everything,
`contradictions` intervals and p values that disagree. With 500 experiments a share of 0.05 is known to +-0.02.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from simulated import gather_units, roles, splits
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from gradewise.evaluation.compare import Design, Tested, Units, compare_each
from gradewise.evaluation.counting import Confusions
from gradewise.evaluation.estimates import Estimate
from gradewise.evaluation.inference import groups_for_equivalence, judge
from gradewise.evaluation.intervals import Combine, effective, interval, spread
from gradewise.evaluation.recommendation import Pair
from gradewise.evaluation.standings import optimism
from gradewise.metrics import METRICS

ACCURACY = METRICS["accuracy"]

FEATURES = 5
BEST = 0.6
"""Signal of the best model."""

Learner = Callable[[np.ndarray, np.ndarray, np.ndarray, int], np.ndarray]
"""From features and classes of training, and features to predict, to classes; last the number of classes."""


def discriminant(x: np.ndarray, truth: np.ndarray, new: np.ndarray, classes: int) -> np.ndarray:
    """Linear discriminant, slightly shrunk; classes that are absent are never predicted."""
    present = np.unique(truth)
    means = np.stack([x[truth == label].mean(axis=0) for label in present])
    within = np.cov((x - means[np.searchsorted(present, truth)]).T) + 0.1 * np.eye(x.shape[1])
    weights = np.linalg.solve(within, means.T)
    return present[(new @ weights - 0.5 * np.sum(means.T * weights, axis=0)).argmax(axis=1)]


def neighbour(x: np.ndarray, truth: np.ndarray, new: np.ndarray, classes: int) -> np.ndarray:
    return KNeighborsClassifier(1).fit(x, truth).predict(new)


def tree(x: np.ndarray, truth: np.ndarray, new: np.ndarray, classes: int) -> np.ndarray:
    return DecisionTreeClassifier(random_state=0).fit(x, truth).predict(new)


def collapsing(x: np.ndarray, truth: np.ndarray, new: np.ndarray, classes: int) -> np.ndarray:
    """A discriminant that fails in one training of ten."""
    if int(1e6 * abs(x[0, 0])) % 10 == 0:
        return np.zeros(len(new), dtype=np.int64)
    return discriminant(x, truth, new, classes)


@dataclass(frozen=True)
class Cell:
    """A design, and models that learn with it."""

    name: str
    groups: int
    size: int
    scheme: str
    shared: float = 0.5
    learner: Learner = discriminant
    classes: int = 2
    pure: bool = False
    unequal: bool = False
    models: int = 2
    tested: int | None = None
    signals: dict[float, float] = field(default_factory=dict, compare=False)

    def draw(self, groups: int, signals: list[float], rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Features (models, n, FEATURES), classes (n,) and groups (n,)."""
        sizes = np.full(groups, self.size)
        if self.unequal:
            sizes[: groups // 4] *= 4
        group = np.repeat(np.arange(groups), sizes)
        truth = (
            rng.integers(self.classes, size=groups)[group] if self.pure else rng.integers(self.classes, size=len(group))
        )
        shape = (len(signals), len(group), FEATURES)
        offset = rng.normal(scale=self.shared, size=(len(signals), groups, FEATURES))[:, group]
        centres = np.stack([np.cos(2 * np.pi * truth / self.classes), np.sin(2 * np.pi * truth / self.classes)], axis=1)
        direction = np.zeros((len(group), FEATURES))
        direction[:, :2] = centres
        direction[:, 2:] = centres[:, :1] / 2
        return rng.normal(size=shape) + offset + 2 * np.array(signals)[:, None, None] * direction, truth, group

    def accuracies(self, signals: list[float], sets: int = 100) -> np.ndarray:
        """Expected accuracy of a model for each signal, over training sets, on new groups."""
        rng = np.random.default_rng(1)
        training = self.groups - round(len(splits(self.scheme, self.groups, rng)[0]))
        right = np.zeros(len(signals))
        done = 0
        while done < sets:
            x, truth, group = self.draw(training + 60, signals, rng)
            train = group < training
            if len(np.unique(truth[train])) < self.classes:
                continue
            done += 1
            for place, features in enumerate(x):
                called = self.learner(features[train], truth[train], features[~train], self.classes)
                right[place] += np.mean(called == truth[~train]) / sets
        return right

    def signal(self, points: float) -> tuple[float, float]:
        """Signal of a model that is so much less accurate than the best, and the difference that it makes."""
        grid = np.linspace(BEST, 0.0, 25)
        accuracy = self.accuracies([float(value) for value in grid])
        chosen = float(np.interp(-(accuracy[0] - points), -accuracy, grid))
        reached = self.accuracies([BEST, chosen], 400)
        return chosen, float(reached[0] - reached[1])

    def test(self, signals: list[float], rng: np.random.Generator) -> tuple[dict[str, Tested], Design]:
        """Fit and test a model for each signal in one experiment."""
        x, truth, group = self.draw(self.groups, signals, rng)
        called: list[list[np.ndarray]] = [[] for _ in signals]
        units, ratios = [], []
        for repeat, (_, train, test) in enumerate(roles(self.scheme, self.groups, group, rng)):
            ratios.append(test.sum() / train.sum())
            units.append((np.full(test.sum(), repeat), group[test], truth[test]))
            for place, features in enumerate(x):
                called[place].append(self.learner(features[train], truth[train], features[test], self.classes))
        tested = gather_units(units, self.classes)
        images = int(np.isin(group, np.concatenate([of_repeat for _, of_repeat, _ in units])).sum())
        by_model = {str(place): tested.tested(np.concatenate(parts)) for place, parts in enumerate(called)}
        return by_model, Design(images, tested.groups, float(np.mean(ratios)))


def compared(by_model: dict[str, Tested], design: Design) -> list[dict]:
    """Rows of the comparisons of all pairs."""
    deletions = {name: tested.deletions(ACCURACY) for name, tested in by_model.items()}
    return compare_each(by_model, list(itertools.combinations(by_model, 2)), design, deletions, 1.0)


CELLS = [
    Cell("13 groups, 3 holdouts", 13, 10, "3 holdouts"),
    Cell("16 groups, 3 holdouts", 16, 10, "3 holdouts"),
    Cell("20 groups, 3 holdouts", 20, 10, "3 holdouts"),
    Cell("16 groups, 3 folds", 16, 10, "3 folds"),
    Cell("24 groups, 5 folds", 24, 10, "5 folds"),
    Cell("24 groups, 2 x 5 folds", 24, 10, "2 x 5 folds"),
    Cell("333 lone images, one split", 333, 1, "one split", 0.0),
    Cell("333 lone images, 5 x same test", 333, 1, "5 x same test", 0.0),
    Cell("40 groups, one split", 40, 10, "one split"),
    Cell("40 groups, 5 x same test", 40, 10, "5 x same test"),
    Cell("one class per group, 24, 3 holdouts", 24, 10, "3 holdouts", pure=True),
    Cell("one class per group, 24, 5 folds", 24, 10, "5 folds", pure=True),
    Cell("a quarter four times as large, 20, 5 folds", 20, 8, "5 folds", unequal=True),
    Cell("nearest neighbour, 16, 3 holdouts", 16, 10, "3 holdouts", learner=neighbour),
    Cell("trees, 16, 3 holdouts", 16, 10, "3 holdouts", learner=tree),
    Cell("trees, 24, 5 folds", 24, 10, "5 folds", learner=tree),
    Cell("collapsing, 16, 3 holdouts", 16, 10, "3 holdouts", learner=collapsing),
    Cell("three classes, 20, 5 folds", 20, 12, "5 folds", classes=3),
    Cell("four models, 16, 3 holdouts", 16, 10, "3 holdouts", models=4),
    Cell("four models, 24, 5 folds", 24, 10, "5 folds", models=4),
    Cell("four models, 100 lone test images, 5 x", 333, 1, "5 x same test", 0.0, models=4),
]


def measure(cell: Cell, experiments: int) -> str:
    """One line of the table."""
    shares = {}
    contradictions = 0
    for points in (0.0, 0.1, 0.2):
        weaker, true = (BEST, 0.0) if points == 0 else cell.signal(points)
        signals = [BEST] + [weaker] * (cell.models - 1) if points else [BEST] * cell.models
        rng = np.random.default_rng(zlib.crc32(repr((cell.name, points)).encode()))
        found = covered = flagged = 0
        for _ in range(experiments):
            rows = compared(*cell.test(signals, rng))
            contradictions += sum((row["p_adjusted"] < 0.05) != (row["low"] > 0 or row["high"] < 0) for row in rows)
            if points:
                found += rows[0]["p_adjusted"] < 0.05 and rows[0]["difference"] > 0
            else:
                found += any(row["p_adjusted"] < 0.05 for row in rows)
                flagged += any(row["collapsed"] for row in rows)
            truths = [
                true if first == 0 else 0.0 for first in range(cell.models) for _ in range(first + 1, cell.models)
            ]
            covered += all(row["low"] <= truth <= row["high"] for row, truth in zip(rows, truths, strict=True))
        shares[points] = (found / experiments, covered / experiments, flagged / experiments)
    covered = min(part[1] for part in shares.values())
    return (
        f"{cell.name:44} {shares[0.0][0]:6.3f} {covered:8.3f} {shares[0.1][0]:6.2f} {shares[0.2][0]:6.2f} "
        f"{shares[0.0][2]:8.2f} {contradictions:14}"
    )


def accuracy(confusions: Confusions, combine: Combine) -> np.ndarray:
    return ACCURACY.overall(confusions.combined(combine))


def measure_winner(cell: Cell, signals: list[float], experiments: int) -> str:
    """How much too good the best model looks, with and without the correction, and how often intervals hold it."""
    truth = cell.accuracies(signals, 400)
    rng = np.random.default_rng(zlib.crc32(repr((cell.name, signals)).encode()))
    excess = corrected = covered_plain = covered = 0.0
    for _ in range(experiments):
        by_model, _ = cell.test(signals, rng)
        measured = [tested.deletions(ACCURACY) for tested in by_model.values()]
        values = np.array([of_model.value for of_model in measured])
        best = int(values.argmax())
        chosen = list(by_model.values())[best]
        owed = optimism([tested.confusions for tested in by_model.values()], chosen.groups, accuracy, 0)
        deletions, groups = measured[best], effective(chosen.sizes)
        low, high = interval(values[best], spread(deletions, groups), (0.0, 1.0), groups)
        excess += (values[best] - truth[best]) / experiments
        corrected += (values[best] - owed - truth[best]) / experiments
        covered_plain += (low <= truth[best] <= high) / experiments
        covered += (low - owed <= truth[best] <= high) / experiments
    models = ", ".join(f"{100 * value:.0f}" for value in truth)
    return f"{cell.name:44} {models:>16} {excess:8.3f} {corrected:10.3f} {covered_plain:8.3f} {covered:8.3f}"


def measure_reassurance(groups: int, size: int, experiments: int) -> str:
    """How often a model that fails in a tenth of the groups is called equivalent to the one that never fails, or shown
    to be no worse, within two points; it is five points worse in truth."""
    rng = np.random.default_rng(groups)
    group = np.repeat(np.arange(groups), size)
    units = Units(np.zeros(len(group), dtype=np.int64), group, group.astype(str), 1, groups, 2)
    equivalent = no_worse = 0
    for _ in range(experiments):
        failing = (rng.random(groups) < 0.1)[group]
        wrong = rng.random(len(group)) < 0.05
        also_wrong = np.where(failing, rng.random(len(group)) < 0.55, wrong)
        by_model = {"sound": units.tested(wrong.astype(int)), "failing": units.tested(also_wrong.astype(int))}
        (row,) = compared(by_model, Design(len(group), groups, 0.0))
        equivalent += judge(row["low"], row["high"], 0.02, groups, row["scale"]) == "equivalent"
        pair = Pair(
            first="sound",
            second="failing",
            difference=Estimate(row["difference"], row["low"], row["high"]),
            groups=groups,
            groups_for_equivalence=groups_for_equivalence(0.02, row["scale"]),
        )
        no_worse += pair.no_worse(0.02)
    return f"{groups:6} {size:6} {equivalent / experiments:10.3f} {no_worse / experiments:8.3f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=500)
    given = parser.parse_args()
    print("$ python", *sys.argv)
    print(f"{'design':44} {'size':>6} {'covered':>8} {'10':>6} {'20':>6} {'flagged':>8} {'contradictions':>14}")
    for cell in CELLS:
        print(measure(cell, given.experiments), flush=True)
    print("\nThe best of four models: how much too good it looks, and 95 % intervals that hold its truth")
    print(f"{'design':44} {'accuracies':>16} {'excess':>8} {'corrected':>10} {'plain':>8} {'covered':>8}")
    for cell in CELLS[-3:]:
        for signals in ([0.35] * 4, [0.35, 0.3, 0.25, 0.2]):
            print(measure_winner(cell, signals, given.experiments), flush=True)
    print("\nA model that fails in a tenth of the groups, against one that does not, margin of two points")
    print(f"{'groups':>6} {'images':>6} {'equivalent':>10} {'no worse':>8}")
    for groups, size in ((5, 50), (20, 10), (60, 5), (200, 3), (1000, 1)):
        print(measure_reassurance(groups, size, given.experiments), flush=True)
