"""What the report says of other thresholds."""

import pandas as pd
import pytest

from gradewise.report.evidence import read
from gradewise.report.sections import thresholds


def rows(chosen):
    frame = pd.DataFrame({"threshold": [0.1, 0.17, 0.5], "cost": [30.0, 20.0, 60.0]})
    frame["cost_low"], frame["cost_high"] = frame["cost"] - 5, frame["cost"] + 5
    return frame.assign(least_cost=frame["threshold"] == chosen)


def test_mistakes_of_both_kinds_are_shown_for_two_classes_and_for_grades(fibres, grades):
    for written, kinds in ((fibres, ("Missed faulty", "False alarms among sound")), (grades, ("Too near A",))):
        section = thresholds.section(read(**written.known))
        headings = [column.heading for column in section.blocks[-1].columns]
        assert set(kinds) <= set(headings)
        assert "Cost of 100 verdicts" not in headings
        assert any(block.kind == "figure" for block in section.blocks)


@pytest.mark.parametrize(
    ("used", "text"),
    [
        (0.5, "compared with 60.0 (95 % CI 55.0 to 65.0) at 0.50, which verdicts follow. To have verdicts follow"),
        (0.17, "compared with 20.0 (95 % CI 15.0 to 25.0) at 0.17, which verdicts follow: there both classes"),
        (None, "follow no single threshold"),
    ],
)
def test_the_threshold_of_least_cost_is_compared_with_the_one_that_verdicts_follow(used, text):
    sentence = thresholds.cost_sentence(rows(0.1), used).replace("\u00a0", " ")
    assert sentence.startswith("On validation, a threshold of 0.10 costs least. On test it costs 30.0 (95 % CI 25.0 to")
    assert text in sentence


def test_expected_costs_of_two_classes_are_equal_at_a_threshold():
    assert thresholds.expected_cost_threshold([[0, 1], [5, 0]]) == pytest.approx(1 / 6)
    assert thresholds.expected_cost_threshold([[0, 1], [0, 0]]) == 1
    assert thresholds.expected_cost_threshold([[0, 1, 2], [1, 0, 1], [2, 1, 0]]) is None
