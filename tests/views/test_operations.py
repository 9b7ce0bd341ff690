from importlib.metadata import EntryPoint

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from skimage.transform import warp_polar

from gradewise.config import views
from gradewise.config.views import Transform, View, operation
from gradewise.views.apply import make_samples, mask_samples, masked_fractions
from gradewise.views.operations.polar import Polar
from gradewise.views.operations.tile import Tile, tile_grid

RNG = np.random.default_rng(0)


def view(*operations):
    return View.model_validate(list(operations))


def samples(pixels, *operations):
    return make_samples(pixels, view(*operations), np.random.default_rng(0))


def test_a_micrograph_of_1024_gives_64_tiles_of_128_with_the_pixels_it_has():
    image = RNG.integers(0, 256, (1024, 1024), dtype=np.uint8)
    batch, positions = samples(image, "grey", {"tile": 128})
    assert batch.shape == (64, 128, 128, 1)
    assert positions[9] == (1, 1)
    assert np.array_equal(batch[9, ..., 0], image[128:256, 128:256])


@given(st.integers(20, 60), st.integers(20, 60), st.integers(8, 20))
def test_tiles_put_together_are_the_image_without_its_remainder(height, width, side):
    image = np.arange(height * width).reshape(height, width, 1)
    grid = tile_grid(image, side)
    rows, columns = height // side, width // side
    assert grid.shape == (rows, columns, side, side, 1)
    together = grid.transpose(0, 2, 1, 3, 4).reshape(rows * side, columns * side, 1)
    assert np.array_equal(together, image[: rows * side, : columns * side])


def test_tiles_overlap_where_the_stride_is_below_the_side():
    image = np.arange(40 * 56, dtype=np.uint16).astype(np.uint8).reshape(40, 56)
    batch, positions = samples(image, "grey", {"tile": 16, "stride": 8})
    assert positions[-1] == (3, 5)
    assert len(batch) == 4 * 6
    for tile, (row, column) in zip(batch, positions, strict=True):
        assert np.array_equal(tile[..., 0], image[8 * row : 8 * row + 16, 8 * column : 8 * column + 16])


def test_a_stride_above_the_side_is_refused():
    assert Tile(tile=16, stride=16).covers((48, 32))
    with pytest.raises(ValidationError, match="stride: 17 leaves gaps between tiles of 16 px"):
        Tile(tile=16, stride=17)


def test_the_centre_tile_lies_in_the_middle():
    _, positions = samples(np.zeros((80, 48), np.uint8), "grey", {"tile": 16, "keep": "centre"})
    assert positions == [(2, 1)]


def test_random_tiles_are_as_many_as_asked_and_different():
    _, positions = samples(np.zeros((80, 80), np.uint8), "grey", {"tile": 16, "keep": "random", "count": 7})
    assert len(set(positions)) == 7


def test_the_typical_tile_is_not_the_odd_one_out():
    image = RNG.normal(120, 10, (64, 64)).clip(0, 255).astype(np.uint8)
    image[:16, :16] = 255
    assert Tile(tile=16, keep="typical").choose(image[..., None], RNG) != [(0, 0)]


def test_polar_is_the_warp_of_scikit_image_with_the_centre_on_top():
    image = RNG.integers(0, 256, (6, 6, 3)).astype(np.uint8).repeat(16, axis=0).repeat(16, axis=1)
    expected = warp_polar(
        image, center=(47.5, 47.5), radius=np.hypot(96, 96) / 2, output_shape=(96, 96), channel_axis=-1
    )
    expected = (expected * 255).transpose(1, 0, 2)
    assert np.abs(Polar().apply(image).astype(float) - expected).mean() < 1.0


def test_an_object_in_the_middle_lies_in_the_upper_half_of_the_polar_image():
    image = np.zeros((192, 192, 1), np.uint8)
    yy, xx = np.mgrid[:192, :192] - 95.5
    image[(yy**2 / 60**2 + xx**2 / 45**2 < 1), 0] = 200
    warped = Polar().apply(image)
    assert warped[0].min() == 200
    assert warped[96:].max() == 0


def test_operations_apply_in_order():
    image = RNG.integers(0, 256, (100, 300, 3), dtype=np.uint8)
    first, _ = samples(image, "rgb", {"resize": 64}, {"centre_crop": 32})
    second, _ = samples(image, "rgb", {"centre_crop": 100}, {"resize": 32})
    assert first.shape == second.shape == (1, 32, 32, 3)
    assert not np.array_equal(first, second)


