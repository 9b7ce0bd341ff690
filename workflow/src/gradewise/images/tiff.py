"""Finds the pages of a TIFF file, and reads the numbers of those that Pillow does not read, with tifffile.

Sizes, compression and the place of the data in the file are checked before anything is decoded.
"""

from __future__ import annotations

import logging
import math
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError
from tifffile import COMPRESSION, FILLORDER, TiffFile, TiffPage

from gradewise.images.files import UnreadableError
from gradewise.images.levels import without_alpha
from gradewise.images.lzw import LZW, undo_lzw
from gradewise.images.upright import turned

# It reports every odd tag, of which real files have many; what costs the pixels is raised.
logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

REDUCED, MASK = 0b001, 0b100
"""Bits of the tag NewSubfileType of pages that are a small copy or the transparency of another page."""

COUNTS = ("imagewidth", "imagelength", "imagedepth", "samplesperpixel", "rowsperstrip", "tilewidth", "tilelength")
"""Attributes of a page that are numbers."""

MOST_PAGES = 4096
"""Number of pages up to which they are counted."""

PLAIN_COMPRESSIONS = (1, 5, 8, 32946, 32773, 34925, 50000)
"""None, LZW, deflate (two numbers), packbits, LZMA and zstd: those whose data cannot decode to more than the tags
promise, which the headers inside JPEG data can."""

PICTURE_COMPRESSIONS = (2, 3, 4, 6, 7)
"""Fax and JPEG, which Pillow decodes too."""

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, SEPARATED = 0, 1, 2, 5
"""Values of the tag PhotometricInterpretation."""

UNSIGNED, ANY = 1, 4
"""Values of the tag SampleFormat: numbers without a sign, and numbers of which nothing is said."""

ALPHA = (1, 2)
"""Values of the tag ExtraSamples for alpha, which colours are multiplied by or not."""

ORIENTATION = 274
"""Number of a tag."""


def is_tiff(stream: BinaryIO) -> bool:
    """Whether a file begins as TIFF or BigTIFF do; goes back to its beginning."""
    signature = stream.read(4)
    stream.seek(0)
    return signature in SIGNATURES


def open_tiff(stream: BinaryIO) -> TiffFile:
    """Open a file by its standard tags; what vendors do differently only changes how stacks are put together."""
    return TiffFile(stream, is_ome=False, is_scanimage=False, is_ndpi=False, is_lsm=False)


def find_pages(file: TiffFile) -> list[TiffPage]:
    """Pages of a file, without small copies of others (GIMP writes one) and transparency masks.

    Raises
    ------
    UnreadableError
        If the file has no page or too many, or a page stands for a whole stack.
    """
    pages: list[TiffPage] = []
    places = set()
    for index in range(MOST_PAGES + 1):
        try:
            page = file.pages[index]
        except IndexError:
            break
        # damaged files go in circles
        if page.offset in places:
            break
        # some files end with a page without tags
        if isinstance(page, TiffPage) and page.imagewidth:
            # in damaged files, these can be of any type
            if not all(isinstance(getattr(page, name), int) for name in COUNTS):
                raise UnreadableError("truncated or damaged (a tag that should be a number is not)")
            pages.append(page)
        places.add(page.offset)
    else:
        raise UnreadableError(f"holds more than {MOST_PAGES} pages; save those to use as files of their own")
    whole = [page for page in pages if not page.subfiletype & (REDUCED | MASK)] or pages[:1]
    if not whole:
        raise UnreadableError("truncated or damaged (no page has a size)")
    hidden = (file.imagej_metadata or {}).get("images", 1)
    if hidden > 1 == len(whole):
        raise UnreadableError(f"a stack of {hidden} images that all follow one header; save it as separate images")
    return whole


def open_page(stream: BinaryIO, page: TiffPage) -> Image.Image | None:
    """Let Pillow open a page that it reads without loss; None for one of another kind.

    Pillow knows all kinds of colour of at most 8 bits, and 16-bit CMYK, whose upper 8 bits it gives. It would drop the
    second of two channels of grey.
    """
    plain = page.sampleformat in (UNSIGNED, ANY) and np.max(page.bitspersample) <= 8
    second_grey = page.samplesperpixel == 2 and not _has_alpha(page)
    compressed = page.compression in PLAIN_COMPRESSIONS + PICTURE_COMPRESSIONS
    if second_grey or not compressed or not (plain or page.photometric == SEPARATED):
        return None
    stream.seek(0)
    try:
        image = Image.open(stream, formats=("TIFF",))
        image.seek(page.index)
    except (UnidentifiedImageError, SyntaxError):
        return None
    return image


