"""What a test of some size could show, against simulated groups."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gradewise.images.foresight import CORRELATION, DISAGREE, POWER, groups_needed, half_width, power


def test_power_is_what_simulated_groups_show() -> None:
    groups, images, difference = 30, 10, 0.1
    rng = np.random.default_rng(0)
    variance = DISAGREE - difference**2
    of_group = rng.normal(difference, np.sqrt(variance * CORRELATION), size=(4000, groups))
    of_images = rng.normal(scale=np.sqrt(variance * (1 - CORRELATION) / images), size=(4000, groups))
    found = stats.ttest_1samp(of_group + of_images, 0, axis=1).pvalue < 0.05
    assert power(difference, groups, images) == pytest.approx(found.mean(), abs=0.03)


@pytest.mark.parametrize(("difference", "images"), [(0.1, 1), (0.1, 10), (0.02, 3), (0.5, 10)])
def test_groups_needed_are_the_fewest_that_suffice(difference: float, images: float) -> None:
    needed = groups_needed(difference, images)
    assert power(difference, needed, images) >= POWER
    assert needed == 2 or power(difference, needed - 1, images) < POWER


def test_more_groups_narrow_the_interval_and_more_images_per_group_do_so_less() -> None:
    assert half_width(40, 10) < half_width(10, 10)
    assert half_width(10, 1000) > half_width(100, 10)
