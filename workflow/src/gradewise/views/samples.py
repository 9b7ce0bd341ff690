"""Reads the samples of one repeat from a view's cache, with flat memory; or their table alone, without the pixels.

The cache `views/{view}.parquet` can be read by any program. A second file holds the same pixels as one array, which
jobs map into memory: models index it at random, all jobs share its pages, and the operating system decides what stays
in RAM. If a repeat leaves samples out, or that file has been deleted, pixels are copied into an unlinked temporary
file.
"""

from __future__ import annotations

import errno
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gradewise import tables
from gradewise.command import UserError

COLUMNS = ["sample_id", "image_id", "group", "role", "row", "column", "label"]


@dataclass(frozen=True, kw_only=True)
class SampleTable:
    """The samples of one repeat without their pixels.

    Attributes
    ----------
    table : DataFrame
        One row per sample, in the order of the cache: sample_id, image_id, group, role, row, column, label.
    """

    table: pd.DataFrame

    def of(self, role: str) -> np.ndarray:
        """Positions of the samples with a role (train, validation or test), ascending."""
        return np.flatnonzero(self.table["role"].to_numpy() == role)

    def targets(self, classes: list[str]) -> np.ndarray:
        """Labels as positions in `classes`, shape (n,), int64."""
        return np.asarray(pd.Categorical(self.table["label"], categories=classes).codes.astype(np.int64))


@dataclass(frozen=True, kw_only=True)
class Samples(SampleTable):
    """Samples of one repeat.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (n, height, width, channels)
        Memory-mapped, read-only; in the order of the table. Features of a backbone are float32
        (n, 1, 1, features).
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
        A view's cache, `views/{view}.parquet`, or the features that `extract` made of it.
    splits, manifest : Path
        The tables of that name.
    repeat : int
        Number of the split.

    Returns
    -------
    Samples
        In the order of the cache.

    Raises
    ------
    UserError
        If the array of the cache is incomplete or holds other samples, or if the temporary folder is full.
    """
    table = _with_roles(view, splits, manifest, repeat)
    has_role = table["role"].notna().to_numpy()
    array = pixels_file(view)
    if "features" in pq.read_schema(view).names:
        pixels = _features(view, has_role)
    elif not array.exists():
        pixels = _copy_cached(view, has_role)
    elif has_role.all():
        pixels = _map_array(array, view)
    else:
        pixels = _temporary((int(has_role.sum()), *tables.read_metadata(view)["shape"]))
        np.take(_map_array(array, view), np.flatnonzero(has_role), axis=0, out=pixels, mode="clip")
    pixels.flags.writeable = False
    return Samples(pixels=pixels, table=table.loc[has_role, COLUMNS].reset_index(drop=True))


def pixels_of(rows: pa.Table, shape: tuple[int, ...]) -> np.ndarray:
    """Pixels of some rows of a cache, uint8 (n, height, width, channels)."""
    return _rows(rows["pixels"].combine_chunks()).reshape(-1, *shape)


def pixels_file(view: Path) -> Path:
    """The array of a cache's pixels: NumPy's format, uint8 (n, height, width, channels), in the order of the cache."""
    return view.with_suffix(".npy")


@contextmanager
def writing_pixels(path: Path, shape: tuple[int, ...]) -> Iterator[Callable[[pa.FixedSizeBinaryArray], None]]:
    """Write an array of samples part by part; `shape` is that of one sample, their number is known only at the end."""
    count = 0

    def write_header() -> None:
        header = {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)}
        np.lib.format.write_array_header_1_0(stream, header)

    def append(samples: pa.FixedSizeBinaryArray) -> None:
        nonlocal count
        stream.write(_rows(samples).data)
        count += len(samples)

    with path.open("wb") as stream:
        write_header()
        yield append
        stream.seek(0)
        # NumPy leaves room for a larger number, so that the header keeps its length
        write_header()


def _map_array(array: Path, view: Path) -> np.ndarray:
    """The array of a cache's pixels, mapped and read-only."""
    cache = pq.ParquetFile(view)
    shape = (cache.metadata.num_rows, *tables.read_metadata(view)["shape"])
    remedy = f"delete {array} and {view}, and run the workflow again"
    try:
        pixels: np.ndarray = np.load(array, mmap_mode="r")
    except (ValueError, EOFError) as error:
        raise UserError(f"{array}: incomplete ({error}); {remedy}") from error
    last = cache.read_row_group(cache.num_row_groups - 1, columns=["pixels"])["pixels"][-1].as_py()
    if pixels.shape != shape or pixels[-1].tobytes() != last:
        raise UserError(f"{array}: does not hold the samples of {view}; {remedy}")
    return pixels


def _features(view: Path, selected: np.ndarray) -> np.ndarray:
    """Features of the selected rows, float32 (n, 1, 1, features)."""
    column = pq.read_table(view, columns=["features"])["features"].combine_chunks()
    values = column.flatten().to_numpy().reshape(len(column), 1, 1, -1)
    return np.array(values) if selected.all() else values[selected]


def _copy_cached(view: Path, selected: np.ndarray) -> np.ndarray:
    """Pixels of the selected rows of a cache."""
    pixels = _temporary((int(selected.sum()), *tables.read_metadata(view)["shape"]))
    copied = seen = 0
    cache = pq.ParquetFile(view)
    for group in range(cache.num_row_groups):
        rows = _rows(cache.read_row_group(group, columns=["pixels"])["pixels"].combine_chunks())
        chosen = rows[selected[seen : seen + len(rows)]]
        pixels[copied : copied + len(chosen)] = chosen.reshape(-1, *pixels.shape[1:])
        seen += len(rows)
        copied += len(chosen)
    return pixels


def _rows(column: pa.FixedSizeBinaryArray) -> np.ndarray:
    """The values of a column of pixels as rows of bytes, without a copy."""
    rows = np.frombuffer(column.buffers()[1], dtype=np.uint8).reshape(-1, column.type.byte_width)
    return rows[column.offset : column.offset + len(column)]


def _temporary(shape: tuple[int, ...]) -> np.ndarray:
    """An array in an unlinked file, mapped. Its space is reserved: writing to a sparse one on a full disk crashes."""
    needed = math.prod(shape)
    with tempfile.TemporaryFile(prefix="gradewise-") as file:
        # checked first, since an attempt to reserve too much would fill the disk for a moment
        if needed > shutil.disk_usage(tempfile.gettempdir()).free:
            raise _no_room(needed)
        if needed and hasattr(os, "posix_fallocate"):
            try:
                os.posix_fallocate(file.fileno(), 0, needed)
            except OSError as error:
                # some file systems cannot reserve space
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                    raise _no_room(needed) from error
        return np.memmap(file, dtype=np.uint8, mode="w+", shape=shape)


def _no_room(needed: int) -> UserError:
    folder = tempfile.gettempdir()
    return UserError(
        f"{folder}: no room for the pixels of this repeat, which need {needed} bytes, while "
        f"{shutil.disk_usage(folder).free} bytes are free there; set TMPDIR to a folder on a larger disk"
    )


def _with_roles(view: Path, splits: Path, manifest: Path, repeat: int) -> pd.DataFrame:
    """All samples of a cache with their groups and their roles in the repeat, null if they have none."""
    roles = tables.read(splits)
    roles = roles.loc[roles["repeat"] == repeat].set_index("image_id")["role"]
    groups = tables.read(manifest, columns=["image_id", "group"]).set_index("image_id")["group"]
    table = tables.read(view, columns=["sample_id", "image_id", "row", "column", "label"])
    return table.assign(role=table["image_id"].map(roles), group=table["image_id"].map(groups))
