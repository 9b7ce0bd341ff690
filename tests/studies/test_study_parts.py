import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradewise.config.views import View
from gradewise.report.numbers import NONE, Estimate
from gradewise.report.palette import shades
from gradewise.studies.kinds.groups import page as groups
from gradewise.studies.kinds.settings import lines
from gradewise.studies.pages import published, wording
from gradewise.studies.pages.rows import Row, highlights
from gradewise.studies.pages.wording import Measured

NO_BREAK = "\u00a0"


@pytest.mark.parametrize(
    ("value", "share"),
    [
        ("84.125 %", 0.84125),
        ("69.00%", 0.69),
        (84.125, 0.84125),
        (50, 0.5),
        (0.8065, 0.8065),
        ("0.6170", 0.617),
        (1.0, 1.0),
        ("0.5 %", 0.005),
    ],
)
def test_published_numbers_are_read_as_shares(value, share):
    assert published.as_share(value) == pytest.approx(share)


@pytest.mark.parametrize("value", [None, "< 30 sec", "66-69 %", "CNN", True, "nearly 30 minutes"])
def test_published_words_are_not_drawn(value):
    assert published.as_share(value) is None


@pytest.mark.parametrize(
    ("values", "told"), [(["about a half", "not given"], "about a half"), (["not given", "61 %", "59 %"], "61 %")]
)
def test_the_best_published_value_is_told_also_where_values_are_words(values, told):
    rows = [Row("measured here alone"), *(Row(value, {"test": value}) for value in values)]
    theirs, _ = highlights(rows, ["test"], lambda accuracy: None, "{value} ({row})")
    assert theirs == f"Test accuracy {told} ({told})"


@given(st.text(min_size=1))
def test_published_text_is_shown_letter_by_letter(text):
    assert published.written(text) == text


def test_published_numbers_are_shown_as_they_were_given():
    assert [published.written(value) for value in (1.0, 0.8065, 6400, None)] == ["1.0", "0.8065", "6400", NONE]


def words(operations):
    return View.model_validate(operations).in_words()


def test_views_are_told_in_words():
    crop = {"crop": {"top": 0, "left": 0, "height": 96, "width": 192}}
    assert words(["rgb", {"resize": 192}, "polar", crop]) == (
        "colour, resized to 192 x 192 px, turned into polar coordinates, cut to 192 x 96 px at (0, 0)"
    )
    assert words(["grey", {"tile": 128, "keep": "typical", "count": 1}]) == (
        "grey, tiles of 128 x 128 px, the most typical one kept"
    )
    assert words(["rgb", {"resize": [64, 48]}, {"centre_crop": 32}]) == (
        "colour, resized to 48 x 64 px, middle 32 x 32 px"
    )


def test_numbers_stand_in_their_order_and_words_after_them():
    assert lines.ordered([10, "scale", 1e-5, None, 10]) == [1e-5, 10, "scale", None]


def test_an_axis_is_logarithmic_where_numbers_span_more_than_thirtyfold():
    assert lines.Places([1, 2, 64]).logarithmic
    assert not lines.Places([50, 100, 800]).logarithmic
    assert not lines.Places([0.0, 0.1, 50]).logarithmic
    assert not lines.Places([1, 64, None]).logarithmic


@given(st.lists(st.one_of(st.integers(1, 1000), st.sampled_from(["sqrt", "log2", None])), min_size=1))
def test_different_values_stand_in_different_places(values):
    places = lines.Places(values)
    shown = {wording.setting(value): places.of(value) for value in values}
    assert len(set(shown.values())) == len(shown)


def test_groups_are_sorted_as_people_count():
    assert sorted(["xi_10", "xi_2", "7", "xi_1"], key=groups.natural) == ["7", "xi_1", "xi_2", "xi_10"]


@pytest.mark.parametrize(
    ("measure", "value", "text"),
    [
        ("test", Measured(Estimate(0.842, 0.781, 0.889)), f"84.2{NO_BREAK}% (78.1 to 88.9)"),
        ("oob_rows", Measured(Estimate(0.617), 0.008, 3), f"61.7{NO_BREAK}% ±{NO_BREAK}0.8"),
        ("converged", Measured(Estimate(2 / 3), None, 3), "2 of 3"),
        ("converged", Measured(Estimate(0.0), None, 3), "no"),
        ("gamma", Measured(Estimate(1.234e-5)), "1.2e-5"),
        ("features", Measured(Estimate(49152.0)), "49\u202f152"),
        ("seconds", Measured(Estimate(None)), NONE),
        ("seconds", None, NONE),
    ],
)
def test_measures_are_written_for_people(measure, value, text):
    assert wording.written(measure, value) == text


@given(st.integers(1, 12))
def test_shades_of_a_colour_all_differ(count):
    assert len(set(shades("#0072b2", count))) == count
