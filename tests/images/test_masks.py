"""Every way of storing one region gives the same mask, and what could be read in two ways is refused."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from gradewise.images.files import UnreadableError
from gradewise.images.masks import read_mask

REGION = np.zeros((24, 30), bool)
REGION[4:14, 6:20] = True
LABELS = REGION.astype(np.uint8) + np.roll(REGION, 5, axis=0)


def values(marked, background=0, kind=np.uint8):
    return Image.fromarray(np.where(REGION, marked, background).astype(kind))


def rgba(colour, background):
    return Image.fromarray(np.where(REGION[..., None], colour, background).astype(np.uint8))


def indexed(palette, index=None):
    image = Image.fromarray((REGION if index is None else index).astype(np.uint8)).convert("P")
    image.putpalette(palette)
    return image


def soft():
    return values(255).filter(ImageFilter.GaussianBlur(0.7))


def grey_alpha():
    return Image.merge("LA", [values(0), values(255)])


@pytest.mark.parametrize(
    ("image", "suffix"),
    [
        (values(255), "png"),
        (values(1), "png"),
        (values(128), "tif"),
        (values(7), "bmp"),
        (values(200, 100), "png"),
        (values(255).convert("1"), "png"),
        (values(255).convert("RGB"), "png"),
        (values(65535, kind=np.uint16), "png"),
        (values(1, kind=np.uint16), "tif"),
        (values(3, kind=np.int32), "tif"),
        (values(1.0, kind=np.float32), "tif"),
        (values(255.0, kind=np.float32), "tif"),
        (values(255), "jpg"),
        (soft(), "png"),
        (rgba([255, 255, 255, 255], [0, 0, 0, 0]), "png"),
        (rgba([255, 255, 255, 255], [255, 255, 255, 0]), "png"),
        (rgba([0, 0, 0, 255], [0, 0, 0, 0]), "tif"),
        (rgba([255, 0, 0, 255], [0, 0, 0, 0]), "webp"),
        (rgba([255, 255, 255, 255], [0, 0, 0, 255]), "png"),
        (grey_alpha(), "png"),
        (rgba([200, 0, 0], [0, 0, 0]), "png"),
        (indexed([0, 0, 0, 1, 1, 1]), "png"),
        (indexed([0, 0, 0, 128, 0, 0]), "png"),
        (indexed([0, 0, 0, 64, 0, 0]), "png"),
        (indexed([255, 0, 0, 0, 0, 0], ~REGION), "png"),
        (indexed([0, 0, 255, 255, 0, 0]), "png"),
        (indexed([255, 255, 255, 0, 0, 0], ~REGION), "png"),
        (indexed([9, 9, 9, 9, 9, 9]), "png"),
    ],
)
def test_the_region_is_found(tmp_path, image, suffix):
    image.save(tmp_path / f"a.{suffix}", **({"lossless": True} if suffix == "webp" else {}))
    mask = read_mask(tmp_path / f"a.{suffix}")
    assert mask.dtype == np.uint8
    assert np.array_equal(mask, np.where(REGION, 255, 0))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_all_labels_but_zero_are_marked(tmp_path, kind):
    Image.fromarray(LABELS.astype(kind)).save(tmp_path / "a.png")
    assert np.array_equal(read_mask(tmp_path / "a.png") > 0, LABELS > 0)


@pytest.mark.parametrize(("level", "marked"), [(0, 0), (1, 255), (255, 255)])
def test_a_mask_of_one_value_marks_nothing_or_all(tmp_path, level, marked):
    Image.new("L", (9, 8), level).save(tmp_path / "a.png")
    assert (read_mask(tmp_path / "a.png") == marked).all()


def test_a_mask_without_paint_marks_nothing(tmp_path):
    Image.new("RGBA", (9, 8), (255, 255, 255, 0)).save(tmp_path / "a.png")
    assert (read_mask(tmp_path / "a.png") == 0).all()


def test_a_mask_is_turned_upright_like_its_image(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    values(255).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_mask(tmp_path / "a.png") > 0, np.rot90(REGION, -1))


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (Image.new("L", (9, 8), 90), "do not say which is the background"),
        (values(2, 1), "values 1, 2 do not say which is the background"),
        (values(250, 200), "do not say which is the background"),
        (Image.fromarray(LABELS * 100), "values 0, 100, 200 may be labels"),
        (Image.fromarray(np.arange(90, dtype=np.uint8).reshape(9, 10)), "do not say which is the background"),
        (rgba([255, 0, 0], [255, 255, 255]), "no pixel is black"),
        (values(np.nan, kind=np.float32), "not numbers"),
        (values(-1.0, kind=np.float32), "its values are -1 to 0"),
        (values(100_000, kind=np.int32), "its values are 0 to 100000"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(tmp_path, image, reason):
    image.save(tmp_path / "a.tif")
    with pytest.raises(UnreadableError, match=reason):
        read_mask(tmp_path / "a.tif")
