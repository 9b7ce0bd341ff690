"""Decodes image files of all supported kinds to arrays, or says why a file cannot be used.

Pillow reads what has at most 8 bits per channel, `tiff` the other TIFF files, and imagecodecs PNG of 16 bits, of which
Pillow would give the upper 8.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Literal

import cv2
import imagecodecs
import numpy as np
from PIL import Image
from tifffile import TiffPage

from gradewise.config.sources import Reading
from gradewise.images import tiff
from gradewise.images.files import FORMATS, UnreadableError, check_frames, check_size, explained
from gradewise.images.levels import DEEPEST, to_levels, without_alpha
from gradewise.images.strips import strips
from gradewise.images.upright import orientation_of, turned

PNG_SIGNATURE, PNG_BITS = b"\x89PNG\r\n\x1a\n", 24
"""How a PNG file begins, and the place in it of the number of bits per channel."""

PLAIN = Reading(page=None, grey_range=None, shrink=None)
"""How a file is read of which a dataset says nothing."""

GLANCED = 64
"""Distance between the pixels that are looked at first for colours [px]."""

NEIGHBOURHOOD = 5
"""Side of the median filter that removes hot pixels [px]."""


@dataclass(frozen=True)
class Decoded:
    """A decoded image.

    Attributes
    ----------
    pixels : ndarray of uint8 or uint16, shape (height, width) or (height, width, 3)
        Upright (EXIF orientation applied), with transparency on white. Grey and RGB of 16 bits keep them, 16-bit CMYK
        its upper eight.
    mode : str
        Pillow's name for the mode of the file, e.g. ``L``, ``RGB``, ``I;16``, ``P``, ``CMYK``; ``I`` and ``F`` for
        longer integers and floating-point numbers; colour of more than 8 bits has them behind, e.g. ``RGB;16``.
    pages : int
        Number of pages of the file.
    shrink : int
        How many pixels of the file are one of these, along both axes.
    """

    pixels: np.ndarray
    mode: str
    pages: int = 1
    shrink: int = 1

    @cached_property
    def bits(self) -> int:
        """Bits that the grey levels use: 8, or for 16-bit files the smallest sufficient of 8, 10, 12, 14 and 16.

        Hot pixels do not count, be they single, in a line or in a small cluster: with one of them at full scale, images
        of a 12-bit camera would keep 16 grey levels.
        """
        if self.pixels.dtype == np.uint8:
            return 8
        height, width = self.pixels.shape[:2]
        used = max(_highest_smooth(self.pixels, rows) for rows in strips(height, width)).bit_length()
        return next(bits for bits in (8, 10, 12, 14, 16) if used <= bits)

    def pixel_hash(self) -> str:
        """SHA-256 of size and pixels, the same for a grey image stored as grey or as colour."""
        pixels = self.pixels
        if pixels.ndim == 3 and _is_grey(pixels):
            pixels = pixels[..., 0]
        digest = hashlib.sha256(f"{pixels.shape} {pixels.dtype}".encode())
        for rows in strips(*pixels.shape[:2]):
            digest.update(np.ascontiguousarray(pixels[rows]).data)
        return digest.hexdigest()


def decode(path: Path, reading: Reading = PLAIN, max_megapixels: float = np.inf) -> Decoded:
    """Read an image completely.

    Parameters
    ----------
    path : Path
    reading : Reading
        Which page to read, what numbers are black and white, and at what part of its size.
    max_megapixels : float
        Larger images are rejected by their header, without decoding; pages that are combined count together.

    Returns
    -------
    Decoded

    Raises
    ------
    UnreadableError
        If the file is missing, empty, truncated, damaged or not an image, may not be read, has several pages or frames
        of which none is chosen, has pixels that are not known as grey levels, or is too large.
    """
    decoded = _decode(path, reading, max_megapixels)
    if decoded.shrink == reading.factor:
        return decoded
    pixels = _averaged(decoded.pixels, reading.factor // decoded.shrink)
    return replace(decoded, pixels=pixels, shrink=reading.factor)


def _decode(path: Path, reading: Reading, max_megapixels: float) -> Decoded:
    """Read an image at its size, or smaller where its decoder can do that."""
    with explained(path) as stream:
        if tiff.is_tiff(stream):
            return _decode_tiff(stream, reading, max_megapixels)
        with Image.open(stream, formats=FORMATS) as image:
            check_size(image.width, image.height, max_megapixels)
            check_frames(image)
            if isinstance(reading.page, int) and reading.page > 1:
                raise UnreadableError(f"has one page, and page: {reading.page} is to be read")
            if is_deep_png(stream):
                return _decode_deep_png(stream, image)
            width = image.width
            if image.format in ("JPEG", "MPO") and reading.shrink:
                image.draft(None, (max(1, width // reading.shrink), max(1, image.height // reading.shrink)))
            return Decoded(_pixels(image), image.mode, shrink=-(-width // image.width))


def _averaged(pixels: np.ndarray, factor: int) -> np.ndarray:
    """Means of blocks; those beyond the right and lower margin repeat it."""
    height, width = pixels.shape[:2]
    whole = cv2.copyMakeBorder(pixels, 0, -height % factor, 0, -width % factor, cv2.BORDER_REPLICATE)
    size = (whole.shape[1] // factor, whole.shape[0] // factor)
    return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA))


def header_size(path: Path, reading: Reading = PLAIN) -> tuple[int, int] | None:
    """Width and height as the header of a file tells them; None where `decode` will tell what is wrong with it."""
    try:
        with explained(path) as stream:
            if tiff.is_tiff(stream):
                with tiff.open_tiff(stream) as file:
                    page, *_ = _choose(tiff.find_pages(file), reading.page)
                    return int(page.imagewidth), int(page.imagelength)
            with Image.open(stream, formats=FORMATS) as image:
                return image.size
    except UnreadableError:
        return None


def count_pixels(path: Path, reading: Reading) -> int:
    """How many pixels the header of a file tells; 0 where `decode` will tell what is wrong with it."""
    width, height = header_size(path, reading) or (0, 0)
    return width * height


def is_deep_png(stream: BinaryIO) -> bool:
    """Whether a file is a PNG of 16 bits per channel."""
    stream.seek(0)
    header = stream.read(PNG_BITS + 1)
    return header.startswith(PNG_SIGNATURE) and header[-1] == 16


def _decode_deep_png(stream: BinaryIO, image: Image.Image) -> Decoded:
    """Decode 16 bits per channel; `image` is what Pillow made of the stream."""
    stream.seek(0)
    levels = imagecodecs.png_decode(stream.read())
    # a transparent colour is decoded to alpha
    levels = without_alpha(levels, DEEPEST) if levels.ndim == 3 and levels.shape[2] in (2, 4) else levels
    image.load()
    return Decoded(turned(levels, orientation_of(image)), "I;16" if levels.ndim == 2 else f"{image.mode};16")


def _decode_tiff(stream: BinaryIO, reading: Reading, max_megapixels: float) -> Decoded:
    """The chosen page of a TIFF file, or at each pixel the highest level of all its pages."""
    with tiff.open_tiff(stream) as file:
        pages = tiff.find_pages(file)
        first, *others = _choose(pages, reading.page)
        check_size(first.imagewidth, first.imagelength, max_megapixels, pages=1 + len(others))
        pixels, mode = _decode_page(stream, first, reading)
        for page in others:
            if page.shape == first.shape:
                other, _ = _decode_page(stream, page, reading)
            if page.shape != first.shape or (other.shape, other.dtype) != (pixels.shape, pixels.dtype):
                raise UnreadableError("its pages differ in size or in kind; set page: to the number of one of them")
            pixels = np.maximum(pixels, other)
        return Decoded(pixels, mode, len(pages))


def _choose(pages: list[TiffPage], chosen: int | Literal["max"] | None) -> list[TiffPage]:
    if chosen == "max":
        return pages
    if chosen is None and len(pages) > 1:
        raise UnreadableError(
            f"holds {len(pages)} pages; set page: of the dataset to the number of the one to use (the first is 1), or "
            "to max for the highest level at each pixel"
        )
    number = chosen or 1
    if number > len(pages):
        holds = "has one page" if len(pages) == 1 else f"holds {len(pages)} pages"
        raise UnreadableError(f"{holds}, and page: {number} is to be read")
    return [pages[number - 1]]


def _decode_page(stream: BinaryIO, page: TiffPage, reading: Reading) -> tuple[np.ndarray, str]:
    """Pixels and mode of a page."""
    image = tiff.open_page(stream, page)
    if image is not None:
        return _pixels(image), image.mode
    numbers = tiff.read_numbers(page)
    levels = to_levels(numbers, reading.grey_range)
    if page.photometric == tiff.WHITE_IS_ZERO:
        levels = tiff.highest_level(page) - levels if levels.dtype == numbers.dtype else DEEPEST - levels
    if levels.ndim == 3:
        return levels, f"RGB;{8 * numbers.itemsize}"
    return levels, "F" if numbers.dtype.kind == "f" else "I;16" if numbers.dtype == np.uint16 else "I"


def _is_grey(pixels: np.ndarray) -> bool:
    """Whether the three colours of each pixel are equal."""
    # a few pixels first, which show nearly always that an image has colours
    parts = (pixels[::GLANCED, ::GLANCED], *(pixels[rows] for rows in strips(*pixels.shape[:2])))
    pairs = ((part[..., colour], part[..., colour + 1]) for part in parts for colour in (0, 1))
    return all(np.array_equal(first, second) for first, second in pairs)


def _highest_smooth(pixels: np.ndarray, rows: slice) -> int:
    """The highest level of some rows after a median filter."""
    margin = NEIGHBOURHOOD // 2
    # reflected, since repeating the outermost pixels would turn a hot row at the margin into three
    beyond = np.arange(rows.start - margin, rows.stop + margin)
    last = len(pixels) - 1
    inside = pixels[np.clip(last - abs(last - abs(beyond)), 0, last)]
    framed = cv2.copyMakeBorder(inside, 0, 0, margin, margin, cv2.BORDER_REFLECT_101)
    return int(cv2.medianBlur(framed, NEIGHBOURHOOD)[margin:-margin, margin:-margin].max(initial=0))


def _pixels(image: Image.Image) -> np.ndarray:
    """Upright pixels of an image that Pillow opened."""
    image.load()
    parts = list(strips(image.height, image.width))
    pixels = first = _to_array(image.crop((0, 0, image.width, parts[0].stop)))
    if len(parts) > 1:
        pixels = np.empty((image.height, *first.shape[1:]), first.dtype)
        for rows in parts:
            pixels[rows] = _to_array(image.crop((0, rows.start, image.width, rows.stop)))
    return np.ascontiguousarray(turned(pixels, orientation_of(image)))


def _to_array(image: Image.Image) -> np.ndarray:
    key = image.info.get("transparency")
    if image.mode == "LAB":
        raise UnreadableError("colours in CIELab; save it as RGB")
    if image.mode == "P" or key is not None:
        image = image.convert("RGBA" if key is not None else "RGB")
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa"):
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image).convert("RGB")
    if image.mode == "1":
        image = image.convert("L")
    if image.mode not in ("L", "RGB"):
        image = image.convert("RGB")
    return np.asarray(image)


def to_uint8(pixels: np.ndarray, bits: int) -> np.ndarray:
    """Grey levels of `bits` significant bits as 8 bits, by dropping the lowest; 8-bit arrays stay as they are.

    Levels beyond, of hot pixels, become white.
    """
    if pixels.dtype == np.uint8:
        return pixels
    levels = np.empty(pixels.shape, np.uint8)
    for rows in strips(*pixels.shape[:2]):
        levels[rows] = np.minimum(pixels[rows] >> (bits - 8), 255)
    return levels
