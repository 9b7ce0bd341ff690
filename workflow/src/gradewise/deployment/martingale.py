"""Evidence, gathered image by image, that images are no longer like those before: conformal test martingales.

As long as all images are exchangeable, reference and new ones alike, the evidence is the capital of a gambler in a fair
game. It starts at 1, and with a probability of at most 1 in 20 it ever reaches 20 (Ville's inequality), however many
images and dates there are, and whenever one looks. Nothing is assumed about the distribution of scores. Where several
scores of the same images are watched, the evidence of each is divided by their number (Bonferroni).

Vovk, Gammerman & Shafer (2005), Algorithmic Learning in a Random World, chapters 2 and 7; bets are those of the simple
jumper of Vovk et al. (2021), COPA, PMLR 152:191, mixed over the time of the change as in Shiryaev's procedure: a
bet is never taken back, so that jumps use up no capital over thousands of images. Where a score is the probability of a
class, bets follow from the share of the class in training as well: another mix of classes moves images across the rank
that separates so many from the rest.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

import numpy as np

ALARM = 20.0
"""Evidence at which a change is told: a false alarm has a probability of at most 1 in 20, over all time."""

BETS = np.array([-0.3, -0.15, 0.15, 0.3])
"""Shifts of a score that are bet on, in standard deviations: with rank p (0 to 1), the capital of a bet b is multiplied
by 1 + b g(p). The mean of g over all ranks is 0, and its standard deviation 1, see `payout`."""

RAREST = 0.1
"""Shares of classes below this are taken for it, and above one minus this for that, so that no bet can lose all."""


def ranks(reference: np.ndarray, scores: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rank of each score among the reference and all scores up to it: a smoothed conformal p-value.

    Where all are exchangeable, these are independent and uniform between 0 and 1.

    Parameters
    ----------
    reference : ndarray, shape (m,)
        Scores that come before, in any order.
    scores : ndarray, shape (n,)
        In the order of time; in any random order within a date.
    rng : Generator
        Ranks equal scores.

    Returns
    -------
    ndarray, shape (n,)
        High for low scores.
    """
    before = sorted(reference.tolist())
    chances = rng.random(len(scores))
    p_values = np.empty(len(scores))
    for place, score in enumerate(scores.tolist()):
        insort(before, score)
        above = len(before) - bisect_right(before, score)
        equal = len(before) - above - bisect_left(before, score)
        p_values[place] = (above + chances[place] * equal) / len(before)
    return p_values


def payout(p_values: np.ndarray, share: float | None = None) -> np.ndarray:
    """What a bet on lower scores wins by rank: in proportion to the rank or, of a class, half by a step at its share.

    The step is nearly the best bet on another mix of classes where these are well separated, the slope where they are
    not. Half of each finds another mix more often than the slope alone (`bench/monitor.txt`).

    Parameters
    ----------
    p_values : ndarray
        Ranks between 0 and 1, high for low scores.
    share : float, optional
        Of the class in training, if the score is its probability; not in the reference, for bets must not depend on
        the scores that they are made on.
    """
    slope = np.sqrt(12) * (p_values - 0.5)
    if share is None:
        return np.asarray(slope)
    limited = min(max(share, RAREST), 1 - RAREST)
    deviation = np.sqrt(limited * (1 - limited))
    step = ((p_values > limited) - (1 - limited)) / deviation
    correlation = np.sqrt(3) * deviation
    return np.asarray((slope + step) / np.sqrt(2 + 2 * correlation))


def evidence(p_values: np.ndarray, reference: int, share: float | None = None) -> np.ndarray:
    """Capital after each p-value.

    Half of it is staked from the beginning. The other half waits, and a part of what waits is staked before each image,
    since a change may come at any time: 1 / k before the k-th image, those of the reference counted, so that changes
    after twice as many images cost little more evidence. What is staked is dealt out evenly among the bets.

    Parameters
    ----------
    p_values : ndarray, shape (n, ...)
        NaN where there is nothing to bet on.
    reference : int
        Number of scores before.
    share : float, optional
        Of the class in training, if the scores are its probabilities.

    Returns
    -------
    ndarray, shape (n, ...)
    """
    waiting = 0.5
    staked = np.full((*p_values.shape[1:], len(BETS)), 0.5 / len(BETS))
    after = np.empty(p_values.shape)
    for place, p_value in enumerate(p_values):
        part = waiting / (reference + place + 1)
        waiting -= part
        won = np.nan_to_num(payout(p_value, share), nan=0.0)[..., None]
        staked = (staked + part / len(BETS)) * (1 + BETS * won)
        after[place] = waiting + staked.sum(axis=-1)
    return after