def test_crop_keeps_the_rectangle():
    image = RNG.integers(0, 256, (64, 64), dtype=np.uint8)
    batch, _ = samples(image, "grey", {"crop": {"top": 3, "left": 5, "height": 20, "width": 30}})
    assert np.array_equal(batch[0, ..., 0], image[3:23, 5:35])


def test_shrinking_averages_instead_of_skipping_pixels():
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))
    batch, _ = samples(stripes, "grey", {"resize": 16})
    assert abs(int(batch.mean()) - 127) <= 1


def fit(image, keep_aspect, side=32):
    batch, _ = samples(image, "grey", {"resize": {"side": side, "keep_aspect": keep_aspect}})
    return batch[0, ..., 0]


@pytest.mark.parametrize("turned", [False, True])
def test_a_padded_image_lies_in_the_middle_between_its_reflections(turned):
    image = RNG.integers(0, 256, (32, 12), dtype=np.uint8)
    expected = np.pad(image, ((0, 0), (10, 10)), mode="symmetric")
    if turned:
        image, expected = image.T, expected.T
    assert np.array_equal(fit(image, "pad"), expected)


@pytest.mark.parametrize("shape", [(40, 1), (1, 40), (31, 2), (3, 100)])
def test_margins_far_wider_than_the_image_are_filled_too(shape):
    assert (fit(np.full(shape, 9, np.uint8), "pad") == 9).all()


def test_a_cropped_image_is_its_middle_square():
    image = RNG.integers(0, 256, (64, 100), dtype=np.uint8)
    square, _ = samples(image[:, 18:82], "grey", {"resize": 32})
    assert np.array_equal(fit(image, "crop"), square[0, ..., 0])


@given(st.integers(1, 70), st.sampled_from(["pad", "crop"]))
def test_a_square_image_is_resized_as_without_keep_aspect(side, keep_aspect):
    image = np.random.default_rng(side).integers(0, 256, (side, side), dtype=np.uint8)
    plain, _ = samples(image, "grey", {"resize": 32})
    assert np.array_equal(fit(image, keep_aspect), plain[0, ..., 0])


@pytest.mark.parametrize("keep_aspect", ["pad", "crop"])
def test_a_circle_stays_round_and_its_mask_follows(keep_aspect):
    yy, xx = np.mgrid[:120, :240]
    circle = np.where((yy - 59.5) ** 2 + (xx - 119.5) ** 2 < 50**2, 255, 0).astype(np.uint8)
    square = view("grey", {"resize": {"side": 64, "keep_aspect": keep_aspect}})
    shown = fit(circle, keep_aspect, 64) > 127
    if keep_aspect == "pad":
        shown = shown[16:48]  # without the reflections
    assert abs(int(shown.any(axis=0).sum()) - int(shown.any(axis=1).sum())) <= 1
    mask = mask_samples(circle, square, [(0, 0)])[0]
    assert np.array_equal(mask, fit(circle, keep_aspect, 64))


def test_only_a_middle_square_leaves_out_a_part_of_the_image():
    cuts = [view("grey", {"resize": {"side": 64, "keep_aspect": kept}}).cut for kept in ("pad", "crop")]
    assert cuts[0] == view("grey", {"resize": 64}).cut == ()
    assert cuts[1] != ()


def test_grey_and_colour_convert_into_each_other():
    colour, _ = samples(np.full((16, 16), 9, np.uint8), "rgb", {"resize": 8})
    assert colour.shape == (1, 8, 8, 3)
    grey, _ = samples(np.full((16, 16, 3), 9, np.uint8), "grey", {"resize": 8})
    assert (grey == 9).all()


def test_masked_share_follows_the_tiles():
    mask = np.zeros((64, 64), np.uint8)
    mask[:16, :8] = 255
    tiles = view("grey", {"tile": 16})
    _, positions = make_samples(mask, tiles, RNG)
    shares = masked_fractions(mask, tiles, positions)
    assert shares[0] == pytest.approx(0.5)
    assert shares[1:].max() == 0


class Negative(Transform):
    """Turn dark into bright."""

    key = "negative"
    effect = "values"

    def apply(self, pixels):
        return 255 - pixels

    def in_words(self):
        return "negative"


