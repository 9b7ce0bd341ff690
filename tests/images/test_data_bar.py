"""Data bars are found in pixels, and nothing else is taken for one."""

import io

import numpy as np
import pytest
from PIL import Image

from gradewise.images.data_bar import find_bar


def compressed(pixels, quality=85):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


@pytest.mark.parametrize("dark", [True, False])
@pytest.mark.parametrize("frame", [True, False])
@pytest.mark.parametrize("height", [30, 64, 100])
def test_a_bar_is_found_to_the_row(draw, dark, frame, height):
    assert find_bar(draw.with_bar(height=height, dark=dark, frame=frame)) == height


def test_a_bar_of_many_fields_is_found(draw):
    pixels = draw.with_bar()
    pixels[-48:, 20::60] = pixels[-48:, 21::60] = 255
    assert find_bar(pixels) == 48


def test_a_bar_is_found_among_levels_of_more_than_eight_bits(draw):
    assert find_bar(draw.with_bar().astype(np.uint16) * 16, bits=12) == 48
    assert find_bar(draw.content().astype(np.uint16) * 16, bits=12) == 0


def test_a_bar_in_a_colour_file_is_found(draw):
    pixels = np.dstack([draw.with_bar()] * 3)
    pixels[-20:-10, 300:320] = (255, 0, 0)
    assert find_bar(pixels) == 48


@pytest.mark.parametrize("frame", [True, False])
def test_a_bar_is_found_after_lossy_compression_to_a_row(draw, frame):
    assert find_bar(compressed(draw.with_bar(frame=frame))) == pytest.approx(48, abs=1)


def without_text(level):
    return np.full((48, 512), level, np.uint8)


def soft_edge(draw):
    pixels = draw.content()
    pixels[340:] = (np.linspace(1, 0, 60)[:, None] ** 2 * pixels[340:]).astype(np.uint8)
    pixels[385:395, 100:200] = 255
    return pixels


@pytest.mark.parametrize(
    "picture",
    [
        lambda draw: draw.content(),
        lambda draw: np.vstack([draw.content(), without_text(0)]),
        lambda draw: np.vstack([draw.content(), without_text(255)]),
        lambda draw: np.vstack([draw.content(), np.where(draw.data_bar() > 127, 255, 128).astype(np.uint8)]),
        lambda draw: np.vstack([draw.content() // 20, draw.data_bar()]),
        lambda draw: np.vstack([draw.content(300), draw.data_bar(150)]),
        lambda draw: np.vstack([draw.content(), draw.data_bar()[19:29]]),
        lambda draw: np.rot90(draw.with_bar(), 2),
        lambda draw: soft_edge(draw),
        lambda draw: np.zeros((400, 512), np.uint8),
        lambda draw: np.full((3, 4), 255, np.uint8),
        lambda draw: np.zeros((1, 1, 3), np.uint8),
    ],
    ids=[
        *("no band", "no text on black", "no text on white", "grey", "dark content", "a third of the image", "thin"),
        *("at the top", "soft edge", "black", "tiny", "one pixel"),
    ],
)
def test_what_is_no_bar_is_left_alone(draw, picture):
    assert find_bar(np.ascontiguousarray(picture(draw))) == 0
