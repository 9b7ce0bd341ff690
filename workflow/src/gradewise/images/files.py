"""Opens image files; whatever goes wrong with one becomes the reason why it cannot be used.

Files are only opened for reading. Decoders raise errors of any kind on damaged files; all of them become
`UnreadableError`, so that one file never stops a dataset.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from gradewise.command import UserError
from gradewise.images import heif

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF", *(["HEIF"] if heif.INSTALLED else []))

# The limit is the caller's, checked against the header before anything is decoded; Pillow's own would warn or
# raise at another size.
Image.MAX_IMAGE_PIXELS = None

ESCAPE = r"\udc"
"""What `escaped` writes for a byte that is not UTF-8, before its two hexadecimal digits."""


class UnreadableError(Exception):
    """The file cannot be used as an image; the message is the reason."""


@contextmanager
def read_before(file: object) -> Iterator[None]:
    """Turn the reason why a file cannot be used into an error that names it, since it could be used before.

    Raises
    ------
    UserError
        If the block raises an `UnreadableError`.
    """
    try:
        yield
    except UnreadableError as error:
        raise UserError(f"{file}: {error}; it was read before, so put it back or rebuild the manifest") from None


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
            try:
                yield stream
            except UnidentifiedImageError:
                raise UnreadableError(_unidentified(stream)) from None
    except UnreadableError:
        raise
    except MemoryError:
        raise UnreadableError("too large for the memory") from None
    except PermissionError:
        raise UnreadableError("no permission to read the file") from None
    except Exception as error:
        # errors of Pillow have no number, those of the operating system do
        if isinstance(error, OSError) and error.errno is not None:
            raise UnreadableError(f"cannot be read ({error.strerror})") from error
        raise UnreadableError(f"truncated or damaged ({str(error) or type(error).__name__})") from error


def _unidentified(stream: BinaryIO) -> str:
    if heif.is_heif(stream) and not heif.INSTALLED:
        return heif.ADVICE
    return f"not an image of a kind that is read ({', '.join(FORMATS)})"


def escaped(path: Path) -> str:
    """A path as tables can hold it. Bytes that are not UTF-8 are escaped, and the file is then refused when read."""
    return str(path).encode(errors="backslashreplace").decode()


def check_size(width: int, height: int, max_megapixels: float, pages: int = 1) -> None:
    """Refuse what is too large, before anything is decoded.

    Raises
    ------
    UnreadableError
    """
    if width * height * pages > max_megapixels * 1e6:
        size = f"{width} x {height} pixels" + (f" on {pages} pages" if pages > 1 else "")
        raise UnreadableError(f"{size} is over max_megapixels: {max_megapixels:g}")


def check_frames(image: Image.Image) -> None:
    """Refuse animations. Of what phones write (MPO, HEIF), the main picture is used; others are previews, depth maps or
    the rest of a burst.

    Raises
    ------
    UnreadableError
    """
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format not in ("MPO", "HEIF"):
        raise UnreadableError(f"holds {frames} frames; save the one to use as a file of its own")
