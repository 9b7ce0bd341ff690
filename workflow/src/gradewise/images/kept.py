"""Pixels kept while images are read, so that views need not decode the files again.

Of an image that is read at a part of its size, all pixels are kept where they take no more bytes than its file. Of
other images, what the views make of them before they cut tiles is kept, where that takes no more than `SHARE` of the
bytes of the file. Pixels lie one after the other in one file, which jobs map into memory; a table says where each image
begins.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from gradewise import tables
from gradewise.config.section import to_json
from gradewise.config.views import View
from gradewise.images.decode import Decoded
from gradewise.images.schemas import KEPT, ROWS
from gradewise.provenance import code_version

SHARE = 0.25
"""Of the bytes of a file, for each view."""


def name_of(view: View) -> str:
    """What the pixels depend on that a view makes of an image before it cuts tiles: its operations and their code."""
    before, _ = view.around_tiles
    modules = sorted({type(operation).__module__ for operation in before})
    return f"{to_json(before)} {code_version(*modules)}"


def worth_keeping(decoded: Decoded, bar_rows: int, file_bytes: int, views: Mapping[str, View]) -> dict[str, np.ndarray]:
    """Pixels of an image that are kept, by the name of a view; under an empty name, those of the image itself.

    Parameters
    ----------
    decoded : Decoded
    bar_rows : int
        Height of its data bar [px].
    file_bytes : int
        Size of its file.
    views : mapping of str to View
        Views that are to be made of it, by `name_of`.
    """
    if decoded.shrink > 1 and decoded.pixels.nbytes <= file_bytes:
        return {"": decoded.pixels}
    if decoded.pixels.dtype != np.uint8:
        # the deepest of all images decides what becomes of its levels
        return {}
    # no operation changes what the next view is given
    pixels = decoded.pixels.view()
    pixels.flags.writeable = False
    begun = {name: _begin(view, pixels, bar_rows, SHARE * file_bytes) for name, view in views.items()}
    return {name: made for name, made in begun.items() if made is not None}


def _begin(view: View, pixels: np.ndarray, bar_rows: int, most: float) -> np.ndarray | None:
    """What a view makes of an image before it cuts tiles; None where that takes more than so many bytes, and where the
    view cannot tell or cannot do it."""
    try:
        height, width = view.above_bar(pixels, bar_rows).shape[:2]
        shape = view.shape_begun((height, width))
        if shape is None or math.prod(shape) > most or min(height, width) < view.minimum_side:
            return None
        # a copy, since a part of the pixels would hold all of them in memory
        return np.array(view.begin(pixels, bar_rows))
    except Exception:
        # `view` decodes the file, meets the same error and tells it
        return None


def pixels_beside(table: Path) -> Path:
    """The file with the pixels that a table of kept images speaks of."""
    return table.with_suffix(".bin")


@contextmanager
def keeping(table: Path) -> Iterator[Callable[[str, dict[str, np.ndarray]], None]]:
    """Function that keeps what is worth keeping of an image, given its image_id; both files appear when the block
    succeeds."""
    rows: list[dict[str, object]] = []
    with (
        tables.replacing(pixels_beside(table)) as partial,
        partial.open("wb") as file,
        tables.appending(table, KEPT) as append,
    ):

        def keep(image_id: str, kept: dict[str, np.ndarray]) -> None:
            for view, pixels in kept.items():
                height, width, *channels = pixels.shape
                place = {"image_id": image_id, "view": view, "start": file.tell(), "bits": 8 * pixels.itemsize}
                rows.append({**place, "height": height, "width": width, "channels": channels[0] if channels else 0})
                file.write(np.ascontiguousarray(pixels).data)
            if len(rows) >= ROWS:
                write_rows()

        def write_rows() -> None:
            append(pd.DataFrame(rows, columns=KEPT.names))
            rows.clear()

        yield keep
        write_rows()


class KeptPixels:
    """Reads what `keeping` wrote. Threads may share it.

    Parameters
    ----------
    table : Path, optional
        Without it, no image is kept.
    view : View, optional
        Keeps what this view makes of images before it cuts tiles; without it, the images themselves.
    """

    def __init__(self, table: Path | None, view: View | None = None) -> None:
        name = "" if view is None else name_of(view)
        columns = [column for column in KEPT.names if column != "view"]
        rows = pd.DataFrame(columns=columns) if table is None else tables.read(table, columns, view=name)
        self._images, self._places = pd.Index(rows.pop("image_id")), rows
        # makes what `find` looks up, before threads do
        if not self._images.is_unique:
            raise ValueError(f"{table}: an image is kept twice")
        self._pixels = np.memmap(pixels_beside(table), mode="r") if table is not None and len(rows) else None

    def find(self, image_id: str) -> np.ndarray | None:
        """Pixels as `Decoded` or `View.begin` has them, read-only; None where they are not kept."""
        if self._pixels is None or image_id not in self._images:
            return None
        place = self._places.iloc[self._images.get_loc(image_id)]
        shape = (place["height"], place["width"], *([place["channels"]] if place["channels"] else []))
        kind = np.dtype(f"uint{place['bits']}")
        stop = place["start"] + math.prod(shape) * kind.itemsize
        return np.asarray(self._pixels[place["start"] : stop]).view(kind).reshape(shape)
