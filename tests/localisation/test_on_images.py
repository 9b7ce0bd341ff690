"""What is known of samples lies over the image that they show, whatever a view does to it."""

import numpy as np
import pytest

from gradewise.config.views import Transform, View
from gradewise.localisation.on_images import CELLS, grid_of, lay_over
from gradewise.views.apply import make_samples

SIZE = (120, 160)
CENTRE = (40, 100)
VIEWS = {
    "resize": ["grey", {"resize": 64}],
    "pad": ["grey", {"resize": {"side": 64, "keep_aspect": "pad"}}],
    "crop": ["grey", {"resize": {"side": 64, "keep_aspect": "crop"}}],
    "centre": ["grey", {"resize": [96, 128]}, {"centre_crop": 64}],
    "box": ["grey", {"crop": {"top": 10, "left": 60, "height": 80, "width": 90}}],
    "polar": ["grey", {"resize": 96}, "polar", {"crop": {"top": 0, "left": 0, "height": 48, "width": 96}}],
    "tiles": ["grey", {"tile": 32}],
    "overlapping": ["grey", {"tile": 32, "stride": 16}, {"resize": 16}],
    "random": ["grey", {"tile": 40, "keep": "random", "count": 12}],
    "data bar": ["grey", {"crop": {"below_data_bar": True}}, {"resize": 64}],
}


def spot() -> np.ndarray:
    """An image that is brighter the nearer a point is to the centre of a spot."""
    row, column = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    away = np.hypot(row - CENTRE[0], column - CENTRE[1])
    return (255 * np.exp(-((away / 18) ** 2))).astype(np.uint8)


@pytest.mark.parametrize("name", VIEWS)
def test_a_bright_spot_of_samples_lies_where_it_is_in_the_image(name):
    view = View.model_validate(VIEWS[name])
    bar = 20 if name == "data bar" else 0
    samples, positions = make_samples(spot(), view, np.random.default_rng(0), bar)
    laid = lay_over([sample[..., 0] for sample in samples], positions, view, SIZE, bar)
    rows, columns = grid_of(SIZE)
    assert laid.shape == (rows, columns) == (48, CELLS)
    seen = np.isfinite(laid)
    row, column = np.mgrid[:rows, :columns] + 0.5
    away = np.hypot(row * SIZE[0] / rows - CENTRE[0], column * SIZE[1] / columns - CENTRE[1])
    expected = 255 * np.exp(-((away / 18) ** 2))
    # half a pixel of a sample, where grey levels change fastest
    assert np.abs(laid - expected)[seen].max() < 45
    assert np.abs(laid - expected)[seen].mean() < 4
    if bar:
        assert not seen[-rows * bar // SIZE[0] :].any()


def test_what_no_sample_shows_is_unknown():
    view = View.model_validate(VIEWS["centre"])
    laid = lay_over([np.ones((64, 64))], [(0, 0)], view, SIZE)
    share = np.isfinite(laid).mean()
    assert share == pytest.approx(64 * 64 / (96 * 128), abs=0.03)
    assert np.isnan(laid[0]).all()


def test_overlapping_tiles_give_their_mean():
    view = View.model_validate(VIEWS["overlapping"])
    laid = lay_over([np.full((16, 16), value) for value in (1.0, 3.0)], [(0, 0), (0, 1)], view, (32, 48))
    assert set(laid[0]) == {1.0, 2.0, 3.0}


def test_an_operation_that_does_not_tell_where_it_moves_points_is_named():
    class Shuffle(Transform):
        key = "shuffle"
        effect = "part"

        def apply(self, pixels):
            return pixels

        def in_words(self):
            return "shuffled"

    view = View.model_validate(VIEWS["resize"])
    shuffled = view.model_copy(update={"operations": (*view.operations, Shuffle())})
    assert str(lay_over([np.ones((64, 64))], [(0, 0)], shuffled, SIZE)) == "shuffle"
