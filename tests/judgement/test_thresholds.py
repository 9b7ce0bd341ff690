"""Mistakes and cost at each threshold, and the threshold that costs least on validation."""

import numpy as np
import pandas as pd
import pytest

from gradewise.judgement.thresholds import GRID, classify_at, least_cost, measure

COSTS = np.array([[0.0, 1.0], [9.0, 0.0]])


def verdicts(p_bad, labels, role="test", size=1):
    rows = pd.DataFrame({"p_good": 1 - np.array(p_bad), "p_bad": p_bad, "label": labels, "role": role, "repeat": 0})
    return rows.assign(image_id=[f"{role}{number}" for number in range(len(rows))], group=np.arange(len(rows)) // size)


def test_of_two_classes_the_last_is_given_from_the_threshold_on():
    table = verdicts([0.29, 0.3, 0.31], "good")
    assert classify_at(table, ["good", "bad"], 0.3).tolist() == [0, 1, 1]


def test_of_grades_the_median_is_given_at_one_half_and_higher_ones_at_lower_thresholds():
    table = pd.DataFrame({"p_A": [0.4, 0.1], "p_B": [0.3, 0.2], "p_C": [0.3, 0.7]})
    assert [classify_at(table, ["A", "B", "C"], threshold).tolist() for threshold in (0.2, 0.5, 0.8)] == [
        [2, 2],
        [1, 2],
        [0, 1],
    ]


def test_misses_and_false_alarms_are_shares_of_those_that_can_be_misplaced():
    table = verdicts([0.1, 0.2, 0.6, 0.7, 0.4, 0.9], ["good", "good", "good", "good", "bad", "bad"])
    row = measure(table, ["good", "bad"], COSTS).set_index("threshold").loc[0.5]
    assert (row["missed"], row["false_alarms"]) == (0.5, 0.5)
    assert row["cost"] == pytest.approx(100 * (9 + 2) / 6)
    assert row["missed_low"] < 0.5 < row["missed_high"]
    assert row["cost_low"] < row["cost"] < row["cost_high"]


def test_grades_in_the_middle_can_be_misplaced_to_both_sides():
    table = pd.DataFrame({"p_A": [0.9, 0.9, 0.0], "p_B": [0.1, 0.1, 0.1], "p_C": [0.0, 0.0, 0.9]})
    table = table.assign(label=["A", "B", "B"], role="test", repeat=0, group=[0, 1, 2], image_id=["a", "b", "c"])
    row = measure(table, ["A", "B", "C"]).set_index("threshold").loc[0.5]
    assert row["missed"] == 0.5
    assert row["false_alarms"] == pytest.approx(1 / 3)
    assert pd.isna(row["cost"])


def test_the_threshold_of_least_cost_is_that_of_validation_and_not_of_test():
    validation = verdicts([0.1, 0.2, 0.4, 0.8], ["good", "good", "bad", "bad"], "validation")
    test = verdicts([0.6, 0.7, 0.75, 0.9], ["good", "good", "good", "bad"])
    rows = measure(pd.concat([validation, test]), ["good", "bad"], COSTS)
    chosen = rows.loc[rows["least_cost"], "threshold"].tolist()
    assert chosen == [least_cost(validation, ["good", "bad"], COSTS)]
    # all from above 0.2 to 0.4 separate the classes
    assert 0.2 < chosen[0] <= 0.4
    assert rows["images"].eq(4).all()
    assert len(rows) == len(GRID)


def test_without_costs_or_validation_no_threshold_is_chosen():
    table = verdicts([0.1, 0.9], ["good", "bad"])
    assert not measure(table, ["good", "bad"])["least_cost"].any()
    assert not measure(table, ["good", "bad"], COSTS)["least_cost"].any()
