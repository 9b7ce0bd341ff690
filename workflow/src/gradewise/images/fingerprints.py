"""What is stored about each image when it is read: a small grey picture for finding copies, and facts independent of
its content (brightness, sharpness, border, file, camera) for finding clues that reveal a class.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
from PIL import ExifTags, Image

from gradewise import tables
from gradewise.images import tiff
from gradewise.images.decode import Decoded, to_uint8
from gradewise.images.files import FORMATS, explained
from gradewise.images.schemas import FINGERPRINTS, ROWS

SIDE = 64
"""Side of the small grey picture [px]."""

MEASURED_SIDE = 512
"""Longer side of the picture that brightness, sharpness and border are measured on [px]."""

BORDER = 0.02
"""Width of the border, as a share of the shorter side."""

GLANCED_ROWS = 16
"""Distance between the rows in which levels are counted first [px]."""

Facts = dict[str, bytes | str | float | None]


def fingerprint(decoded: Decoded, path: Path) -> Facts:
    """Small picture and content-free facts of an image.

    Parameters
    ----------
    decoded : Decoded
        The image.
    path : Path
        Its file, of which only the header is read.

    Returns
    -------
    dict
        thumbnail (bytes, `SIDE` x `SIDE` grey levels whatever the aspect), brightness and contrast (mean and standard
        deviation [grey levels]), sharpness (variance of the Laplacian with the longer side at most `MEASURED_SIDE`
        pixels, after Pech-Pacheco et al. 2000, ICPR 3:314), black_share and saturated_share (of pixels at the lowest
        and highest level), levels (number of different values of the pixels of the file), border_red, border_green and
        border_blue (mean of the outermost pixels), pages (of the file), file_format, file_bytes, and camera_make,
        camera_model, software, taken from EXIF, each null where not given.
    """
    small = to_uint8(_shrink(decoded.pixels, MEASURED_SIDE), decoded.bits)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY) if small.ndim == 3 else small
    mean, deviation = cv2.meanStdDev(grey)
    _, roughness = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))
    return {
        "thumbnail": square(grey, SIDE).tobytes(),
        "brightness": float(mean[0, 0]),
        "contrast": float(deviation[0, 0]),
        "sharpness": float(roughness[0, 0] ** 2),
        "black_share": float((grey == 0).mean()),
        "saturated_share": float((grey == 255).mean()),
        "levels": _count_levels(decoded.pixels),
        **dict(zip(("border_red", "border_green", "border_blue"), _border(small), strict=True)),
        "pages": decoded.pages,
        **_file_facts(path),
    }


def write_fingerprints(prints: pd.DataFrame, thumbnails: np.ndarray, path: Path) -> None:
    """Write `fingerprints.parquet`.

    Parameters
    ----------
    prints : DataFrame
        Its columns other than `thumbnail`.
    thumbnails : ndarray of uint8, shape (len(prints), SIDE, SIDE)
    path : Path
    """
    with tables.appending(path, FINGERPRINTS) as append:
        for start in range(0, len(prints), ROWS):
            pictures = [picture.tobytes() for picture in thumbnails[start : start + ROWS]]
            append(prints.iloc[start : start + ROWS].assign(thumbnail=pictures))


def read_thumbnails(path: Path) -> np.ndarray:
    """The small grey pictures of `fingerprints.parquet`: uint8, shape (n, SIDE, SIDE)."""
    return np.concatenate(
        [thumbnails_of(batch["thumbnail"]) for batch in tables.batches(path, ["thumbnail"], rows=ROWS)]
    )


def thumbnails_of(column: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """The small grey pictures of a column of fingerprints: uint8, shape (n, SIDE, SIDE)."""
    return np.frombuffer(b"".join(column.to_pylist()), np.uint8).reshape(-1, SIDE, SIDE)


def square(grey: np.ndarray, side: int) -> np.ndarray:
    """A grey picture squeezed into a square, so that all eight rotations and flips apply to it."""
    if grey.shape == (side, side):
        return grey
    interpolation = cv2.INTER_LINEAR if min(grey.shape) < side else cv2.INTER_AREA
    return cv2.resize(grey, (side, side), interpolation=interpolation)


def _shrink(pixels: np.ndarray, longest: int) -> np.ndarray:
    height, width = pixels.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def _count_levels(pixels: np.ndarray) -> int:
    values = 2 ** (8 * pixels.itemsize)
    # a few rows first, which often show that all values occur
    for rows in (np.ascontiguousarray(pixels[::GLANCED_ROWS]), pixels):
        histogram = cv2.calcHist([rows.reshape(len(rows), -1)], [0], None, [values], [0, values])
        levels = int(np.count_nonzero(histogram))
        if levels == values:
            break
    return levels


def _border(pixels: np.ndarray) -> list[float]:
    colour = pixels if pixels.ndim == 3 else pixels[..., None]
    width = max(1, round(BORDER * min(colour.shape[:2])))
    sides = (colour[:width], colour[-width:], colour[width:-width, :width], colour[width:-width, -width:])
    mean = np.concatenate([side.reshape(-1, colour.shape[2]) for side in sides]).mean(axis=0)
    return [float(level) for level in np.broadcast_to(mean, 3)]


def _file_facts(path: Path) -> Facts:
    with explained(path) as stream:
        file_format, exif = "TIFF", Image.Exif()
        if not tiff.is_tiff(stream):
            image = Image.open(stream, formats=FORMATS)
            file_format = str(image.format)
        try:
            if file_format == "TIFF":
                exif.load_from_fp(stream)
            else:
                exif = image.getexif()
            details = exif.get_ifd(ExifTags.IFD.Exif)
            camera = {
                "camera_make": _text(exif.get(ExifTags.Base.Make)),
                "camera_model": _text(exif.get(ExifTags.Base.Model)),
                "software": _text(exif.get(ExifTags.Base.Software)),
                "taken": _text(details.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime)),
            }
        except Exception:
            # damaged EXIF does not cost the pixels
            camera = dict.fromkeys(("camera_make", "camera_model", "software", "taken"))
    return {"file_format": file_format, "file_bytes": path.stat().st_size, **camera}


def _text(value: object) -> str | None:
    """What a camera wrote, without the padding that some add; None if empty."""
    if value is None:
        return None
    return str(value).strip("\0 ").encode(errors="backslashreplace").decode() or None
