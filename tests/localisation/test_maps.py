"""Maps of whole images: in parts, by tiles, and where they lie."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from gradewise.config.views import View
from gradewise.families.cnn.classifier import CnnClassifier
from gradewise.families.cnn.convnet import ConvNet
from gradewise.families.cnn.settings import CnnSettings
from gradewise.localisation import maps
from gradewise.localisation.frames import Frame, frame_mask, frame_of
from gradewise.localisation.maps import HeatMap, map_image


class Brightness:
    """The probability of a defect is the mean grey level of a sample; it is no locator."""

    def __init__(self):
        self.classes = ["good", "bad"]

    def predict_proba(self, pixels: np.ndarray) -> np.ndarray:
        bright = pixels.mean(axis=(1, 2, 3)) / 255
        return np.stack([1 - bright, bright], axis=1)


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)


def view(*operations) -> View:
    return View.model_validate(list(operations))


def network(side: int) -> CnnClassifier:
    torch.manual_seed(0)
    settings = CnnSettings(channels=(4, 8), dense=(8,), epochs=1)
    return CnnClassifier(
        ConvNet(settings, (side, side, 1), 2).eval(), settings, (side, side, 1), ["a", "b"], [0.5], [0.2]
    )


def test_a_cell_has_the_mean_of_what_is_said_of_the_tiles_that_show_it():
    image = noise(50, 40)
    heat = map_image(image, view("grey", {"tile": 16}), Brightness(), "bad", stride=8, threads=2)
    assert (heat.cell, heat.scores.shape) == (8, (7, 5))
    tops, lefts = (0, 8, 16, 24, 32, 34), (0, 8, 16, 24)
    for row, column in ((0, 0), (2, 3), (6, 4)):
        y, x = min(8 * row + 4, 49.5), 8 * column + 4
        corners = itertools.product(
            (top for top in tops if top <= y < top + 16), (left for left in lefts if left <= x < left + 16)
        )
        tiles = [image[top : top + 16, left : left + 16] for top, left in corners]
        assert heat.scores[row, column] == pytest.approx(np.mean([tile.mean() / 255 for tile in tiles]), abs=1e-6)


def test_a_network_maps_an_image_in_parts_as_it_does_the_whole(monkeypatch):
    image, classifier = noise(203, 331), network(16)
    whole = map_image(image, view("grey", {"tile": 16}), classifier, "b")
    assert (whole.cell, whole.scores.shape) == (4, (51, 83))
    monkeypatch.setattr(maps, "PART", 64)
    parts = map_image(image, view("grey", {"tile": 16}), classifier, "b")
    assert np.allclose(parts.scores, whole.scores, atol=1e-6)


def test_tiles_that_are_resized_are_mapped_one_by_one():
    image, classifier = noise(64, 64), network(16)
    heat = map_image(image, view("grey", {"tile": 32}, {"resize": 16}), classifier, "b", stride=16)
    assert (heat.cell, heat.scores.shape) == (16, (4, 4))
    assert np.isfinite(heat.scores).all()


def between(scores: np.ndarray, row: float, column: float) -> float:
    top, left = int(row), int(column)
    down, right = row - top, column - left
    square = scores[top : top + 2, left : left + 2]
    return float(np.array([1 - down, down]) @ square @ np.array([1 - right, right]))


def test_pixels_are_interpolated_between_cells_a_strip_at_a_time():
    scores = np.random.default_rng(1).random((60, 1000), dtype=np.float32)
    heat = HeatMap(scores, 16, Frame(950, 15990))
    strips = list(heat.strips())
    assert len(strips) > 10
    assert [rows.start for rows, _ in strips[1:]] == [rows.stop for rows, _ in strips[:-1]]
    together = np.concatenate([part for _, part in strips])
    assert together.shape == (950, 15990)
    assert together[24, 40] == pytest.approx(between(scores, 24.5 / 16 - 0.5, 40.5 / 16 - 0.5), abs=1e-6)


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        (["grey", {"tile": 16}], Frame(100, 200)),
        (["grey", {"crop": {"below_data_bar": True}}, {"tile": 16}], Frame(90, 200)),
        (["grey", {"centre_crop": 64}, {"tile": 16}], Frame(64, 64, 18.0, 68.0)),
        (["grey", {"centre_crop": 64}, {"resize": 128}], Frame(128, 128, 18.0, 68.0, 2.0, 2.0)),
        (
            ["grey", {"resize": [50, 400]}, {"crop": {"top": 10, "left": 40, "height": 20, "width": 200}}],
            Frame(20, 200, 20.0, 20.0, 0.5, 2.0),
        ),
    ],
)
def test_a_frame_knows_where_it_lies_in_its_image(operations, expected):
    assert frame_of((100, 200), view(*operations), 10) == expected
    pixels = view(*operations).begin(noise(100, 200), 10)
    assert pixels.shape == (expected.height, expected.width, 1)


def test_a_mask_follows_its_image_into_the_frame():
    mask = np.zeros((100, 200), np.uint8)
    mask[30:40, 100:120] = 255
    inside = frame_mask(mask, view("grey", {"centre_crop": 64}, {"resize": 128}))
    rows, columns = np.nonzero(inside)
    assert (rows.min(), rows.max() + 1) == (24, 44)
    assert (columns.min(), columns.max() + 1) == (64, 104)


@pytest.mark.parametrize(
    ("operations", "straight"),
    [
        (["grey", {"resize": 64}], True),
        (["rgb", {"crop": {"below_data_bar": True}}, {"tile": 32}, {"resize": 64}], True),
        (["grey", {"tile": 32}, {"centre_crop": 16}], False),
        (["grey", {"resize": 64}, "polar"], False),
    ],
)
def test_a_view_that_bends_images_or_cuts_its_tiles_is_not_straight(operations, straight):
    assert view(*operations).straight is straight
