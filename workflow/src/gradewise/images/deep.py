"""Reads colour of 16 bits per channel, which Pillow decodes to the upper eight.

A file is decoded twice: as it is, which gives the upper bytes, and with the order of bytes exchanged, which gives the
lower ones.
"""

from __future__ import annotations

import sys

import numpy as np
from PIL import ImageFile

EXCHANGED = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}
"""The other order of bytes: little, big, and the machine's own."""

GREY_AND_ALPHA = "LA;16B"
CHANNELS = {"RGB": 3, "RGBX": 3, "RGBA": 4}


def rawmode_of(image: ImageFile.ImageFile) -> str:
    """How the file stores its pixels, in Pillow's words, before they are loaded; empty if it is not told."""
    for tile in image.tile:
        rawmode = tile.args[0] if isinstance(tile.args, tuple) and tile.args else tile.args
        if isinstance(rawmode, str):
            return rawmode
    return ""


def is_deep(rawmode: str) -> bool:
    """Whether the file has 16 bits per channel, of which Pillow would give eight."""
    kind, _, order = rawmode.partition(";16")
    return rawmode == GREY_AND_ALPHA or (kind in CHANNELS and order in EXCHANGED)


def lower_rawmode(rawmode: str) -> str:
    """What to store in the tiles of a deep file to obtain its lower bytes.

    Grey with alpha is read as four channels: upper and lower byte of the level, then of alpha.
    """
    return "RGBA" if rawmode == GREY_AND_ALPHA else rawmode[:-1] + EXCHANGED[rawmode[-1]]


def replace_rawmode(image: ImageFile.ImageFile, rawmode: str) -> None:
    """Let a file that has been opened, but not loaded, be decoded with another order of its bytes."""
    for number, tile in enumerate(image.tile):
        arguments = (rawmode, *tile.args[1:]) if isinstance(tile.args, tuple) else rawmode
        image.tile[number] = tile._replace(args=arguments)


def join_bytes(upper: np.ndarray, lower: np.ndarray, rawmode: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Levels and alpha of a deep file from both ways of decoding it.

    Parameters
    ----------
    upper, lower : ndarray of uint8, shape (height, width, channels)
    rawmode : str
        As in the file.

    Returns
    -------
    levels : ndarray of uint16, shape (height, width) or (height, width, 3)
    alpha : ndarray of uint16, shape (height, width), or None
    """
    if rawmode == GREY_AND_ALPHA:
        values = lower.astype(np.uint16)
        return values[..., 0] << 8 | values[..., 1], values[..., 2] << 8 | values[..., 3]
    values = upper.astype(np.uint16) << 8 | lower
    return values[..., :3], values[..., 3] if rawmode.startswith("RGBA") else None
