"""How statistics of new images are compared with those of the dataset."""

import numpy as np
import pandas as pd
import pytest

from gradewise.deployment.drift import LEAST_GROUPS, measure_drift


def images(groups, brightness=100.0, seed=0, each=4, **columns):
    """Images of groups that differ from each other more than their images do."""
    rng = np.random.default_rng(seed)
    of_group = np.repeat(rng.normal(brightness, 10, groups), each)
    frame = pd.DataFrame({"group": np.repeat([f"{seed}-{number}" for number in range(groups)], each)})
    frame["brightness"] = of_group + rng.normal(0, 3, len(frame))
    frame["contrast"] = rng.normal(40, 5, len(frame))
    frame["sharpness"] = rng.lognormal(5, 0.5, len(frame))
    return frame.assign(width=300, height=200, pixel_size_nm=np.nan, **columns)


def by_name(new, dataset):
    return {drift.statistic: drift for drift in measure_drift(new, dataset)}


def test_a_shift_is_told_in_standard_deviations_between_images_of_the_dataset():
    drift = by_name(images(30, 130, seed=1), images(60))["brightness"]
    assert drift.low < 30 / np.hypot(10, 3) < drift.high
    assert drift.shown
    assert drift.new == pytest.approx(130, abs=6)


def test_images_of_the_same_kind_seldom_differ_in_any_statistic():
    told = [
        any(drift.shown for drift in measure_drift(images(12, seed=2 * n), images(25, seed=2 * n + 1)))
        for n in range(100)
    ]
    assert sum(told) <= 8


@pytest.mark.parametrize(("groups", "known"), [(LEAST_GROUPS - 1, False), (LEAST_GROUPS, True)])
def test_few_groups_have_a_difference_but_no_interval(groups, known):
    drift = by_name(images(groups, 130, seed=1), images(60))["brightness"]
    assert drift.difference is not None
    assert (drift.low is not None) == known


def test_where_images_of_the_dataset_are_all_equal_there_is_no_standardised_difference():
    pixels = by_name(images(20, seed=1).assign(width=600), images(20))["pixels"]
    assert (pixels.new, pixels.dataset) == (pytest.approx(0.12), pytest.approx(0.06))
    assert pixels.difference is None
    assert not pixels.shown


def test_what_no_file_tells_is_left_out():
    assert "pixel_size" not in by_name(images(20, seed=1), images(20))
