from __future__ import annotations

import numpy as np
import pytest

from gradewise.evaluation import power
from gradewise.evaluation.intervals import Spread


def test_detectable_difference_is_the_published_multiple_of_the_standard_error() -> None:
    """Bloom (1995), Evaluation Review 19:547: 2.8 standard errors for 80 % power in a two-sided test at 5 %."""
    assert power.detectable(Spread(1.0, 1e6)) == pytest.approx(2.8, abs=0.005)


def test_a_test_finds_the_detectable_difference_four_times_in_five() -> None:
    rng = np.random.default_rng(0)
    means = rng.normal(power.detectable(Spread(1 / np.sqrt(40), 39)), 1, size=(4000, 40))
    t = means.mean(axis=1) / (means.std(axis=1, ddof=1) / np.sqrt(40))
    assert np.mean(t > 2.0227) == pytest.approx(0.8, abs=0.03)


def test_half_the_difference_needs_four_times_the_groups() -> None:
    assert power.groups_needed(16, detectable=0.1, difference=0.05) == 64


@pytest.mark.parametrize(
    ("low", "high", "p_value", "margin", "expected"),
    [
        (0.02, 0.10, 0.01, 0.01, "first better"),
        (-0.10, -0.02, 0.01, 0.01, "second better"),
        (0.02, 0.10, 0.20, 0.01, "undecided"),
        (-0.10, 0.10, 0.90, 0.01, "undecided"),
        (-0.01, 0.01, 0.90, 0.02, "equivalent"),
        (0.005, 0.01, 0.001, 0.02, "equivalent"),
        (0.0, 0.0, 1.0, 0.0, "undecided"),
        (float("nan"), float("nan"), float("nan"), 0.02, "undecided"),
    ],
)
def test_what_may_be_said(low: float, high: float, p_value: float, margin: float, expected: str) -> None:
    assert power.judge(low, high, p_value, margin) == expected
