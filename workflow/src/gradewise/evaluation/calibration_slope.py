"""The calibration slope: by which factor the log-odds that a model states would have to be multiplied to be right.

It is 1 for a calibrated model, below 1 for one that is too sure of itself, above 1 for one that is too modest. A single
number gathers the evidence of all verdicts and all classes, so that it shows overconfidence on far fewer images than
the gaps of single bins do (`bench/calibration_slope.txt`).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import softmax, stdtrit

from gradewise.evaluation.counting import blocks
from gradewise.evaluation.estimates import Estimate
from gradewise.images.foresight import LEVEL

SLOPES = np.concatenate([[0.0], np.geomspace(1 / 16, 16, 257)])
"""Slopes tried. At 0 probabilities say nothing; steps are of 2 %, and 1 is among them."""

LEAST_PROBABILITY = 1e-4
"""Smaller probabilities, such as the zero of a class that no tree votes for, are taken for this one."""


def calibration_slope(verdicts: pd.DataFrame, classes: list[str]) -> Estimate:
    """The slope that fits the verdicts best, and those that they do not contradict.

    The probability of a class is taken to be proportional to the stated one to the power of the slope; with two classes
    this is a logistic regression of the truth on the stated log-odds without an intercept (Cox 1958, Biometrika 45:562;
    slope 1 / T is temperature T of Guo et al. 2017, ICML, PMLR 70:1321). The interval holds every slope that its score
    test does not reject at 5 %: the scores are added up in each group over all repeats and compared with zero by
    Student's t, groups - 1 degrees of freedom. Their variance is that between groups, but at least the binomial one of
    the stated probabilities, since a few groups may agree by chance. An interval without 1 says that probabilities are
    wrong.

    Parameters
    ----------
    verdicts : DataFrame
        On the test images of every repeat, as `verdicts.parquet` has them, or on samples, with their `sample_id`.
    classes : list of str
        In the order of the probabilities.

    Returns
    -------
    Estimate
        Infinite where even the steepest slope tried is not too steep; all NaN for a single group.
    """
    group = pd.factorize(verdicts["group"])[0]
    unit = pd.factorize(verdicts["sample_id" if "sample_id" in verdicts else "image_id"])[0]
    groups = int(group.max()) + 1
    if groups < 2:
        return Estimate(np.nan, np.nan, np.nan)
    truth = pd.Categorical(verdicts["label"], categories=classes).codes
    # a row for each class, since numpy sums long rows fastest
    stated = np.stack([verdicts[f"p_{name}"].to_numpy() for name in classes])
    parts = list(blocks(len(verdicts), len(classes)))
    scores, t_values = np.empty(len(SLOPES)), np.empty(len(SLOPES))
    for place, slope in enumerate(SLOPES):
        by_group, by_unit = np.zeros(groups), np.zeros(int(unit.max()) + 1)
        for rows in parts:
            logs = np.log(np.maximum(stated[:, rows].astype(np.float64), LEAST_PROBABILITY))
            chances = softmax(slope * logs, axis=0)
            expected = (chances * logs).sum(axis=0)
            np.add.at(by_group, group[rows], logs[truth[rows], np.arange(len(expected))] - expected)
            np.add.at(by_unit, unit[rows], np.sqrt((chances * (logs - expected) ** 2).sum(axis=0)))
        between = groups / (groups - 1) * float(np.sum((by_group - by_group.mean()) ** 2))
        # Verdicts on one image in several repeats stand and fall with the same truth.
        binomial = float(np.sum(by_unit**2))
        scores[place] = by_group.sum()
        t_values[place] = scores[place] / np.sqrt(max(between, binomial, np.finfo(float).tiny))
    # Scores fall with the slope; where they never reach zero, every verdict names the most probable class and is right.
    best = float(np.interp(0.0, -scores, SLOPES, right=np.inf))
    accepted = SLOPES[np.abs(t_values) <= stdtrit(groups - 1, (1 + LEVEL) / 2)]
    low, high = (float(accepted[0]), float(accepted[-1])) if len(accepted) else (best, best)
    return Estimate(best, min(low, best), np.inf if high == SLOPES[-1] else max(high, best))
