"""Evidence, gathered image by image, that images are no longer like those before: conformal test martingales.

As long as all images are exchangeable, reference and new ones alike, the evidence is the capital of a gambler in a fair
game. It starts at 1, and with a probability of at most 1 in 20 it ever reaches 20 (Ville's inequality), however many
images and dates there are, and whenever one looks. Nothing is assumed about the distribution of scores. Where several
scores of the same images are watched, the evidence of each is divided by their number (Bonferroni).

Vovk, Gammerman & Shafer (2005), Algorithmic Learning in a Random World, chapters 2 and 7; bets are those of the simple
jumper of Vovk et al. (2021), COPA, PMLR 152:191, mixed over the time of the change as in Shiryaev's procedure: a
bet is never taken back, so that jumps use up no capital over thousands of images.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

import numpy as np

ALARM = 20.0
"""Evidence at which a change is told: a false alarm has a probability of at most 1 in 20, over all time."""

BETS = np.array([-1.0, -0.5, 0.5, 1.0])
"""What is staked: a score of rank p (0 to 1) multiplies the capital of a bet b by 1 + b (p - 1/2)."""


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


def evidence(p_values: np.ndarray, reference: int) -> np.ndarray:
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
        known = np.nan_to_num(p_value, nan=0.5)[..., None]
        staked = (staked + part / len(BETS)) * (1 + BETS * (known - 0.5))
        after[place] = waiting + staked.sum(axis=-1)
    return after
