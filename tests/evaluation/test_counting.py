"""Pairs of samples put in order, with all groups and without each."""

import numpy as np
import pytest

from gradewise.evaluation import counting
from gradewise.evaluation.counting import pairs_won


@pytest.mark.parametrize("at_a_time", [1, 20, 10_000])
@pytest.mark.parametrize("digits", [1, 7], ids=["ties", "no ties"])
def test_pairs_without_a_group_are_those_of_the_samples_left(monkeypatch, at_a_time, digits):
    rng = np.random.default_rng(3)
    scores = rng.random(200).round(digits)
    positive, group = rng.random(200) < 0.3, rng.integers(0, 12, 200)
    group[group == 5] = 6  # one without samples
    monkeypatch.setattr(counting, "MEMBERS", at_a_time)
    won, pairs = pairs_won(scores, positive, group, 12)

    def counted(kept):
        ahead = np.sign(scores[positive & kept][:, None] - scores[~positive & kept])
        return (ahead + 1).sum() / 2, ahead.size

    expected = [counted(np.full(200, True)), *(counted(group != left_out) for left_out in range(12))]
    assert list(zip(won, pairs, strict=True)) == expected
