"""What data of this size could have shown: detectable differences, groups needed, what an interval allows to say."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy import stats

from gradewise.evaluation.intervals import LEVEL, Spread

POWER = 0.8

Judgement = Literal["first better", "second better", "equivalent", "undecided"]


def detectable(spread: Spread) -> float:
    """Smallest true difference that a two-sided test at 5 % detects with power `POWER`.

    The multiple of the standard error of Bloom (1995), Evaluation Review 19:547: t(0.975) + t(0.8), 2.80 with many
    degrees of freedom. NaN where the standard error is unknown.
    """
    if not np.isfinite(spread.error):
        return float("nan")
    quantiles = stats.t.ppf([(1 + LEVEL) / 2, POWER], spread.freedom)
    return float(quantiles.sum() * spread.error)


def groups_needed(groups: int, detectable: float, difference: float) -> int:
    """How many groups would detect `difference` with power `POWER`, given what `groups` of them could detect.

    Standard errors fall with the square root of the number of groups; the answer is rounded up.
    """
    return int(np.ceil(groups * (detectable / difference) ** 2))


def judge(low: float, high: float, p_value: float, margin: float) -> Judgement:
    """What may be said of two models.

    Better needs both an interval that excludes zero and a test (corrected for the number of pairs) below 5 %.
    Equivalent needs the whole interval inside the margin: two one-sided tests (Schuirmann 1987, Journal of
    Pharmacokinetics and Biopharmaceutics 15:657), at 2.5 % each as the interval is one of 95 %. A difference that is
    real but smaller than the margin counts as equivalent. Everything else is undecided, which is not the same as equal.

    Parameters
    ----------
    low, high : float
        95 % interval of first minus second, in a metric where more is better.
    p_value : float
        Corrected p value.
    margin : float
        Differences up to this do not matter in practice; 0: every difference matters.
    """
    if -margin < low and high < margin:
        return "equivalent"
    if p_value < 1 - LEVEL and low > 0:
        return "first better"
    if p_value < 1 - LEVEL and high < 0:
        return "second better"
    return "undecided"