def test_masks_do_not_follow_operations_that_change_only_the_values_of_pixels():
    image = RNG.integers(0, 256, (40, 40), dtype=np.uint8)
    operations = ["grey", Negative(), {"centre_crop": 16}]
    batch, positions = samples(image, *operations)
    assert np.array_equal(batch[0, ..., 0], 255 - image[12:28, 12:28])
    mask = np.where(image > 127, 255, 0).astype(np.uint8)
    assert np.array_equal(mask_samples(mask, view(*operations), positions)[0], mask[12:28, 12:28])
    assert view(*operations).cut == view("grey", {"centre_crop": 16}).cut


CUT_BAR = {"crop": {"below_data_bar": True}}


def test_the_rows_of_a_data_bar_are_cut_off_where_the_view_says_so():
    image = RNG.integers(0, 256, (50, 48), dtype=np.uint8)
    for operations, rows in ((["grey", CUT_BAR], 40), (["grey"], 50)):
        seen = view(*operations, {"resize": [rows, 48]})
        batch, positions = make_samples(image, seen, RNG, bar_rows=10)
        assert np.array_equal(batch[0, ..., 0], image[:rows])
        mask = np.where(image > 127, 255, 0).astype(np.uint8)
        assert np.array_equal(mask_samples(mask, seen, positions, bar_rows=10)[0], mask[:rows])
    assert view("grey", CUT_BAR, {"tile": 16}).cut != view("grey", {"tile": 16}).cut


@pytest.mark.parametrize(
    ("operations", "message"),
    [
        (["grey", {"tile": 16}, CUT_BAR], "put it right after the colour, once"),
        (["grey", CUT_BAR, CUT_BAR, {"tile": 16}], "put it right after the colour, once"),
        (["grey", CUT_BAR], "samples need one fixed size"),
        (["grey", {"crop": {"below_data_bar": False}}, {"tile": 16}], "Input should be True"),
        (["grey", {"crop": {"below_databar": True}}, {"tile": 16}], "Did you mean 'below_data_bar'"),
    ],
)
def test_a_data_bar_that_cannot_be_cut_off_is_refused(operations, message):
    with pytest.raises(ValueError, match=message):
        view(*operations)


def test_an_installed_operation_that_cannot_be_loaded_is_named(monkeypatch):
    broken = EntryPoint("blur", "no_such_lab.blur", "gradewise.operations")
    monkeypatch.setattr(views, "entry_points", lambda group: [broken])
    views._load.cache_clear()
    with pytest.raises(ImportError, match=r"gradewise\.operations: blur = no_such_lab\.blur cannot be loaded"):
        view("grey", {"resize": 8})


def test_two_operations_cannot_share_a_key():
    with pytest.raises(
        ValueError, match=r"'resize' is defined twice: gradewise\.views\.operations\.resize\.Resize and"
    ):
        operation(type("Other", (Negative,), {"key": "resize"}))


SHAPES = [
    (["grey", {"tile": 32}], (32, 32, 1), 32),
    (["rgb", {"resize": [20, 30]}], (20, 30, 3), 1),
    (["grey", CUT_BAR, {"tile": 32}], (32, 32, 1), 32),
    (["rgb", {"resize": 64}, {"centre_crop": 32}], (32, 32, 3), 1),
    (["grey", {"resize": {"side": 40, "keep_aspect": "pad"}}], (40, 40, 1), 1),
    (["rgb", {"resize": {"side": 40, "keep_aspect": "crop"}}], (40, 40, 3), 1),
    (["grey", {"centre_crop": 48}, {"tile": 16}, {"resize": 8}], (8, 8, 1), 48),
    (["rgb", {"resize": 64}, "polar", {"crop": {"top": 0, "left": 0, "height": 32, "width": 64}}], (32, 64, 3), 1),
]


@pytest.mark.parametrize(("operations", "shape", "side"), SHAPES)
def test_shape_and_least_side_known_beforehand_are_those_of_the_samples(operations, shape, side):
    assert view(*operations).shape == shape
    assert view(*operations).minimum_side == side
    batch, _ = samples(np.zeros((max(side, 16),) * 2, np.uint8), *operations)
    assert batch.shape[1:] == shape


def test_a_cut_larger_than_what_is_left_is_refused():
    with pytest.raises(ValueError, match=r"\{centre_crop: 128\} needs 128 x 128 pixels of 64 x 64"):
        view("grey", {"resize": 64}, {"centre_crop": 128})
