"""Pictures of maps: which images are shown, and how maps lie over them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gradewise.localisation.frames import Frame
from gradewise.localisation.maps import HeatMap
from gradewise.report.overlays import map_over, outlined, scale_of
from gradewise.report.sections.localisation import chosen


def located(covered, missed=0, false_alarms=0, regions=3):
    frame = pd.DataFrame({"covered": covered, "missed": missed, "false_alarms": false_alarms, "regions": regions})
    return frame.assign(image_id=[f"{number}.png" for number in range(len(frame))], highest=1.0, marked=0.1, repeat=0)


def test_best_median_worst_missed_and_false_alarms_are_shown_each_image_once():
    frame = located(np.linspace(0, 1, 21))
    frame.loc[4, "missed"], frame.loc[7, "false_alarms"] = 3, 9
    shown = chosen(frame, has_defects=True)
    whys = dict(zip(shown["image_id"], shown["why"], strict=True))
    assert whys["20.png"] == whys["19.png"] == "defects covered best"
    assert whys["0.png"] == whys["1.png"] == "defects covered worst"
    assert whys["10.png"] == "defects covered as the median"
    assert whys["4.png"] == "most defects missed"
    assert whys["7.png"] == "most false alarms"
    assert len(shown) == 8


def test_without_masks_the_highest_scores_are_shown():
    frame = located(np.full(5, np.nan), regions=0)
    frame["highest"] = [0.1, 0.9, 0.2, 0.8, 0.3]
    assert list(chosen(frame, has_defects=False)["image_id"][:2]) == ["1.png", "3.png"]


@pytest.mark.parametrize("channels", [1, 3])
def test_only_what_a_map_marks_has_colour(channels):
    frame = np.full((60, 80, channels), 100, np.uint8)
    scores = np.zeros((8, 10), np.float32)
    scores[2:4, 6:8] = 1
    heat = HeatMap(scores, 8, Frame(60, 80))
    picture = np.asarray(map_over(frame, heat, scale_of([heat], 0.6))).astype(int)
    assert picture.shape == (60, 80, 3)
    assert (picture[50, 10] == 100).all()
    assert picture[24, 56, 0] - picture[24, 56, 2] > 60


def test_half_of_the_area_has_no_colour_and_the_threshold_half_of_it_however_high_single_scores_are():
    scores = np.linspace(0, 1, 101, dtype=np.float32).reshape(1, -1)
    scores[0, -1] = 500
    scale = scale_of([HeatMap(scores, 8, Frame(8, 808))], 0.95)
    strength = scale.strength(np.array([0.1, 0.5, 0.95, 1.0, 500]))
    assert strength[:2].tolist() == [0, 0]
    assert strength[2] == 0.5
    assert 0.5 < strength[3] < 0.51
    assert strength[4] == 1


def test_large_images_are_downscaled_and_thin_defects_stay_outlined():
    mask = np.zeros((1000, 2000), bool)
    mask[500, 700:1300] = True
    picture = np.asarray(outlined(np.full((1000, 2000, 1), 100, np.uint8), mask))
    assert picture.shape == (160, 320, 3)
    coloured = (np.ptp(picture.astype(int), axis=2) > 50).any(axis=1)
    assert coloured.sum() == 3
