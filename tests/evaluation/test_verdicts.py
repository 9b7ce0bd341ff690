from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gradewise.command import UserError
from gradewise.config.aggregation import Top
from gradewise.evaluation.verdicts import gather

CLASSES = ["sound", "defect"]
LABELS = pd.Series({"one": "defect", "two": "sound"})


def tiles(one: list[float], two: list[float]) -> pd.DataFrame:
    """Tiles of two images, interleaved as far as they go, from their probability of a defect."""
    rows = sorted(
        [(place, "one", chance) for place, chance in enumerate(one)]
        + [(place, "two", chance) for place, chance in enumerate(two)]
    )
    frame = pd.DataFrame(rows, columns=["place", "image_id", "p_defect"])
    return frame.assign(p_sound=1 - frame["p_defect"], group="g", role="test", label="sound", predicted="sound")


def defect_probability(aggregate: object, one: list[float], two: list[float]) -> tuple[list[float], list[str]]:
    verdicts = gather(tiles(one, two), LABELS, CLASSES, "defect", aggregate).set_index("image_id")
    verdicts = verdicts.loc[["one", "two"]]
    return verdicts["p_defect"].astype("float64").round(6).tolist(), verdicts["predicted"].tolist()


def test_mean_averages_tiles() -> None:
    assert defect_probability("mean", [0.2, 0.9, 0.7], [0.1, 0.3]) == ([0.6, 0.2], ["defect", "sound"])


def test_max_takes_the_worst_tile() -> None:
    assert defect_probability("max", [0.1, 0.1, 0.9], [0.3, 0.4]) == ([0.9, 0.4], ["defect", "sound"])


def test_an_image_is_positive_from_one_half_on() -> None:
    assert defect_probability("max", [0.5], [0.49])[1] == ["defect", "sound"]


def test_top_averages_the_highest_tiles() -> None:
    found, _ = defect_probability(Top(top=2), [0.1, 0.8, 0.6], [0.2, 0.4, 0.0])
    assert found == [0.7, 0.3]


def test_top_of_more_tiles_than_there_are_averages_all() -> None:
    found, _ = defect_probability(Top(top=5), [0.2, 0.4], [0.1])
    assert found == [0.3, 0.1]


def test_vote_counts_tiles_whatever_their_certainty() -> None:
    found, called = defect_probability("vote", [0.6, 0.6, 0.0], [0.4, 0.4, 1.0])
    assert found == [0.666667, 0.333333]
    assert called == ["defect", "sound"]


def test_a_tied_vote_goes_to_the_higher_mean_probability() -> None:
    assert defect_probability("vote", [0.9, 0.4], [0.6, 0.1])[1] == ["defect", "sound"]


def test_truth_is_the_manifests_not_the_tiles() -> None:
    verdicts = gather(tiles([0.2], [0.2]), LABELS, CLASSES, "defect", "mean").set_index("image_id")
    assert verdicts["label"].to_dict() == {"one": "defect", "two": "sound"}


def test_images_keep_their_order_group_and_role() -> None:
    frame = tiles([0.2, 0.1], [0.3]).iloc[::-1]
    frame["role"] = np.where(frame["image_id"] == "one", "train", "test")
    verdicts = gather(frame, LABELS, CLASSES, "defect", "mean")
    assert verdicts["image_id"].tolist() == list(dict.fromkeys(frame["image_id"]))
    assert verdicts.set_index("image_id")["role"].to_dict() == {"one": "train", "two": "test"}


def test_max_needs_a_positive_class() -> None:
    with pytest.raises(UserError, match="two classes and positive"):
        gather(tiles([0.2], [0.3]), LABELS, CLASSES, None, "max")
