"""Decodes image files of all supported kinds to arrays, or says why a file cannot be used.

Files are only opened for reading. Decoders raise errors of any kind on damaged files; all of them become
`UnreadableError`, so that one file never stops a dataset.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from gradewise.images import deep

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF")

# The limit is the caller's, checked against the header before anything is decoded; Pillow's own would warn or
# raise at another size.
Image.MAX_IMAGE_PIXELS = None

UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes an image upright, by its EXIF orientation."""

WHITE_IS_ZERO, IN_PLANES = 0, 2
"""Values of the TIFF tags PhotometricInterpretation and PlanarConfiguration."""

ESCAPE = r"\udc"
"""What `escaped` writes for a byte that is not UTF-8, before its two hexadecimal digits."""

NEIGHBOURHOOD = 5
"""Side of the median filter that removes hot pixels [px]."""


class UnreadableError(Exception):
    """The file cannot be used as an image; the message is the reason."""


@dataclass(frozen=True)
class Decoded:
    """A decoded image.

    Attributes
    ----------
    pixels : ndarray of uint8 or uint16, shape (height, width) or (height, width, 3)
        Upright (EXIF orientation applied), with transparency on white. Grey and RGB of 16 bits keep them, 16-bit CMYK
        its upper eight.
    mode : str
        Pillow's name for the mode of the file, e.g. ``L``, ``RGB``, ``I;16``, ``P``, ``CMYK``; with ``;16`` for 16-bit
        colour, e.g. ``RGB;16``.
    """

    pixels: np.ndarray
    mode: str

    @property
    def bits(self) -> int:
        """Bits that the grey levels use: 8, or for 16-bit files the smallest sufficient of 8, 10, 12, 14 and 16.

        Hot pixels do not count, be they single, in a line or in a small cluster: with one of them at full scale, images
        of a 12-bit camera would keep 16 grey levels.
        """
        if self.pixels.dtype == np.uint8:
            return 8
        margin = NEIGHBOURHOOD // 2
        # reflected, since repeating the outermost pixels would turn a hot row at the margin into three
        framed = cv2.copyMakeBorder(self.pixels, margin, margin, margin, margin, cv2.BORDER_REFLECT_101)
        smooth = cv2.medianBlur(framed, NEIGHBOURHOOD)[margin:-margin, margin:-margin]
        used = int(smooth.max(initial=0)).bit_length()
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
        If the file is missing, empty, truncated, damaged or not an image, may not be read, has several frames or pixels
        that cannot be reduced to 8 bits, or is too large.
    """
    with explained(path) as stream, Image.open(stream, formats=FORMATS) as image:
        check_header(image, max_megapixels)
        tags = getattr(image, "tag_v2", {})
        if tags.get(ExifTags.Base.PlanarConfiguration) == IN_PLANES and 16 in tags.get(ExifTags.Base.BitsPerSample, ()):
            raise UnreadableError("16-bit channels one after the other (planar); save them interleaved")
        mode, rawmode = image.mode, deep.rawmode_of(image)
        if deep.is_deep(rawmode):
            return Decoded(_deep_pixels(stream, image, rawmode), f"{mode};16")
        pixels = _to_array(upright(image))
        # Pillow inverts fewer than 16 bits itself.
        if pixels.dtype == np.uint16 and tags.get(ExifTags.Base.PhotometricInterpretation) == WHITE_IS_ZERO:
            pixels = 2**16 - 1 - pixels
        return Decoded(pixels, mode)


@contextmanager
def explained(path: Path) -> Iterator[BinaryIO]:
    """Open a file; whatever goes wrong in the block becomes an `UnreadableError`.

    Decoders get a stream: by its name, Pillow would map an uncompressed file into memory, and then takes height for
    width where the image lies on its side.
    """
    try:
        if not path.is_file():
            raise UnreadableError("its name is not UTF-8; rename it" if ESCAPE in str(path) else "no such file")
        if path.stat().st_size == 0:
            raise UnreadableError("the file is empty")
        with path.open("rb") as stream:
            yield stream
    except UnreadableError:
        raise
    except UnidentifiedImageError:
        raise UnreadableError(f"not an image of a kind that is read ({', '.join(FORMATS)})") from None
    except MemoryError:
        raise UnreadableError("too large for the memory") from None
    except PermissionError:
        raise UnreadableError("no permission to read the file") from None
    except Exception as error:
        # errors of Pillow have no number, those of the operating system do
        if isinstance(error, OSError) and error.errno is not None:
            raise UnreadableError(f"cannot be read ({error.strerror})") from error
        raise UnreadableError(f"truncated or damaged ({str(error) or type(error).__name__})") from error


def escaped(path: Path) -> str:
    """A path as tables can hold it. Bytes that are not UTF-8 are escaped, and the file is then refused when read."""
    return str(path).encode(errors="backslashreplace").decode()


def check_header(image: Image.Image, max_megapixels: float) -> None:
    """Refuse what is too large or has several frames, before anything is decoded.

    Raises
    ------
    UnreadableError
    """
    if image.width * image.height > max_megapixels * 1e6:
        raise UnreadableError(f"{image.width} x {image.height} pixels is over max_megapixels: {max_megapixels:g}")
    frames = getattr(image, "n_frames", 1)
    # Further pictures of an MPO, as written by phones, are previews or depth maps of the first.
    if frames > 1 and image.format != "MPO":
        raise UnreadableError(f"holds {frames} frames; save the one to use as a file of its own")


def upright(image: Image.Image) -> Image.Image:
    """Load an image and turn it as its EXIF orientation says; damaged EXIF counts as none."""
    image.load()
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:
        return image
    turn = UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _deep_pixels(stream: BinaryIO, image: Image.Image, rawmode: str) -> np.ndarray:
    """16-bit colour, or 16-bit grey with alpha; `image` is what Pillow made of the stream."""
    key = image.info.get("transparency")
    upper = np.asarray(upright(image))
    stream.seek(0)
    with Image.open(stream, formats=FORMATS) as again:
        deep.replace_rawmode(again, deep.lower_rawmode(rawmode))
        lower = np.asarray(upright(again))
    levels, alpha = deep.join_bytes(upper, lower, rawmode)
    if (alpha is not None and (alpha < 2**16 - 1).any()) or (key is not None and (levels == key).all(axis=-1).any()):
        raise UnreadableError("transparent pixels of 16 bits; save the image without transparency")
    return levels


def _to_array(image: Image.Image) -> np.ndarray:
    key = image.info.get("transparency")
    if image.mode.startswith("I"):
        values = np.asarray(image)
        if values.min(initial=0) < 0:
            raise UnreadableError("negative grey levels (signed integers); convert to 8 or 16 bits")
        if values.max(initial=0) >= 2**16:
            raise UnreadableError("32-bit pixels; convert to 8 or 16 bits")
        if key is not None and (values == key).any():
            raise UnreadableError("transparent pixels of 16 bits; save the image without transparency")
        return values.astype(np.uint16)
    if image.mode == "F":
        raise UnreadableError("floating-point pixels; convert to 8 or 16 bits")
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
    return pixels if pixels.dtype == np.uint8 else np.minimum(pixels >> (bits - 8), 255).astype(np.uint8)
