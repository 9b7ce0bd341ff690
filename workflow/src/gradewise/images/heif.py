"""HEIC files, as phones write them: Pillow reads them where the library of the extra `heic` is installed."""

from __future__ import annotations

from typing import BinaryIO

try:
    import pillow_heif
except ImportError:
    INSTALLED = False
else:
    INSTALLED = True
    # transforms of the file are applied while it is decoded, and the EXIF orientation is then 1
    pillow_heif.register_heif_opener()

BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

ADVICE = "HEIC, which is read where gradewise is installed with its extra heic: pip install 'gradewise[heic]'"


def is_heif(stream: BinaryIO) -> bool:
    """Whether a file begins as HEIC files do."""
    stream.seek(4)
    return stream.read(4) == b"ftyp" and stream.read(4) in BRANDS
