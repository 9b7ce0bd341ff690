"""What a view shows of images and how much it distorts them, against what it really does to them."""

import numpy as np
import pytest

from gradewise.config.views import Transform, View
from gradewise.views.apply import make_samples
from gradewise.views.coverage import describe_view, measure_coverage

PAD, CROP = ({"resize": {"side": 64, "keep_aspect": kept}} for kept in ("pad", "crop"))
BOX = {"crop": {"top": 3, "left": 5, "height": 20, "width": 30}}


def view(*operations):
    return View.model_validate(["grey", *operations])


@pytest.mark.parametrize(
    ("operations", "size", "shown"),
    [
        ([{"resize": 64}], (100, 300), 1),
        ([PAD], (100, 300), 1),
        ([CROP], (100, 300), 1 / 3),
        ([PAD, {"centre_crop": 32}], (48, 64), 32 * 32 / (48 * 64)),
        ([{"resize": 112}, {"centre_crop": 96}], (100, 300), (96 / 112) ** 2),
        ([BOX], (50, 60), 600 / 3000),
        ([{"tile": 16}], (50, 60), 48 * 48 / 3000),
        ([{"tile": 16}, {"centre_crop": 8}], (64, 64), 1 / 4),
        ([{"tile": 16, "keep": "centre"}], (50, 60), 256 / 3000),
        ([{"tile": 16, "keep": "typical"}], (50, 60), 256 / 3000),
        ([{"tile": 16, "keep": "random", "count": 2}], (50, 60), 512 / 3000),
        ([{"tile": 16, "keep": "random", "count": 99}], (50, 60), 48 * 48 / 3000),
        ([{"crop": {"below_data_bar": True}}, {"tile": 16}], (32, 40), 4 / 5),
        ([{"resize": 64}, "polar"], (64, 64), 1),
        ([{"resize": 64}, "polar", {"crop": {"top": 0, "left": 0, "height": 32, "width": 64}}], (64, 64), np.pi / 8),
    ],
)
def test_the_share_shown_is_that_of_the_area(operations, size, shown):
    assert measure_coverage(view(*operations), size).shown == pytest.approx(shown, abs=0.003)


@pytest.mark.parametrize(
    ("operations", "size", "stretch"),
    [
        ([{"resize": 64}], (64, 64), 1),
        ([{"resize": 64}], (100, 300), 1 / 3),
        ([{"resize": [20, 30]}], (40, 15), 4),
        ([{"resize": [10, 30]}, {"resize": [30, 30]}], (60, 60), 1),
        ([PAD], (100, 300), 1),
        ([CROP], (300, 100), 1),
        ([{"tile": 16}, {"resize": [8, 16]}], (50, 60), 2),
        ([{"resize": 64}, "polar", {"resize": [8, 64]}], (64, 128), 1 / 2),
    ],
)
def test_stretch_is_horizontal_over_vertical_scale_before_images_are_bent(operations, size, stretch):
    coverage = measure_coverage(view(*operations), size)
    assert coverage.stretch == pytest.approx(stretch, rel=1e-3)
    assert ("polar" in operations) == (coverage.bent_by is not None)


@pytest.mark.parametrize(
    "operations",
    [
        [{"resize": [40, 24]}],
        [PAD],
        [CROP],
        [{"centre_crop": 40}],
        [{"crop": {"top": 3, "left": 5, "height": 40, "width": 60}}],
        [{"tile": 40, "keep": "centre"}],
        [{"resize": 64}, "polar"],
    ],
)
def test_a_spot_appears_where_its_point_is_moved_to(operations):
    image = np.zeros((60, 100), np.uint8)
    image[24:27, 46:49] = 255
    points, size, chosen = np.array([[25.5, 47.5]]), (60, 100), view(*operations)
    for operation in chosen.operations:
        points, size = operation.move(points, size), operation.size_after(size)
    sample = make_samples(image, chosen, np.random.default_rng(0))[0][0, ..., 0].astype(float)
    rows, columns = np.indices(sample.shape) + 0.5
    centre = [(place * sample).sum() / sample.sum() for place in (rows, columns)]
    np.testing.assert_allclose(points[0], centre, atol=0.75)


def test_equal_images_are_described_by_single_numbers():
    assert describe_view(view({"resize": 112}, {"centre_crop": 96}), [(768, 1024)] * 3) == [
        "It shows 73 % of an image.",
        "It stretches all images by the same factor, 1.33.",
    ]


def test_differing_images_are_described_by_median_and_range_with_a_cure():
    sizes = [(100, 100), (100, 200), (100, 268)]
    assert describe_view(view({"resize": 64}), sizes) == [
        "It shows whole images.",
        "It stretches images by factors of up to 2.7 (median 2.0); keep_aspect of resize would keep proportions.",
    ]
    assert describe_view(view(CROP), sizes) == [
        "It shows 50 % of an image (median; range 37 to 100 %).",
        "It keeps proportions.",
    ]


def test_bending_is_told_after_what_came_before_it():
    assert describe_view(view({"resize": 64}, "polar"), [(64, 64)]) == [
        "It shows whole images.",
        "It keeps proportions.",
        "Then polar bends images: the scale differs from place to place.",
    ]


class Turn(Transform):
    """An operation of another package that does not tell where points go."""

    key = "turn"
    effect = "part"

    def apply(self, pixels):
        return pixels[::-1]

    def in_words(self):
        return "turned"


def test_an_operation_that_does_not_tell_leaves_it_unknown_unless_it_changes_only_values():
    assert describe_view(view({"resize": 64}, Turn()), [(64, 64)]) == [
        "How much of an image it shows and whether it distorts it is unknown: turn does not tell."
    ]
    values = type("Negative", (Turn,), {"key": "negative", "effect": "values"})
    assert describe_view(view({"resize": 64}, values()), [(64, 64)])[0] == "It shows whole images."


def test_without_images_nothing_is_said():
    assert describe_view(view({"resize": 64}), []) == []
