"""Simulated experiments with a known truth, to check intervals and tests.

There are two kinds. `outcomes` has no model: whether an image is classified correctly is decided by a coin toss, whose
bias is shared within its group. `Trained` fits two linear discriminants on every split; they see different but equally
informative features, so their true accuracies are equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from gradewise.evaluation.compare import Design, Tested, Units
from gradewise.evaluation.totals import Totals, add_up

CLASSES = ["bad", "good"]
SCHEMES = {
    "one split": ("holdout", 1),
    "3 holdouts": ("holdout", 3),
    "5 holdouts": ("holdout", 5),
    "3 folds": ("3 folds", 3),
    "5 folds": ("folds", 5),
    "2 x 5 folds": ("folds", 10),
    "5 x same test": ("same", 5),
}


def splits(scheme: str, groups: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Test groups of each repeat."""
    kind, repeats = SCHEMES[scheme]
    size = max(2, round(0.3 * groups))
    if kind == "3 folds":
        return np.array_split(rng.permutation(groups), 3)
    if kind == "folds":
        return [part for _ in range(repeats // 5) for part in np.array_split(rng.permutation(groups), 5)]
    if kind == "same":
        return [np.arange(size)] * repeats
    return [rng.permutation(groups)[:size] for _ in range(repeats)]


def roles(
    scheme: str, groups: int, group: np.ndarray, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Tested groups, and which samples of the given groups are for training and for test, in each repeat."""
    for part in splits(scheme, groups, rng):
        test = np.isin(group, part)
        train = ~test
        if SCHEMES[scheme][0] == "same":
            # The test images are fixed; in each repeat a tenth of the training groups is drawn for validation.
            others = np.setdiff1d(np.arange(groups), part)
            train &= ~np.isin(group, rng.choice(others, max(1, groups // 14), replace=False))
        yield part, train, test


def outcomes(
    accuracy: float, groups: int, size: int, correlation: float, repeats: int, luck: float, rng: np.random.Generator
) -> list[Totals]:
    """Totals of repeats that test all groups.

    The probability that an image is classified correctly is drawn for each group from a beta distribution with the
    given mean and intra-group correlation. In each repeat, the outcomes of a share `luck` of the images are redrawn;
    the others stay the same.
    """
    chance = np.full(groups, accuracy)
    if correlation > 0:
        scale = (1 - correlation) / correlation
        chance = rng.beta(accuracy * scale, (1 - accuracy) * scale, size=groups)
    group = np.repeat(np.arange(groups), size)
    truth = rng.integers(2, size=len(group))
    usual = rng.random(len(group))
    totals = []
    for _ in range(repeats):
        draw = np.where(rng.random(len(group)) < luck, rng.random(len(group)), usual)
        predicted = np.where(draw < chance[group], truth, 1 - truth)
        totals.append(add_up(truth, predicted, np.eye(2)[predicted], group, groups, [1]))
    return totals


@dataclass(frozen=True)
class Trained:
    """Images with features; those of a group share an offset."""

    groups: int
    size: int
    shared: float
    signal: float = 0.45
    features: int = 5

    def draw(self, groups: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Features (n, 2 x features), truth (n,) and group (n,)."""
        group = np.repeat(np.arange(groups), self.size)
        truth = rng.integers(2, size=len(group))
        noise = rng.normal(size=(len(group), 2 * self.features))
        offset = rng.normal(scale=self.shared, size=(groups, 2 * self.features))[group]
        return noise + offset + self.signal * (2 * truth[:, None] - 1), truth, group

    def halves(self) -> tuple[slice, slice]:
        """Features of the first and of the second model."""
        return slice(0, self.features), slice(self.features, None)

    def truth(self, training_groups: int, rng: np.random.Generator, sets: int = 2000) -> dict[str, float]:
        """Expected accuracy and ROC AUC on new images, as means over training sets of so many groups.

        They are exact for each fitted discriminant, since its scores are normally distributed in each class.
        """
        half, values = self.halves()[0], []
        while len(values) < sets:
            x, truth, _ = self.draw(training_groups, rng)
            if truth.min() == truth.max():
                continue
            direction, middle = discriminant(x[:, half], truth)
            deviation = np.linalg.norm(direction) * np.sqrt(1 + self.shared**2)
            shift, offset = self.signal * direction.sum(), middle @ direction
            right = stats.norm.cdf([(shift - offset) / deviation, (shift + offset) / deviation]).mean()
            values.append((right, stats.norm.cdf(np.sqrt(2) * shift / deviation)))
        return dict(zip(("accuracy", "roc_auc"), np.mean(values, axis=0), strict=True))

    def run(self, scheme: str, rng: np.random.Generator) -> tuple[list[Totals], list[Totals], Design, Tested, Tested]:
        """Fit and test both models on every split of one dataset."""
        x, truth, group = self.draw(self.groups, rng)
        totals: tuple[list[Totals], list[Totals]] = ([], [])
        called: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        units, ratios = [], []
        for repeat, (_, train, test) in enumerate(roles(scheme, self.groups, group, rng)):
            ratios.append(test.sum() / train.sum())
            units.append((np.full(test.sum(), repeat), group[test], truth[test]))
            for model, half in enumerate(self.halves()):
                scores = scores_of(x[train, half], truth[train], x[test, half])
                totals[model].append(totals_of(scores, truth[test], group[test], self.groups))
                called[model].append((scores >= 0.5).astype(np.int64))
        tested = gather_units(units, classes=2)
        design = Design(tested.groups * self.size, tested.groups, float(np.mean(ratios)))
        first, second = (tested.tested(np.concatenate(parts)) for parts in called)
        return totals[0], totals[1], design, first, second


def gather_units(repeats: list[tuple[np.ndarray, np.ndarray, np.ndarray]], classes: int) -> Units:
    """What was tested, from the number, groups and true classes of each repeat."""
    repeat, group, truth = (np.concatenate(parts) for parts in zip(*repeats, strict=True))
    names, group = np.unique(group, return_inverse=True)
    cell = repeat * len(names) + group
    return Units(truth, cell, group.astype(str), int(repeat.max()) + 1, len(names), classes)


def discriminant(x: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Direction of Fisher's linear discriminant, slightly shrunk, and the point halfway between the classes."""
    means = np.stack([x[truth == label].mean(axis=0) for label in (0, 1)])
    spread = np.cov((x - means[truth]).T) + 0.1 * np.eye(x.shape[1])
    return np.linalg.solve(spread, means[1] - means[0]), means.mean(axis=0)


def scores_of(x: np.ndarray, truth: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Probability of class 1 by the discriminant."""
    direction, middle = discriminant(x, truth)
    return 1 / (1 + np.exp(-(new - middle) @ direction))


def totals_of(scores: np.ndarray, truth: np.ndarray, group: np.ndarray, groups: int) -> Totals:
    """Totals of one test."""
    probabilities = np.stack([1 - scores, scores], axis=1)
    return add_up(truth, (scores >= 0.5).astype(np.int64), probabilities, group, groups, [1])
