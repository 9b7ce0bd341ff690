"""How good a model is under other shares of classes."""

import numpy as np
import pandas as pd
import pytest

from gradewise.judgement.expected_shares import measure

CLASSES = ["good", "bad"]


def verdicts(hits, size=1):
    """Verdicts on classes in turn; `hits` are right answers and trials of each class."""
    rows = [
        {"label": name, "predicted": name if number < right else CLASSES[1 - place]}
        for place, (name, (right, trials)) in enumerate(zip(CLASSES, hits, strict=True))
        for number in range(trials)
    ]
    frame = pd.DataFrame(rows).assign(repeat=0)
    return frame.assign(image_id=[str(number) for number in range(len(frame))], group=np.arange(len(frame)) // size)


def by_key(rows):
    return rows.fillna({"class": ""}).set_index(["metric", "class"])


def test_under_the_shares_of_the_test_everything_is_as_tested():
    rows = measure(verdicts([(30, 40), (15, 20)]), CLASSES, [2 / 3, 1 / 3], np.array([[0.0, 1.0], [5.0, 0.0]]))
    assert rows["value"].to_numpy() == pytest.approx(rows["tested"].to_numpy())
    assert len(rows) == 6
    assert ((rows["low"] < rows["value"]) & (rows["value"] < rows["high"])).all()


def test_verdicts_for_a_class_that_becomes_rare_are_less_often_right():
    # nine in ten of either class are recognised
    rows = by_key(measure(verdicts([(18, 20), (18, 20)]), CLASSES, [0.99, 0.01], np.array([[0.0, 1.0], [5.0, 0.0]])))
    assert rows.loc["accuracy", ""]["value"] == pytest.approx(0.9)
    assert rows.loc["precision", "bad"]["tested"] == pytest.approx(0.9)
    assert rows.loc["precision", "bad"]["value"] == pytest.approx(0.009 / (0.009 + 0.099))
    assert rows.loc["negative_predictive_value", "bad"]["value"] == pytest.approx(0.891 / (0.891 + 0.001))
    assert rows.loc["precision", "good"]["value"] == rows.loc["negative_predictive_value", "bad"]["value"]
    assert rows.loc["cost_per_100", ""]["value"] == pytest.approx(100 * (0.099 * 1 + 0.001 * 5))


def test_images_of_one_group_say_less_than_as_many_groups():
    alone, grouped = (
        by_key(measure(verdicts([(24, 30), (24, 30)], size), CLASSES, [0.9, 0.1])).loc["accuracy", ""]
        for size in (1, 6)
    )
    assert alone["value"] == pytest.approx(grouped["value"])
    assert grouped["high"] - grouped["low"] > alone["high"] - alone["low"]


def test_without_images_of_a_class_nothing_is_known():
    rows = measure(verdicts([(18, 20), (0, 0)]), CLASSES, [0.9, 0.1])
    assert rows["value"].isna().all()