def read_numbers(page: TiffPage) -> np.ndarray:
    """The numbers of a page of grey or RGB, upright, as they are stored.

    Returns
    -------
    ndarray, shape (height, width) or (height, width, 3)
        Of unsigned or signed integers or floating-point numbers.

    Raises
    ------
    UnreadableError
        If the page is of another kind, its data are not all there, or some pixels are transparent.
    """
    _check_kind(page)
    _check_data(page)
    # channels are the first axis where they lie in planes, otherwise the last
    numbers = np.moveaxis(_decode_parts(page), 0, -1)
    numbers = numbers.reshape(*numbers.shape[:2], -1)
    if _has_alpha(page):
        numbers = without_alpha(numbers, 1.0 if numbers.dtype.kind == "f" else highest_level(page))
    else:
        numbers = numbers[..., :3] if page.photometric == RGB else numbers[..., 0]
    return turned(numbers, page.tags.valueof(ORIENTATION, 1))


def _decode_parts(page: TiffPage) -> np.ndarray:
    """All strips or tiles of a page as one array, shape (planes, height, width, channels of a plane)."""
    planes, _, height, width, channels = page.shaped
    numbers = np.empty((planes, height, width, channels), page.dtype)
    is_lzw, bit_order = page.compression == LZW, page.fillorder
    if is_lzw:
        page.compression, page.fillorder = COMPRESSION.NONE, FILLORDER.MSB2LSB
    for index in range(math.prod(page.chunked)):
        page.parent.filehandle.seek(page.dataoffsets[index])
        data = page.parent.filehandle.read(page.databytecounts[index])
        if is_lzw:
            data = undo_lzw(data, *_size_of_part(page, index), bit_order)
        part, (plane, _, top, left, _), _ = page.decode(data, index)
        assert part is not None, "there are data"
        numbers[plane, top : top + part.shape[1], left : left + part.shape[2]] = part[0, : height - top, : width - left]
    return numbers


def _size_of_part(page: TiffPage, index: int) -> tuple[int, int]:
    """Number of rows of a strip or tile, and of bytes in a row."""
    _, _, height, width, channels = page.shaped
    if page.is_tiled:
        rows, columns = page.tilelength, page.tilewidth
    else:
        above = index % math.ceil(height / page.rowsperstrip) * page.rowsperstrip
        rows, columns = min(page.rowsperstrip, height - above), width
    return rows, math.ceil(columns * channels * int(page.bitspersample) / 8)


def highest_level(page: TiffPage) -> int:
    """The highest level of a page of unsigned integers, e.g. 4095 for 12 bits."""
    return int(2 ** int(page.bitspersample)) - 1


def _has_alpha(page: TiffPage) -> bool:
    return page.samplesperpixel in (2, 4) and any(kind in ALPHA for kind in page.extrasamples)


def _check_kind(page: TiffPage) -> None:
    bits, channels = page.bitspersample, page.samplesperpixel
    if page.compression not in PLAIN_COMPRESSIONS:
        name = getattr(page.compression, "name", page.compression)
        what = f"{bits} bits per channel compressed by {name}"
        raise UnreadableError(f"{what}, which are not read; save it with LZW, deflate or no compression")
    if page.photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB):
        name = getattr(page.photometric, "name", page.photometric)
        raise UnreadableError(f"pixels of {bits} bits that are {name}; save it as grey or RGB")
    if page.dtype is None or page.dtype.kind not in "uif" or np.max(bits) < 8:
        raise UnreadableError(f"{bits} bits per channel, sample format {page.sampleformat}; save it with 8 or 16 bits")
    if page.imagedepth > 1:
        raise UnreadableError(f"a volume of depth {page.imagedepth}; save the slice to use as a file of its own")
    colours = 3 if page.photometric == RGB else 1
    # a fourth channel of RGB that is not said to be alpha means nothing to most programs
    if channels != colours and not (channels == colours + 1 and (colours == 3 or _has_alpha(page))):
        raise UnreadableError(f"{channels} channels; save it as grey or RGB")


def _check_data(page: TiffPage) -> None:
    """All parts must be in the file, for those that are not would be black."""
    parts, size = math.prod(page.chunked), page.parent.filehandle.size
    places = list(zip(page.dataoffsets[:parts], page.databytecounts[:parts], strict=False))
    if len(places) < parts or any(not length or start + length > size for start, length in places):
        raise UnreadableError("truncated or damaged (a part of its pixels is missing)")
    if page.is_tiled and page.tilewidth * page.tilelength > 4 * max(page.imagewidth * page.imagelength, 2**16):
        raise UnreadableError(f"truncated or damaged (tiles of {page.tilewidth} x {page.tilelength} pixels)")
