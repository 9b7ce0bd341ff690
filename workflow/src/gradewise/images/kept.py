"""Pixels of images that are read at a part of their size, kept so that views need not decode the files again.

An image is kept where its pixels take no more bytes than its file. They lie one after the other in one file, which jobs
map into memory; a table says where each begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from gradewise import tables
from gradewise.images.schemas import KEPT


def pixels_beside(table: Path) -> Path:
    """The file with the pixels that a table of kept images speaks of."""
    return table.with_suffix(".bin")


@contextmanager
def keeping(table: Path) -> Iterator[Callable[[str, np.ndarray], None]]:
    """Function that keeps an image, given its image_id and its pixels; both files appear when the block succeeds."""
    rows: list[dict[str, object]] = []
    with tables.replacing(pixels_beside(table)) as partial:
        with partial.open("wb") as file:

            def keep(image_id: str, pixels: np.ndarray) -> None:
                place = {"image_id": image_id, "start": file.tell(), "shape": list(pixels.shape)}
                rows.append({**place, "bits": 8 * pixels.itemsize})
                file.write(np.ascontiguousarray(pixels).data)

            yield keep
        tables.write(pd.DataFrame(rows, columns=KEPT.names), table, KEPT)


class KeptPixels:
    """Reads what `keeping` wrote. Threads may share it.

    Parameters
    ----------
    table : Path, optional
        Without it, no image is kept.
    """

    def __init__(self, table: Path | None) -> None:
        rows = pd.DataFrame(columns=KEPT.names) if table is None else tables.read(table)
        self._places = {row.image_id: row for row in rows.itertuples(index=False)}
        self._pixels = np.memmap(pixels_beside(table), mode="r") if table is not None and self._places else None

    def find(self, image_id: str) -> np.ndarray | None:
        """Pixels as `Decoded` has them, read-only; None where they are not kept."""
        place = self._places.get(image_id)
        if place is None or self._pixels is None:
            return None
        shape, kind = tuple(place.shape), np.dtype(f"uint{place.bits}")
        size = int(np.prod(shape)) * kind.itemsize
        return np.asarray(self._pixels[place.start : place.start + size]).view(kind).reshape(shape)
