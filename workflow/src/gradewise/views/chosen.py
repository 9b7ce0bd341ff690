"""Reads a few samples from a view's cache, and only the row groups that contain them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from gradewise import tables


def read_pixels(view: Path, sample_ids: Sequence[str]) -> np.ndarray:
    """Pixels of some samples, in the order of `sample_ids`.

    Parameters
    ----------
    view : Path
        A view's cache.
    sample_ids : sequence of str

    Returns
    -------
    ndarray of uint8, shape (n, height, width, channels)

    Raises
    ------
    KeyError
        If the cache lacks a sample.
    """
    cached = find_pixels(view, sample_ids)
    return np.stack([cached[sample_id] for sample_id in sample_ids])


def find_pixels(view: Path, sample_ids: Collection[str]) -> dict[str, np.ndarray]:
    """Pixels, uint8 (height, width, channels), of those samples that the cache contains, by sample_id."""
    shape = tables.read_metadata(view)["shape"]
    cache = pq.ParquetFile(view)
    pixels: dict[str, np.ndarray] = {}
    for group in range(cache.num_row_groups):
        names = cache.read_row_group(group, columns=["sample_id"])["sample_id"].to_pylist()
        rows = [row for row, name in enumerate(names) if name in sample_ids]
        if rows:
            column = cache.read_row_group(group, columns=["pixels"])["pixels"]
            for row in rows:
                pixels[names[row]] = np.frombuffer(column[row].as_py(), dtype=np.uint8).reshape(shape)
    return pixels
