import math

import pytest

from gradewise.report import numbers
from gradewise.report.numbers import Estimate


def plain(text: str) -> str:
    return text.replace(numbers.SPACE, " ").replace("\u202f", " ")


def test_a_share_with_its_interval_reads_as_per_cent_with_one_decimal():
    assert plain(numbers.percent_interval(Estimate(0.842, 0.781, 0.889))) == "84.2 % (78.1 to 88.9)"


def test_an_interval_with_an_unknown_bound_is_left_out():
    assert plain(numbers.percent_interval(Estimate(0.842, math.nan, 0.889))) == "84.2 %"


@pytest.mark.parametrize(
    "write",
    [numbers.percent, numbers.score, numbers.points, numbers.p_value, numbers.time, numbers.size, numbers.count],
)
@pytest.mark.parametrize("missing", [None, math.nan, math.inf])
def test_what_is_not_known_is_an_en_dash(write, missing):
    assert write(missing) == "–"


@pytest.mark.parametrize(
    ("value", "text"), [(0.031, "+3.1"), (-0.008, "−0.8"), (0.0, "0.0"), (-0.0001, "0.0"), (0.0001, "0.0")]
)
def test_differences_carry_their_sign_unless_they_round_to_zero(value, text):
    assert numbers.points(value) == text


@pytest.mark.parametrize(("p", "text"), [(0.0004, "< 0.001"), (0.032, "0.032"), (0.41, "0.41"), (1.0, "1.00")])
def test_p_values_keep_the_digits_that_matter(p, text):
    assert plain(numbers.p_value(p)) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1500, "1.5 kB"),
        (999_700, "1.0 MB"),
        (2_345_678, "2.3 MB"),
        (5e12, "5000 GB"),
    ],
)
def test_bytes_are_in_the_largest_unit_that_leaves_one(size, text):
    assert plain(numbers.size(size)) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.02, "20 ms"), (0.1, "100 ms"), (1, "1 s"), (30, "30 s"), (600, "10 min"), (7200, "2 h")]
)
def test_ticks_of_time_axes_are_round(seconds, text):
    assert plain(numbers.axis_time(seconds)) == text


@pytest.mark.parametrize(
    ("number", "noun", "text"), [(1, "image", "1 image"), (12345, "image", "12 345 images"), (2, "class", "2 classes")]
)
def test_nouns_follow_their_number(number, noun, text):
    assert plain(numbers.many(number, noun)) == text


def test_names_are_listed_as_people_list_them():
    assert [numbers.listed(list(names)) for names in ("a", "ab", "abc")] == ["a", "a and b", "a, b and c"]


def test_an_interval_in_a_sentence_is_named_and_has_its_unit_once():
    share = Estimate(0.842, 0.781, 0.889)
    assert plain(numbers.percent_ci(share)) == "84.2 % (95 % CI 78.1 to 88.9 %)"
    assert plain(numbers.percent_ci(Estimate(0.842))) == "84.2 %"
    assert plain(numbers.points_ci(Estimate(0.031, -0.008, 0.07))) == "+3.1 points (95 % CI −0.8 to +7.0)"


def test_of_many_names_the_first_ones_are_told():
    assert numbers.few(["a", "b", "c"]) == "a, b and c"
    assert numbers.few(["a", "b", "c", "d"]) == "a, b and 2 others"
