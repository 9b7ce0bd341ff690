"""Reads masks as what they are: which pixels are marked, for the many ways in which masks are stored.

A mask whose values can be read in several ways is refused rather than guessed.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image

from gradewise.images import tiff
from gradewise.images.files import FORMATS, UnreadableError, check_frames, explained
from gradewise.images.upright import upright

LOSSY = ("JPEG", "WEBP")
MOST_LABELS = 16
"""Number of different values up to which they may be labels of regions; smooth edges have more."""

DARK = 32
"""Darkest channel of a colour that can be the background."""

ADVICE = "save it with 255 for what is marked and 0 for the background"


def read_mask(path: Path) -> np.ndarray:
    """Pixels that a mask marks.

    Marked is what is not background: in masks of two values the higher, where one is 0 or the two lie on both sides of
    half the range; in masks of few values up to half the range (labels, say 0, 1 and 2) all but 0; in masks with soft
    edges what is above half the range; in indexed masks what is not black, or without black all but the first entry; in
    masks with transparency what is painted.

    Returns
    -------
    ndarray of uint8, shape (height, width)
        255 where marked, otherwise 0.

    Raises
    ------
    UnreadableError
        If the file cannot be read, or its values can be understood in several ways.
    """
    with explained(path) as stream:
        if tiff.is_tiff(stream):
            return _to_mask(_values_of_tiff(stream), lossy=False)
        with Image.open(stream, formats=FORMATS) as image:
            check_frames(image)
            return _to_mask(_values(upright(image)), image.format in LOSSY)


def _values_of_tiff(stream: BinaryIO) -> np.ndarray:
    with tiff.open_tiff(stream) as file:
        page, *others = tiff.find_pages(file)
        if others:
            raise UnreadableError(f"holds {1 + len(others)} pages; save the one to use as a file of its own")
        image = tiff.open_page(stream, page)
        if image is not None:
            return _values(upright(image))
        values = tiff.read_numbers(page)
        return _of_colours(values) if values.ndim == 3 else values


def _to_mask(values: np.ndarray, lossy: bool) -> np.ndarray:
    return _marked(values, lossy).astype(np.uint8) * np.uint8(255)


def hash_mask(mask: np.ndarray) -> str:
    """SHA-256 of what a mask marks, the same however it is stored."""
    digest = hashlib.sha256(f"{mask.shape}".encode())
    digest.update(np.ascontiguousarray(mask).data)
    return digest.hexdigest()


def _values(image: Image.Image) -> np.ndarray:
    """One value for each pixel, 0 in the background."""
    if (
        "A" in image.mode
        or "a" in image.mode
        or ("transparency" in image.info and image.mode in ("1", "L", "P", "RGB"))
    ):
        return _painted(np.asarray(image.convert("RGBA")))
    if image.mode == "P":
        return _of_palette(np.asarray(image), np.asarray(image.convert("RGB")))
    if image.mode == "1":
        image = image.convert("L")
    if image.mode == "L" or image.mode.startswith(("I", "F")):
        return np.asarray(image)
    return _of_colours(np.asarray(image.convert("RGB")))


def _painted(colours: np.ndarray) -> np.ndarray:
    alpha, visible = colours[..., 3], colours[..., 3] > 0
    if visible.all():
        return _of_colours(colours[..., :3])
    painted = colours[visible, :3]
    if len(painted) == 0 or (painted == painted[0]).all():
        return alpha
    return _of_colours(np.where(visible[..., None], colours[..., :3], 0).astype(np.uint8))


def _of_palette(index: np.ndarray, colours: np.ndarray) -> np.ndarray:
    used, first = np.unique(index, return_index=True)
    entries = colours.reshape(-1, 3)[first]
    if len(np.unique(entries, axis=0)) < len(used):
        return index
    if (entries == entries[:, :1]).all():
        return colours[..., 0]
    black = (colours == 0).all(axis=2)
    return np.where(~black if black.any() else index > 0, 255, 0).astype(np.uint8)


def _of_colours(colours: np.ndarray) -> np.ndarray:
    brightest = colours.max(axis=2)
    is_grey = (colours == colours[..., :1]).all()
    if not is_grey and brightest.min() > DARK and not (colours == colours[0, 0]).all():
        raise UnreadableError(f"no pixel is black, so the background of its colours is unknown; {ADVICE}")
    return np.asarray(brightest)


def _marked(values: np.ndarray, lossy: bool) -> np.ndarray:
    if not np.isfinite(values).all():
        raise UnreadableError(f"some of its values are not numbers; {ADVICE}")
    used = np.unique(values)
    low, high = float(used[0]), float(used[-1])
    is_float = values.dtype.kind == "f"
    top = next((limit for limit in (1.0, 255.0, 65535.0) if high <= limit and (limit > 1 or is_float)), 0.0)
    if low < 0 or not top:
        raise UnreadableError(f"its values are {low:g} to {high:g}; {ADVICE}")
    half = top / 2
    if high == 0:
        return np.zeros(values.shape, bool)
    if len(used) == 1 and (high == 1 or high > half):
        return np.ones(values.shape, bool)
    has_background = low == 0 if high <= half else low <= half
    if len(used) == 1 or not has_background or (high <= half and (lossy or len(used) > MOST_LABELS)):
        raise UnreadableError(f"its values {_listed(used)} do not say which is the background; {ADVICE}")
    if high <= half or (len(used) == 2 and low == 0 and not lossy):
        return values > 0
    if not lossy and 2 < len(used) <= MOST_LABELS and _fills_areas(values, half):
        raise UnreadableError(
            f"its values {_listed(used)} may be labels, or marked and unmarked pixels with some between; {ADVICE}"
        )
    return values > half


def _fills_areas(values: np.ndarray, half: float) -> bool:
    """Whether a value above 0, up to half the range, fills a square of 3 x 3 pixels, as no edge does."""
    numbers, square = values.astype(np.float32), np.ones((3, 3), np.uint8)
    flat = cv2.erode(numbers, square) == cv2.dilate(numbers, square)
    return bool((flat & (numbers > 0) & (numbers <= half)).any())


def _listed(used: np.ndarray) -> str:
    shown = ", ".join(f"{value:g}" for value in used[:6])
    return f"{shown} .. {used[-1]:g}" if len(used) > 6 else shown
