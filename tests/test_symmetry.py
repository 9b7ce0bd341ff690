"""The eight rotations and flips: exact, distinct, and a group."""

import numpy as np
import pytest

from gradewise.families.forest.settings import ForestSettings
from gradewise.symmetry import NAMES, elements, orbit, permutations

SIDE = 5
TABLE = permutations(SIDE)


def index_of(permutation):
    return next((k for k, element in enumerate(TABLE) if np.array_equal(element, permutation)), None)


def test_the_eight_are_distinct():
    assert len({element.tobytes() for element in TABLE}) == 8


def test_two_of_them_in_a_row_are_one_of_them():
    assert all(index_of(first[second]) is not None for first in TABLE for second in TABLE)


def test_each_has_an_inverse_and_the_first_changes_nothing():
    identity = np.arange(SIDE * SIDE)
    assert np.array_equal(TABLE[0], identity)
    assert all(any(np.array_equal(first[second], identity) for second in TABLE) for first in TABLE)


def test_an_orbit_holds_the_rotations_and_flips_of_numpy():
    image = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3), dtype=np.uint8)
    eight = orbit(image)
    assert eight.dtype == np.uint8
    for turns in range(4):
        assert np.array_equal(eight[:, turns], np.rot90(image, turns, axes=(1, 2)))
        assert np.array_equal(eight[:, 4 + turns], np.rot90(image[:, :, ::-1], turns, axes=(1, 2)))


def test_oblong_samples_are_refused():
    with pytest.raises(ValueError, match="square samples, not 3 x 4"):
        orbit(np.zeros((1, 3, 4, 1)))


def test_names_are_in_the_order_of_the_permutations():
    image = np.arange(SIDE * SIDE).reshape(1, SIDE, SIDE, 1)
    for element, name in enumerate(NAMES):
        turns = int(name.rpartition("_")[2]) // 90 if "rotate" in name else 0
        expected = np.rot90(image[0, :, ::-1] if name.startswith("flip") else image[0], turns)
        assert np.array_equal(orbit(image, (element,))[0, 0], expected)


@pytest.mark.parametrize("augment", ["none", "flip", "rotate", "d4", ("flip", "identity", "flip")])
def test_there_are_as_many_elements_as_the_settings_count_siblings(augment):
    found = elements(augment)
    assert len(found) == ForestSettings(augment=augment).siblings
    assert found[0] == 0


def test_a_list_may_repeat_an_element_and_its_order_does_not_matter():
    assert elements(("flip", "identity")) == elements("flip") == (0, 4)
    assert elements(["rotate_180", "identity", "rotate_180"]) == (0, 2, 2)


def test_oblong_samples_may_be_flipped_and_turned_by_180_degrees():
    image = np.random.default_rng(0).integers(0, 256, (2, 3, 5, 1), dtype=np.uint8)
    found = orbit(image, elements(["flip", "flip_rotate_180", "rotate_180"]))
    assert np.array_equal(found[:, 0], image[:, ::-1, ::-1])
    assert np.array_equal(found[:, 1], image[:, :, ::-1])
    assert np.array_equal(found[:, 2], image[:, ::-1])
