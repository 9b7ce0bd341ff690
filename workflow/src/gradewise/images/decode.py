"""Decodes image files of all supported kinds to arrays, or says why a file cannot be used.

Files are only opened for reading.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF")

# The limit is the caller's, checked against the header before anything is decoded; Pillow's own would warn or
# raise at another size.
Image.MAX_IMAGE_PIXELS = None


class UnreadableError(Exception):
    """The file cannot be used as an image; the message is the reason."""


@dataclass(frozen=True)
class Decoded:
    """A decoded image.

    Attributes
    ----------
    pixels : ndarray of uint8 or uint16, shape (height, width) or (height, width, 3)
        Upright (EXIF orientation applied), with transparency on white. 16-bit grey keeps 16 bits, 16-bit colour its
        upper eight.
    mode : str
        Pillow's name for the mode of the file, e.g. ``L``, ``RGB``, ``I;16``, ``P``, ``CMYK``.
    """

    pixels: np.ndarray
    mode: str

    @property
    def bits(self) -> int:
        """Bits that the grey levels use: 8, or for 16-bit files the smallest sufficient of 10, 12, 14 and 16."""
        if self.pixels.dtype == np.uint8:
            return 8
        used = int(self.pixels.max(initial=0)).bit_length()
        return next(bits for bits in (8, 10, 12, 14, 16) if used <= bits)

    def pixel_hash(self) -> str:
        """SHA-256 of size and pixels, the same for a grey image stored as grey or as colour."""
        pixels = self.pixels
        if pixels.ndim == 3 and (pixels[..., :1] == pixels).all():
            pixels = pixels[..., 0]
        digest = hashlib.sha256(f"{pixels.shape} {pixels.dtype}".encode())
        digest.update(np.ascontiguousarray(pixels).data)
        return digest.hexdigest()


def decode(path: Path, max_megapixels: float = np.inf) -> Decoded:
    """Read an image completely.

    Parameters
    ----------
    path : Path
    max_megapixels : float
        Larger images are rejected by their header, without decoding.

    Returns
    -------
    Decoded

    Raises
    ------
    UnreadableError
        If the file is missing, empty, truncated, not an image, has several frames or floating-point pixels, or is too
        large.
    """
    if not path.is_file():
        raise UnreadableError("no such file")
    if path.stat().st_size == 0:
        raise UnreadableError("the file is empty")
    try:
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > max_megapixels * 1e6:
                raise UnreadableError(
                    f"{image.width} x {image.height} pixels is over max_megapixels: {max_megapixels:g}"
                )
            frames = getattr(image, "n_frames", 1)
            # Further pictures of an MPO, as written by phones, are previews or depth maps of the first.
            if frames > 1 and image.format != "MPO":
                raise UnreadableError(f"holds {frames} frames; save the one to use as a file of its own")
            mode = image.mode
            image.load()
            return Decoded(_to_array(ImageOps.exif_transpose(image)), mode)
    except UnidentifiedImageError:
        raise UnreadableError(f"not an image of a kind that is read ({', '.join(FORMATS)})") from None
    except (OSError, SyntaxError, ValueError, EOFError, ArithmeticError) as error:
        raise UnreadableError(f"truncated or damaged ({error})") from error


def _to_array(image: Image.Image) -> np.ndarray:
    if image.mode == "P" or "transparency" in image.info:
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa"):
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image).convert("RGB")
    if image.mode == "1":
        image = image.convert("L")
    if image.mode == "F":
        raise UnreadableError("floating-point pixels; convert to 8 or 16 bits")
    if image.mode.startswith("I"):
        values = np.asarray(image)
        if values.min(initial=0) < 0 or values.max(initial=0) >= 2**16:
            raise UnreadableError("32-bit pixels; convert to 8 or 16 bits")
        return values.astype(np.uint16)
    if image.mode not in ("L", "RGB"):
        image = image.convert("RGB")
    return np.asarray(image)


def to_uint8(pixels: np.ndarray, bits: int) -> np.ndarray:
    """Grey levels of `bits` significant bits as 8 bits, by dropping the lowest; 8-bit arrays stay as they are."""
    return pixels if pixels.dtype == np.uint8 else (pixels >> (bits - 8)).astype(np.uint8)


def decode_mask(path: Path) -> np.ndarray:
    """Read a mask, shape (height, width); from a colour image, its brightest channel.

    Raises
    ------
    UnreadableError
        In the same cases as `decode`.
    """
    pixels = decode(path).pixels
    return pixels if pixels.ndim == 2 else pixels.max(axis=2)
