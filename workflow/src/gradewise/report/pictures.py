"""Small pictures for the page: thumbnails of original images, and samples out of a view's cache."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from pathlib import Path

import cv2
import numpy as np
from matplotlib import font_manager
from PIL import Image, ImageColor, ImageDraw, ImageFont, ImageOps

from gradewise.config.sources import Reading
from gradewise.images.decode import PLAIN, decode, to_uint8
from gradewise.images.files import read_before
from gradewise.images.masks import read_mask
from gradewise.report import palette
from gradewise.report.blocks import Picture
from gradewise.views.chosen import find_pixels

SIDE = 220
"""Longest side of a thumbnail [px]."""

CELL, MARGIN, TEXT = 280, 12, 12
"""Width of a picture with its text on a contact sheet, the space between two, and the height of letters [px]."""

MARKED, TINT = 64, 0.3
"""Mean of a mask from which a pixel of a thumbnail is marked, low for thin regions, and the strength of the tint."""


def thumbnail(path: Path, bits: int, reading: Reading = PLAIN) -> Image.Image:
    """An original image, upright, downscaled to at most `SIDE` pixels on its longer side.

    Parameters
    ----------
    path : Path
    bits : int
        Bits that its grey levels use, as the manifest says.
    reading : Reading
        How the files of its dataset are decoded.

    Raises
    ------
    UserError
        Where the image is gone or can no longer be read.
    """
    with read_before(path):
        pixels = to_uint8(decode(path, reading).pixels, bits)
    return _fit(Image.fromarray(pixels))


def marked(path: Path, bits: int, mask: Path, reading: Reading = PLAIN) -> tuple[Image.Image, float]:
    """An original image as `thumbnail`, with what its mask marks tinted and outlined, and the share that is marked.

    Parameters
    ----------
    path, mask : Path
        The image, and its mask.
    bits : int
        Bits that the grey levels of the image use, as the manifest says.
    reading : Reading
        How the files of its dataset are decoded.

    Raises
    ------
    UserError
        Where the image or the mask is gone or can no longer be read.
    """
    picture = np.asarray(thumbnail(path, bits, reading).convert("RGB"))
    with read_before(mask):
        regions = read_mask(mask)
    small = cv2.resize(regions, picture.shape[1::-1], interpolation=cv2.INTER_AREA) > MARKED
    inside = cv2.erode(small.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0) > 0
    weight = np.where(small & ~inside, 1.0, TINT * inside)[..., None]
    tinted = (1 - weight) * picture + weight * np.array(ImageColor.getrgb(palette.MARKED))
    return Image.fromarray(tinted.astype(np.uint8)), float((regions > 0).mean())


def samples(view: Path, sample_ids: Collection[str]) -> dict[str, Image.Image]:
    """Pictures of the samples with these identifiers in a view's cache, by identifier."""
    return {
        name: _fit(Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels))
        for name, pixels in find_pixels(view, sample_ids).items()
    }


def to_jpeg(picture: Image.Image) -> bytes:
    """A picture as it is embedded in the page."""
    stream = io.BytesIO()
    picture.save(stream, format="JPEG", quality=82, optimize=True)
    return stream.getvalue()


def contact_sheet(pictures: Sequence[Picture]) -> bytes:
    """Pictures with their lines of text on one sheet, as PNG; a detail stands to the right of its picture."""
    font = ImageFont.truetype(font_manager.findfont("DejaVu Sans"), TEXT)
    cells = [_labelled(picture, font) for picture in pictures]
    across = min(4, len(cells))
    down = -(-len(cells) // across)
    height = max(cell.height for cell in cells) + MARGIN
    sheet = Image.new("RGB", (across * (CELL + MARGIN) + MARGIN, down * height + MARGIN), "white")
    for place, cell in enumerate(cells):
        row, column = divmod(place, across)
        sheet.paste(cell, (MARGIN + column * (CELL + MARGIN), MARGIN + row * height))
    stream = io.BytesIO()
    # level 4 takes less than half the time of the default, and no more bytes
    sheet.save(stream, format="PNG", compress_level=4)
    return stream.getvalue()


def _labelled(picture: Picture, font: ImageFont.FreeTypeFont) -> Image.Image:
    """A picture below its lines of text."""
    image = ImageOps.contain(_beside(picture.image, picture.detail), (CELL, CELL))
    text = "\n".join(map(_shortened, picture.lines))
    space = (TEXT + 3) * len(picture.lines) + 3
    cell = Image.new("RGB", (CELL, space + image.height), "white")
    ImageDraw.Draw(cell).multiline_text((CELL / 2, 0), text, "black", font, "ma", spacing=3, align="center")
    cell.paste(image, ((CELL - image.width) // 2, space))
    return cell


def _fit(picture: Image.Image) -> Image.Image:
    scale = SIDE / max(picture.size)
    if scale >= 1:
        return picture
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _beside(picture: Image.Image, detail: Image.Image | None) -> Image.Image:
    picture = picture.convert("RGB")
    if detail is None:
        return picture
    height = max(1, picture.height // 2)
    width = max(1, round(detail.width * picture.height / 2 / detail.height))
    sheet = Image.new("RGB", (picture.width + 6 + width, picture.height), "white")
    sheet.paste(picture, (0, 0))
    sheet.paste(detail.convert("RGB").resize((width, height)), (picture.width + 6, 0))
    return sheet


def _shortened(line: str, most: int = 40) -> str:
    return line if len(line) <= most else f"{line[: most // 2]}…{line[-most // 2 + 1 :]}"
