"""Undoes the LZW compression of TIFF files with libtiff, which Pillow contains; the decoder of imagecodecs crashes on
damaged data.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

HEADER = b"II*\0\x08\0\0\0"
LZW, BLACK_IS_ZERO = 5, 1


def undo_lzw(data: bytes, rows: int, row_bytes: int, bit_order: int) -> bytes:
    """Decompress a strip or tile of a TIFF file, which is put into a file of its own, as 8-bit grey.

    Parameters
    ----------
    data : bytes
        As in the file.
    rows, row_bytes : int
        What it decodes to.
    bit_order : int
        Value of the tag FillOrder.

    Raises
    ------
    OSError
        If the data are damaged.
    """
    tags = ImageFileDirectory_v2()
    for tag, value in {
        256: row_bytes,  # width
        257: rows,  # height
        258: 8,  # bits
        259: LZW,
        262: BLACK_IS_ZERO,
        266: bit_order,
        273: 0,  # where the data are, counted by Pillow from the end of the tags
        277: 1,  # channels
        278: rows,  # of the strip
        279: len(data),
    }.items():
        tags[tag] = value
    with Image.open(io.BytesIO(HEADER + tags.tobytes(len(HEADER)) + data), formats=("TIFF",)) as image:
        return np.asarray(image).tobytes()
