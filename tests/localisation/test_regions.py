"""What a map marks, and what of it is a false alarm."""

from __future__ import annotations

import numpy as np
import pytest

from gradewise.localisation.counted import bins_of, count, false_alarms
from gradewise.localisation.frames import Frame
from gradewise.localisation.maps import HeatMap
from gradewise.localisation.regions import regions_of

WHOLE = Frame(78, 80)


def heat_map(*cells: tuple[int, int], frame: Frame = WHOLE) -> HeatMap:
    scores = np.zeros((10, 10), np.float32)
    for cell in cells:
        scores[cell] = 1
    return HeatMap(scores, 8, frame)


def test_regions_have_their_place_area_and_score():
    heat = heat_map((1, 1), (2, 2), (7, 8))
    heat.scores[7, 8] = 2
    strongest, other = regions_of(heat, 0.8)
    assert strongest.score == 2
    assert strongest.top <= 56 < strongest.bottom
    assert strongest.left <= 64 < strongest.right
    assert (other.top, other.bottom, other.left, other.right) == (8, 24, 8, 24)
    assert 0 < other.area < strongest.area
    assert regions_of(heat, 2.1) == []


def test_regions_are_told_in_pixels_of_the_image():
    (region,) = regions_of(heat_map((0, 0), frame=Frame(80, 80, 10, 20, 2, 4)), 0.5)
    (plain,) = regions_of(heat_map((0, 0)), 0.5)
    assert (region.top, region.left) == (10, 20)
    assert region.bottom == 10 + plain.bottom / 2
    assert region.area == pytest.approx(plain.area / 8)


def test_a_marked_region_away_from_all_defects_is_a_false_alarm():
    heat, mask = heat_map((1, 1), (8, 8)), np.zeros((78, 80), bool)
    assert false_alarms(heat, mask, 0.8) == 2
    mask[8:16, 8:16] = True
    assert false_alarms(heat, mask, 0.8) == 1
    # the cell next to a defect is not held against the map
    mask[...] = False
    mask[18:20, 8:16] = True
    assert false_alarms(heat, mask, 0.8) == 1


def test_defects_are_the_connected_parts_of_a_mask():
    heat, mask = heat_map((1, 1)), np.zeros((78, 80), bool)
    mask[8:16, 8:16] = True
    mask[60:62, 50:60] = True
    bins = bins_of([heat])
    counted = count(heat, mask, bins)
    assert [defect.area for defect in counted.defects] == [64, 20]
    assert (counted.defects[0].row, counted.defects[0].column) == (12, 12)
    assert counted.without.sum() + counted.within.sum() == 78 * 80
    # the scores of the second defect are the lowest there are
    assert counted.defects[1].scores[0] == 20
