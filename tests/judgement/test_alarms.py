"""The threshold from which on an image is unknown."""

import numpy as np
import pytest

from gradewise.judgement.alarms import attainable, threshold_of, thresholds_without_each


def test_with_one_image_a_group_the_threshold_is_an_order_statistic():
    strangeness = np.random.default_rng(0).permutation(np.arange(1.0, 40.0))
    assert threshold_of(strangeness, np.arange(39), 0.05) == pytest.approx(38)  # two of forty are above
    assert threshold_of(strangeness, np.arange(39), 0.025) == pytest.approx(39)
    assert threshold_of(strangeness, np.arange(39), 0.0375) == pytest.approx(38.5)


def test_a_group_of_many_images_counts_as_one():
    strangeness, group = np.r_[np.full(100, 9.0), np.arange(38.0)], np.r_[np.zeros(100, int), np.arange(1, 39)]
    assert threshold_of(strangeness, group, 0.05) == threshold_of(np.r_[9.0, np.arange(38.0)], np.arange(39), 0.05)


def test_few_groups_cannot_keep_to_a_small_share():
    assert attainable(0.05, 18) == pytest.approx(1 / 19)
    assert attainable(0.05, 19) == 0.05
    assert threshold_of(np.arange(5.0), np.arange(5), 0.05) == 4


@pytest.mark.parametrize(("groups", "size"), [(30, 3), (60, 1)])
def test_new_groups_are_flagged_about_as_often_as_asked_for(groups, size):
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(groups), size)
    shares, left_out = [], []
    for _ in range(100):
        strangeness = rng.normal(size=groups)[group] + rng.normal(0, 0.5, groups * size)
        new = rng.normal(size=1000) + rng.normal(0, 0.5, 1000)
        shares.append((new > threshold_of(strangeness, group, 0.1)).mean())
        left_out.append((strangeness > thresholds_without_each(strangeness, group, 0.1, rng)).mean())
    assert np.mean(shares) == pytest.approx(0.1, abs=0.02)
    assert np.mean(left_out) == pytest.approx(0.1, abs=0.02)


def test_a_threshold_for_a_group_does_not_come_from_it():
    strangeness, group = np.array([0.0, 1.0, 2.0, 90.0]), np.array([0, 1, 2, 2])
    thresholds = thresholds_without_each(strangeness, group, 0.4, np.random.default_rng(0))
    assert thresholds[2] == thresholds[3] < 1.01
    assert thresholds_without_each(strangeness, np.zeros(4, int), 0.4, np.random.default_rng(0)) is None
