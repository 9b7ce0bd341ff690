"""Small pictures of images and of what their masks mark."""

import numpy as np
import pytest
from PIL import Image, ImageColor

from gradewise.command import UserError
from gradewise.report import palette
from gradewise.report.pictures import SIDE, marked

COLOUR = np.array(ImageColor.getrgb(palette.MARKED))


@pytest.fixture
def files(tmp_path):
    """Paths of a grey image and of its mask, which marks a square of 80 pixels, the latter changed by a function."""

    def write(change=lambda mask: mask, side=440):
        mask = np.zeros((side, side), np.uint8)
        mask[100:180, 40:120] = 255
        Image.new("L", (side, side), 100).save(tmp_path / "image.png")
        Image.fromarray(change(mask)).save(tmp_path / "mask.png")
        return tmp_path / "image.png", tmp_path / "mask.png"

    return write


def test_a_marked_region_is_outlined_and_tinted_and_the_rest_left_as_it_is(files):
    image, mask = files()
    picture, share = marked(image, 8, mask)
    pixels = np.asarray(picture).astype(int)
    assert pixels.shape == (SIDE, SIDE, 3)
    assert share == pytest.approx(80**2 / 440**2)
    assert (pixels[10, 10] == 100).all()
    assert np.abs(pixels[50, 30] - COLOUR).max() <= 1
    inside = pixels[70, 40]
    assert (np.abs(inside - 100) < np.abs(COLOUR - 100)).all()
    assert (inside != 100).any()


def test_a_thin_region_is_seen_in_the_small_picture(files):
    image, mask = files(lambda mask: np.where(np.arange(440) == 77, mask, 0).astype(np.uint8))
    pixels = np.asarray(marked(image, 8, mask)[0]).astype(int)
    assert (np.abs(pixels - COLOUR).max(axis=2) <= 1).sum() >= 38


def test_an_empty_mask_changes_nothing(files):
    image, mask = files(lambda mask: 0 * mask)
    picture, share = marked(image, 8, mask)
    assert share == 0
    assert (np.asarray(picture) == 100).all()


def test_a_mask_that_has_gone_is_named(files):
    image, mask = files()
    mask.unlink()
    with pytest.raises(UserError, match=r"mask\.png: no such file; it was read before"):
        marked(image, 8, mask)
