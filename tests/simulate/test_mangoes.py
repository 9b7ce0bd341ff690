import collections

import numpy as np
import pytest

from gradewise.config.simulations import MangoSimulation
from gradewise.simulate import mangoes
from gradewise.simulate.mangoes import Blemish, Fruit, grade

pytestmark = pytest.mark.slow


def settings(**changes):
    return MangoSimulation.model_validate({"kind": "mangoes", "images": 30, "side": 160, **changes})


@pytest.fixture(scope="module")
def drawings():
    return [mangoes.draw(settings(), 2020, index) for index in range(30)]


def blemish(kind, share):
    return Blemish(kind, (0.0, 0.0), share)


@pytest.mark.parametrize(
    ("fruit", "expected"),
    [
        (Fruit("Irwin", (), 0.1), "A"),
        (Fruit("Irwin", (), 0.9), "B"),
        (Fruit("Irwin", (blemish("scar", 0.02),), 0.1), "B"),
        (Fruit("Irwin", (blemish("scar", 0.05),), 0.1), "C"),
        (Fruit("Irwin", (blemish("scar", 0.03), blemish("bruise", 0.03)), 0.1), "C"),
        (Fruit("Irwin", (blemish("black spot", 0.001),), 0.1), "C"),
        (Fruit("Irwin", (blemish("anthracnose", 0.001),), 0.1), "C"),
        (Fruit("Irwin", (blemish("rot", 0.001),), 0.1), "C"),
    ],
)
def test_the_grade_follows_the_rule_of_the_competition(fruit, expected):
    assert grade(fruit, thumb=0.04) == expected


@pytest.mark.parametrize("wanted", ["A", "B", "C"])
@pytest.mark.parametrize("thumb", [0.02, 0.04, 0.1])
def test_a_fruit_has_the_grade_it_was_grown_for(wanted, thumb):
    rng = np.random.default_rng(0)
    assert {grade(mangoes.grow(wanted, thumb, rng), thumb) for _ in range(200)} == {wanted}


def test_grades_have_the_configured_shares():
    counts = collections.Counter(mangoes.wanted_grades(settings(images=240), 2020))
    assert counts == {"A": 28, "B": 28, "C": 24}


def test_photos_of_a_fruit_share_grade_and_cultivar_and_differ_in_pixels(drawings):
    for first, second in zip(drawings[::3], drawings[1::3], strict=True):
        assert first.metadata["fruit"] == second.metadata["fruit"]
        assert (first.label, first.metadata["cultivar"]) == (second.label, second.metadata["cultivar"])
        assert not np.array_equal(first.pixels, second.pixels)


def test_the_last_fruit_may_have_fewer_photos():
    drawing = mangoes.draw(settings(images=7), 2020, 6)
    assert (drawing.metadata["fruit"], drawing.metadata["photo"]) == ("M0003", 1)


def test_image_names_are_distinct(drawings):
    assert len({drawing.image_id for drawing in drawings}) == len(drawings)


def test_flawless_fruit_has_no_marked_blemish(drawings):
    assert all(not drawing.masks["masks"].any() for drawing in drawings if drawing.label == "A")


def test_most_photos_of_the_worst_grade_show_a_blemish(drawings):
    shown = [drawing.masks["masks"].any() for drawing in drawings if drawing.label == "C"]
    assert np.mean(shown) > 0.7


def test_blemishes_lie_on_the_fruit(drawings):
    for drawing in drawings:
        assert not np.any((drawing.masks["masks"] > 0) & (drawing.masks["objects"] == 0))


def test_the_fruit_is_in_the_middle_and_of_a_size_to_judge(drawings):
    for drawing in drawings:
        rows, columns = np.nonzero(drawing.masks["objects"])
        assert 0.1 < rows.size / 160**2 < 0.6
        assert abs(rows.mean() / 160 - 0.5) < 0.15
        assert abs(columns.mean() / 160 - 0.5) < 0.15


def test_photos_and_masks_are_bytes_of_one_size(drawings):
    for drawing in drawings:
        assert drawing.pixels.shape == (160, 160, 3)
        assert drawing.pixels.dtype == np.uint8
        for mask in drawing.masks.values():
            assert mask.shape == (160, 160)
            assert set(np.unique(mask)) <= {0, 255}


def test_photos_vary_in_exposure_without_being_burnt_out(drawings):
    means = [drawing.pixels.mean() for drawing in drawings]
    assert 30 < min(means) < max(means) < 235
    assert np.std(means) > 8


def test_other_seeds_make_other_images():
    assert not np.array_equal(mangoes.draw(settings(), 1, 0).pixels, mangoes.draw(settings(), 2, 0).pixels)
