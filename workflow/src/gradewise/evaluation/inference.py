"""One calculation behind the interval, the p value and the power of every difference between two models.

What is estimated is the difference, on new groups, between models trained on these images. Its standard error comes
from leaving groups out and from repeats (`intervals.spread`), for every design, metric and level alike. Differences
are judged together: their p values are adjusted by the joint distribution of the largest of them, and the simultaneous
interval of a difference leaves out zero exactly where its adjusted p value is below 5 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import ndtr, stdtr, stdtrit

from gradewise.evaluation.intervals import Deletions, Spread, effective, spread
from gradewise.images.foresight import LEAST_GROUPS, LEVEL, POWER

FEW_GROUPS = 10
"""Tested groups below which a comparison is read with care."""

SIGNIFICANT = 1 - LEVEL
"""Adjusted p values below this show a difference."""

UNSEEN = 3
"""Of G groups in which something did not happen, it may still happen in `UNSEEN` / G of all groups (the rule of three:
Hanley & Lippman-Hand 1983, Journal of the American Medical Association 249:1743)."""

Judgement = Literal["equivalent", "first better", "second better", "undecided"]

DRAWS = 100_000
"""Of the largest standardised difference; the adjusted p value of 0.05 is known to 0.0014."""


@dataclass(frozen=True)
class Difference:
    """A metric of one model minus that of another.

    Attributes
    ----------
    deletions : Deletions
        The difference, and how it changes without groups and repeats.
    spread : Spread
        Its standard error; NaN where it is unknown.
    scale : float
        Largest possible difference.
    """

    deletions: Deletions
    spread: Spread
    scale: float

    @property
    def value(self) -> float:
        """The difference over all repeats."""
        return self.deletions.value

    @property
    def p_value(self) -> float:
        """Two-sided, of this difference alone; NaN where the standard error is unknown."""
        if not np.isfinite(self.spread.error):
            return float("nan")
        return float(2 * stdtr(self.spread.freedom, -abs(self.value) / self.spread.error))


@dataclass(frozen=True)
class Inference:
    """What is known of a difference, judged together with others; NaN where nothing is.

    Attributes
    ----------
    low, high : float
        Ends of the simultaneous 95 % interval.
    p_value, p_adjusted : float
        Of this difference alone, and adjusted for all those judged together.
    detectable : float
        Smallest true difference that is found with power `POWER`; NaN where none is.
    """

    low: float
    high: float
    p_value: float
    p_adjusted: float
    detectable: float


UNKNOWN = Inference(*[float("nan")] * 5)


def difference(deletions: Deletions, sizes: np.ndarray, scale: float, test_to_train: float) -> Difference:
    """A difference with its standard error.

    To the variance of groups and repeats is added that of two further groups in which the models differ, once each way,
    so that few or no differing groups do not look like certainty: Bonett & Price (2012), Journal of Educational and
    Behavioral Statistics 37:479, with groups in place of images. How much the models differ there is the root mean
    square of what they differ in the groups that were tested, and at least one image.

    Parameters
    ----------
    deletions : Deletions
    sizes : ndarray, shape (g,)
        Tested images, or samples, of each group.
    scale : float
        Largest possible difference.
    test_to_train : float
        Tested images for each training image, see `intervals.spread`.
    """
    groups = len(sizes)
    if groups < LEAST_GROUPS or not np.isfinite(deletions.value):
        return Difference(deletions, Spread(np.nan, np.nan), scale)
    seen = spread(deletions, effective(sizes), test_to_train)
    in_group = deletions.value - (groups - 1) * deletions.groups
    gap = max(float(np.sqrt(np.mean(in_group**2))), scale * groups / float(sizes.sum()))
    rare = np.sqrt(2) * gap / (groups + 2)
    return Difference(deletions, Spread(float(np.hypot(seen.error, rare)), seen.freedom), scale)


def infer(differences: Sequence[Difference]) -> list[Inference]:
    """Judge differences together.

    Adjusted p values and simultaneous intervals are those of the single-step maximum test (Hothorn, Bretz & Westfall
    2008, Biometrical Journal 50:346): the largest of all standardised differences is compared with its distribution
    under the hypothesis that none differs, drawn from a normal distribution that is correlated as the groups' changes
    are. Its quantile is referred to each difference's own degrees of freedom.

    Returns
    -------
    list of Inference
        In the order of `differences`.
    """
    p_values = np.array([difference.p_value for difference in differences], dtype=np.float64)
    known = [place for place, p_value in enumerate(p_values) if np.isfinite(p_value)]
    if not known:
        return [UNKNOWN] * len(differences)
    changes = np.stack([differences[place].deletions.groups for place in known])
    adjusted, single = adjust(p_values[known], changes)
    inferred = [UNKNOWN] * len(differences)
    for place, p_adjusted in zip(known, adjusted, strict=True):
        judged = differences[place]
        quantile, of_power = stdtrit(judged.spread.freedom, [1 - single / 2, POWER])
        half = float(quantile * judged.spread.error)
        detectable = half + float(of_power * judged.spread.error)
        inferred[place] = Inference(
            low=max(-judged.scale, judged.value - half),
            high=min(judged.scale, judged.value + half),
            p_value=float(p_values[place]),
            p_adjusted=float(p_adjusted),
            detectable=detectable if detectable <= judged.scale else float("nan"),
        )
    return inferred


def judge(low: float, high: float, margin: float | None, groups: int, scale: float) -> Judgement:
    """What may be said of two models.

    Better needs an interval that leaves out zero, hence an adjusted p value below 5 %. Equivalent needs the whole
    interval inside the margin, and so many groups that a model which fails in a group as rare as these groups could
    miss would still be inside (`groups_for_equivalence`). A difference that is real but smaller than the margin counts
    as equivalent. Everything else is undecided, which is not the same as equal.

    Parameters
    ----------
    low, high : float
        Simultaneous interval of first minus second, in a metric where more is better; NaN where unknown.
    margin : float or None
        Differences up to this do not matter in practice; None: every difference matters.
    groups : int
        Tested groups.
    scale : float
        Largest possible difference.
    """
    if margin is not None and -margin < low and high < margin and groups > groups_for_equivalence(margin, scale):
        return "equivalent"
    return "first better" if low > 0 else "second better" if high < 0 else "undecided"


def groups_for_equivalence(margin: float, scale: float) -> float:
    """Tested groups above which a difference of `scale` in the groups that could be missing is within the margin."""
    return UNSEEN * scale / margin


def adjust(p_values: np.ndarray, changes: np.ndarray) -> tuple[np.ndarray, float]:
    """P values adjusted for their number, and the level of a single one that keeps 5 % for all together.

    Parameters
    ----------
    p_values : ndarray, shape (p,)
    changes : ndarray, shape (p, g)
        Changes of each difference when a group is left out; their correlation is that of the differences.

    Returns
    -------
    adjusted : ndarray, shape (p,)
        Below 5 % exactly where the p value is below `level`.
    level : float
    """
    if len(p_values) == 1:
        return p_values, SIGNIFICANT
    largest = np.abs(correlated(changes, np.random.default_rng(0))).max(axis=1)
    smallest = np.sort(2 * ndtr(-largest))
    below = np.searchsorted(smallest, p_values, side="right")
    # the most draws that may lie at or below a p value whose adjusted one is still below 5 %
    allowed = int(np.ceil(SIGNIFICANT * (DRAWS + 1))) - 2
    return (1 + below) / (DRAWS + 1), float(smallest[allowed])


def correlated(changes: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Draws of standard normal variables that are correlated as differences are.

    Parameters
    ----------
    changes : ndarray, shape (p, g)
        Changes of each difference when a group is left out; those that no group changes are taken as independent.
    generator : Generator

    Returns
    -------
    ndarray of float32, shape (DRAWS, p)
    """
    length = np.linalg.norm(changes, axis=1, keepdims=True)
    scaled = np.divide(changes, length, out=np.zeros_like(changes), where=length > 0)
    correlation = scaled @ scaled.T
    np.fill_diagonal(correlation, 1.0)
    values, vectors = np.linalg.eigh(correlation)
    varies = values > 1e-9 * values[-1]
    root = (vectors[:, varies] * np.sqrt(values[varies])).T.astype(np.float32)
    normal = generator.standard_normal((DRAWS, len(root)), dtype=np.float32)
    return np.asarray(normal @ root)
