"""Reads a few samples from a view's cache, and only the row groups that contain them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from gradewise import tables


def read_pixels(view: Path, wanted: Sequence[str]) -> np.ndarray:
    """Pixels of some samples, in the order of `wanted`.

    Parameters
    ----------
    view : Path
        A view's cache.
    wanted : sequence of str
        Values of sample_id.

    Returns
    -------
    ndarray of uint8, shape (n, height, width, channels)

    Raises
    ------
    KeyError
        If the cache lacks a sample.
    """
    cached = find_pixels(view, wanted)
    return np.stack([cached[name] for name in wanted])


def find_pixels(view: Path, wanted: Collection[str]) -> dict[str, np.ndarray]:
    """Pixels, uint8 (height, width, channels), of the wanted samples that the cache contains, by sample_id."""
    shape = tables.read_metadata(view)["shape"]
    cache = pq.ParquetFile(view)
    chosen: dict[str, np.ndarray] = {}
    for group in range(cache.num_row_groups):
        names = cache.read_row_group(group, columns=["sample_id"])["sample_id"].to_pylist()
        places = [place for place, name in enumerate(names) if name in wanted]
        if places:
            pixels = cache.read_row_group(group, columns=["pixels"])["pixels"]
            for place in places:
                chosen[names[place]] = np.frombuffer(pixels[place].as_py(), dtype=np.uint8).reshape(shape)
    return chosen
