"""Differences between independent estimates."""

import math

import numpy as np
import pytest

from gradewise.evaluation.estimates import Estimate
from gradewise.evaluation.independent import minus
from gradewise.evaluation.intervals import wilson


def test_shares_have_the_interval_of_newcombes_example():
    # Newcombe (1998), Table II, case (a), method 10: 56 of 70 and 48 of 80
    first, second = (Estimate(hits / n, *wilson(hits / n, n, 1.959964)) for hits, n in ((56, 70), (48, 80)))
    difference = minus(first, second)
    assert difference.value == pytest.approx(0.2)
    assert difference.bounds == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_it_turns_round_with_the_order():
    first, second = Estimate(0.7, 0.5, 0.8), Estimate(0.6, 0.55, 0.75)
    assert minus(second, first).bounds == pytest.approx(minus(first, second).turned().bounds)


@pytest.mark.parametrize("unknown", [None, math.nan])
def test_without_an_interval_of_either_there_is_none_of_the_difference(unknown):
    assert minus(Estimate(0.7, unknown, unknown), Estimate(0.6, 0.5, 0.7)) == Estimate(pytest.approx(0.1))
    assert minus(Estimate(unknown), Estimate(0.6, 0.5, 0.7)).value is None


def test_it_covers_the_true_difference():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(1000):
        hits = rng.binomial([60, 200], [0.9, 0.8])
        sides = [Estimate(h / n, *wilson(h / n, n, 1.959964)) for h, n in zip(hits, (60, 200), strict=True)]
        low, high = minus(*sides).bounds
        covered += low <= 0.1 <= high
    assert 0.93 < covered / 1000 < 0.98
