"""How likely each model is the best of those compared, and how much too good the best one looks for being chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from gradewise.evaluation.counting import Confusions
from gradewise.evaluation.inference import DRAWS, correlated, difference
from gradewise.evaluation.intervals import Combine, Deletions

RESAMPLES = 2000
"""Bootstrap samples of groups, for the optimism of a choice."""

MOST_COUNTS = 20_000_000
"""Cells of confusion matrices held in memory at once, by metrics that ask for them."""

Statistic = Callable[[Confusions, Combine], np.ndarray]
"""From a model's counts, and how they are combined to b sets, to a metric of which more is better, shape (b,)."""


def probability_best(
    deletions: Sequence[Deletions], sizes: np.ndarray, scale: float, test_to_train: float
) -> np.ndarray:
    """Probability that each model is the best on new groups.

    The leader's differences from the others are drawn from t distributions around what was measured, correlated as the
    changes of groups are (the posterior under a flat prior: Benavoli et al. 2017, Journal of Machine Learning Research
    18:77).

    Parameters
    ----------
    deletions : sequence of Deletions
        Of each of m models, in a metric of which more is better.
    sizes : ndarray, shape (g,)
    scale, test_to_train : float
        See `inference.difference`.

    Returns
    -------
    ndarray, shape (m,)
        NaN where standard errors are unknown; 1 of a single model.
    """
    values = np.array([deletion.value for deletion in deletions])
    if len(values) == 1:
        return np.ones(1)
    if not np.all(np.isfinite(values)):
        return np.full(len(values), np.nan)
    leader = int(values.argmax())
    others = [place for place in range(len(values)) if place != leader]
    leads = [difference(deletions[leader] - deletions[place], sizes, scale, test_to_train) for place in others]
    errors = np.array([lead.spread.error for lead in leads])
    freedom = np.array([lead.spread.freedom for lead in leads])
    if not np.all(np.isfinite(errors)):
        return np.full(len(values), np.nan)
    generator = np.random.default_rng(0)
    normal = correlated(np.stack([lead.deletions.groups for lead in leads]), generator)
    stretched = normal * np.sqrt(freedom / generator.chisquare(freedom, size=normal.shape))
    behind = np.concatenate(
        [np.zeros((DRAWS, 1)), np.array([lead.value for lead in leads]) + errors * stretched], axis=1
    )
    best = np.bincount(behind.argmin(axis=1), minlength=len(values)) / DRAWS
    probabilities = np.empty(len(values))
    probabilities[[leader, *others]] = best
    return probabilities


def optimism(confusions: Sequence[Confusions], groups: int, statistic: Statistic, seed: int) -> float:
    """How much better the best model looks than it is, because it was chosen on the same test groups.

    Groups are drawn with replacement; the best model on those drawn is measured on those that were not (the bootstrap
    bias correction of Tsamardinos, Greasidou & Borboudakis 2018, Machine Learning 107:1895, with the group as unit).

    Parameters
    ----------
    confusions : sequence of Confusions
        Of each model, of each repeat and group, repeat by repeat.
    groups : int
        How many there are.
    statistic : Statistic
    seed : int

    Returns
    -------
    float
        At least 0; NaN where it cannot be determined.
    """
    observed = [statistic(of_model, lambda sums: sums.sum(axis=0, keepdims=True)) for of_model in confusions]
    if len(confusions) == 1:
        return 0.0
    if groups < 2 or not np.all(np.isfinite(observed)):
        return float("nan")
    drawn = np.random.default_rng(seed).multinomial(groups, np.full(groups, 1 / groups), size=RESAMPLES)

    def scores(weights: np.ndarray) -> np.ndarray:
        blocks = np.array_split(weights.astype(np.float64), 1 + RESAMPLES * confusions[0].classes ** 2 // MOST_COUNTS)
        return np.array(
            [np.concatenate([statistic(of_model, _drawing(block)) for block in blocks]) for of_model in confusions]
        )

    inside, outside = scores(drawn), scores(drawn == 0)
    chosen = np.where(np.isfinite(inside), inside, -np.inf).argmax(axis=0)
    honest = np.take_along_axis(outside, chosen[None], axis=0)[0]
    known = np.isfinite(honest)
    if not known.any():
        return float("nan")
    return max(0.0, float(np.mean(inside.max(axis=0)[known]) - np.mean(honest[known])))


def _drawing(weights: np.ndarray) -> Combine:
    """Sets of groups, given how often each has each group, shape (b, g), in every repeat."""
    groups = weights.shape[1]
    return lambda sums: np.tensordot(weights, sums.reshape(-1, groups, *sums.shape[1:]).sum(axis=0), axes=1)
