"""Small pictures for the page: thumbnails of original images, and samples out of a view's cache."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageColor

from gradewise.command import UserError
from gradewise.config.sources import Reading
from gradewise.images.decode import PLAIN, decode, to_uint8
from gradewise.images.files import UnreadableError
from gradewise.images.masks import read_mask
from gradewise.report import drawing, palette
from gradewise.report.blocks import Picture
from gradewise.views.chosen import find_pixels

SIDE = 220
"""Longest side of a thumbnail [px]."""

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
    try:
        pixels = to_uint8(decode(path, reading).pixels, bits)
    except UnreadableError as error:
        raise _unreadable(path, error) from None
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
    try:
        regions = read_mask(mask)
    except UnreadableError as error:
        raise _unreadable(mask, error) from None
    small = cv2.resize(regions, picture.shape[1::-1], interpolation=cv2.INTER_AREA) > MARKED
    inside = cv2.erode(small.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0) > 0
    weight = np.where(small & ~inside, 1.0, TINT * inside)[..., None]
    tinted = (1 - weight) * picture + weight * np.array(ImageColor.getrgb(palette.MARKED))
    return Image.fromarray(tinted.astype(np.uint8)), float((regions > 0).mean())


def _unreadable(path: Path, error: UnreadableError) -> UserError:
    return UserError(f"{path}: {error}; it was read before, so put it back or rebuild the manifest")


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
    across = min(4, len(pictures))
    down = -(-len(pictures) // across)
    with drawing.style(), mpl.rc_context({"figure.constrained_layout.use": False}):
        figure = Figure(figsize=(1.9 * across, 2.2 * down))
        for place, picture in enumerate(pictures, 1):
            axes = figure.add_subplot(down, across, place)
            axes.imshow(_beside(picture.image, picture.detail), cmap="gray", vmin=0, vmax=255)
            axes.set_axis_off()
            lines = "\n".join(map(_shortened, picture.lines))
            axes.set_title(lines, fontsize=5.5, fontweight="normal", pad=3)
        figure.subplots_adjust(left=0, right=1, bottom=0, top=1, hspace=0.2, wspace=0.1)
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=150, metadata={"Software": None}, bbox_inches="tight", pad_inches=0.05)
    return stream.getvalue()


def _fit(picture: Image.Image) -> Image.Image:
    scale = SIDE / max(picture.size)
    if scale >= 1:
        return picture
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _beside(picture: Image.Image, detail: Image.Image | None) -> np.ndarray:
    picture = picture.convert("RGB")
    if detail is None:
        return np.asarray(picture)
    height = max(1, picture.height // 2)
    width = max(1, round(detail.width * picture.height / 2 / detail.height))
    sheet = Image.new("RGB", (picture.width + 6 + width, picture.height), "white")
    sheet.paste(picture, (0, 0))
    sheet.paste(detail.convert("RGB").resize((width, height)), (picture.width + 6, 0))
    return np.asarray(sheet)


def _shortened(line: str, most: int = 40) -> str:
    return line if len(line) <= most else f"{line[: most // 2]}…{line[-most // 2 + 1 :]}"
