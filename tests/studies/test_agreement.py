"""Whether published values agree with what was measured: marks, words and the headline of the page."""

import pytest

from gradewise.report.numbers import SPACE, Estimate
from gradewise.studies.pages.agreement import INSIDE, OUTSIDE, Agreement, headline, mark

MEASURED = Estimate(0.7, 0.6, 0.8)


@pytest.mark.parametrize(
    ("value", "sign"),
    [("60 %", INSIDE), (0.8, INSIDE), ("59.9 %", OUTSIDE), ("80.1 %", OUTSIDE), ("< 30 sec", ""), (None, "")],
)
def test_the_ends_of_the_interval_are_inside(value, sign):
    assert mark(MEASURED, value) == sign


def test_without_an_interval_nothing_is_marked():
    assert mark(Estimate(0.7), "70 %") == ""


def plain(agreement):
    return str(agreement).replace(SPACE, " ")


def test_all_values_must_lie_inside_to_agree():
    assert plain(Agreement.of([INSIDE, INSIDE, ""], comparable=True)) == f"{INSIDE} agrees: 2 of 2 in the 95 % CI"
    assert plain(Agreement.of([INSIDE, OUTSIDE], comparable=True)) == f"{OUTSIDE} differs: 1 of 2 in the 95 % CI"


def test_values_of_other_images_neither_agree_nor_differ():
    assert plain(Agreement.of([OUTSIDE, INSIDE], comparable=False)) == "○ other images; 1 of 2 in the 95 % CI"


def test_what_has_no_marks_is_a_dash():
    assert plain(Agreement.of(["", ""], comparable=True)) == "–"


def test_the_headline_counts_studies_of_these_images_and_values_of_others():
    right, wrong = Agreement(2, 2, comparable=True), Agreement(1, 2, comparable=True)
    other, none = Agreement(3, 4, comparable=False), Agreement(0, 0, comparable=True)
    told = headline([right, wrong, other, none]).replace(SPACE, " ")
    assert told.startswith("1 of 2 comparable published results agrees with those measured here.")
    assert "1 result was published on other images: 3 of 4 values lie in the 95 % CI measured here" in told
    assert headline([wrong]) == "The one published result that can be compared differs from what was measured here."
    assert headline([none]) == ""
