"""What a test on so many groups could show, told before anything is trained."""

from __future__ import annotations

import numpy as np
from scipy import special

DISAGREE = 0.25
"""Assumed share of images on which one of two models is right and the other wrong."""

CORRELATION = 0.1
"""Assumed correlation, within a group, of which of two models is right."""

ACCURACY = 0.8
"""Assumed accuracy, for the width of its interval."""

POWER = 0.8
"""With which differences are called detectable, here and after the test."""

LEVEL = 0.95
"""Of all intervals, here and after the test."""

FOUND = 0.1
"""Difference in accuracy that `outlook` speaks of."""

LEAST_GROUPS = 5
"""Tested groups from which models are compared: fewer do not tell a standard error."""

MOST_GROUPS = 100_000


def power(difference: float, groups: int, images_per_group: float) -> float:
    """Probability that a paired t test over groups finds a difference in accuracy at a level of 5 %.

    Parameters
    ----------
    difference : float
        True difference in accuracy, above 0.
    groups : int
        Tested groups, at least 2.
    images_per_group : float
        Tested images of each; what they are worth follows from the design effect 1 + (m - 1) x `CORRELATION` (Kish
        1965, Survey Sampling, section 5.4).
    """
    variance = max(DISAGREE, difference) - difference**2
    error = _error(variance, groups, images_per_group)
    quantile = special.stdtrit(groups - 1, (1 + LEVEL) / 2)
    return float(1 - special.nctdtr(groups - 1, difference / error, quantile))


def half_width(groups: int, images_per_group: float) -> float:
    """Half the width of the 95 % interval of an accuracy of `ACCURACY`."""
    error = _error(ACCURACY * (1 - ACCURACY), groups, images_per_group)
    return float(special.stdtrit(groups - 1, (1 + LEVEL) / 2) * error)


def groups_needed(difference: float, images_per_group: float) -> int:
    """Smallest number of tested groups that finds a difference in accuracy with a probability of `POWER`."""
    fewest, most = 2, MOST_GROUPS
    while fewest < most:
        middle = (fewest + most) // 2
        if power(difference, middle, images_per_group) < POWER:
            fewest = middle + 1
        else:
            most = middle
    return fewest


def outlook(groups: int, images: int) -> str:
    """What tested groups could show, and how many would be needed, in a sentence.

    Parameters
    ----------
    groups : int
        Tested groups.
    images : int
        Tested images.
    """
    if groups < 2:
        return "one group is tested, from which nothing can be said about new groups"
    per_group = images / groups
    return (
        f"{groups} groups are tested, with {per_group:.1f} images on average: accuracy will be known to about "
        f"±{100 * half_width(groups, per_group):.0f} percentage points, and a difference of {100 * FOUND:.0f} between "
        f"two models will be detected with about {100 * power(FOUND, groups, per_group):.0f} % power; "
        f"{100 * POWER:.0f} % power takes about {groups_needed(FOUND, per_group)} groups (if one of two models is "
        f"right where the other is wrong on {100 * DISAGREE:.0f} % of images)"
    )


def _error(variance: float, groups: int, images_per_group: float) -> float:
    return float(np.sqrt(variance * (1 + (images_per_group - 1) * CORRELATION) / (groups * images_per_group)))
