"""Reads the samples of one repeat from a view's cache, with flat memory; or their table alone, without the pixels.

Pixels are copied, row group by row group, into an unlinked temporary file that is mapped into memory: models
index it at random while the operating system decides what stays in RAM.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from gradewise import tables

COLUMNS = ["sample_id", "image_id", "group", "role", "row", "column", "label"]


@dataclass(frozen=True, kw_only=True)
class SampleTable:
    """What is known of the samples of one repeat.

    Attributes
    ----------
    table : DataFrame
        One row a sample, in the order of the cache: sample_id, image_id, group, role, row, column, label.
    """

    table: pd.DataFrame

    def of(self, role: str) -> np.ndarray:
        """Positions of the samples with a role (train, validation or test), ascending."""
        return np.flatnonzero(self.table["role"].to_numpy() == role)

    def targets(self, classes: list[str]) -> np.ndarray:
        """Labels as positions in `classes`, shape (n,), int64."""
        return pd.Categorical(self.table["label"], categories=classes).codes.astype(np.int64)


@dataclass(frozen=True, kw_only=True)
class Samples(SampleTable):
    """Samples of one repeat.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (n, height, width, channels)
        Memory-mapped, read-only; in the order of the table.
    """

    pixels: np.ndarray


def read_table(view: Path, splits: Path, manifest: Path, repeat: int) -> SampleTable:
    """As `read_samples`, but without the pixels."""
    table = _with_roles(view, splits, manifest, repeat)
    return SampleTable(table=table.loc[table["role"].notna(), COLUMNS].reset_index(drop=True))


def read_samples(view: Path, splits: Path, manifest: Path, repeat: int) -> Samples:
    """Read the samples of every image that has a role in a repeat.

    Parameters
    ----------
    view : Path
        A view's cache, `views/{view}.parquet`.
    splits, manifest : Path
        The tables of that name.
    repeat : int
        Which repeat.

    Returns
    -------
    Samples
        In the order of the cache.
    """
    table = _with_roles(view, splits, manifest, repeat)
    wanted = table["role"].notna().to_numpy()
    shape = (int(wanted.sum()), *tables.read_metadata(view)["shape"])
    with tempfile.TemporaryFile(prefix="gradewise-") as file:
        pixels = np.memmap(file, dtype=np.uint8, mode="w+", shape=shape)
    at = seen = 0
    cache = pq.ParquetFile(view)
    for group in range(cache.num_row_groups):
        column = cache.read_row_group(group, columns=["pixels"])["pixels"].combine_chunks()
        keep = wanted[seen : seen + len(column)]
        seen += len(column)
        if keep.any():
            rows = np.frombuffer(column.buffers()[1], dtype=np.uint8)
            rows = rows.reshape(-1, *shape[1:])[column.offset : column.offset + len(column)][keep]
            pixels[at : at + len(rows)] = rows
            at += len(rows)
    pixels.flags.writeable = False
    return Samples(pixels=pixels, table=table.loc[wanted, COLUMNS].reset_index(drop=True))


def _with_roles(view: Path, splits: Path, manifest: Path, repeat: int) -> pd.DataFrame:
    """All samples of a cache with their groups, and their roles, null where they have none in the repeat."""
    roles = tables.read(splits)
    roles = roles.loc[roles["repeat"] == repeat].set_index("image_id")["role"]
    groups = tables.read(manifest, columns=["image_id", "group"]).set_index("image_id")["group"]
    table = tables.read(view, columns=["sample_id", "image_id", "row", "column", "label"])
    return table.assign(role=table["image_id"].map(roles), group=table["image_id"].map(groups))
