"""The step `view`: applies a view's operations to every image of the manifest and streams the samples into a cache."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gradewise import command, tables
from gradewise.config.sources import Reading
from gradewise.config.views import Positions, View
from gradewise.images.budget import map_ahead
from gradewise.images.decode import PLAIN, decode, to_uint8
from gradewise.images.files import read_before
from gradewise.images.kept import KeptPixels
from gradewise.images.masks import hash_mask, read_mask
from gradewise.progress import track
from gradewise.provenance import derive_seed, hash_file
from gradewise.views.apply import finish, masked_fractions
from gradewise.views.samples import pixels_file, writing_pixels
from gradewise.views.schemas import samples_schema
from gradewise.views.shards import rows_of

log = logging.getLogger(__name__)

ROW_GROUP_BYTES = 4 * 2**20


class Image(Protocol):
    """A row of the manifest."""

    image_id: str
    path: str
    label: str
    width: int
    height: int
    pixel_hash: str
    file_hash: str | None
    bar_rows: int
    mask: str | None
    mask_hash: str | None


def view(
    *,
    manifest: Path,
    operations: View,
    name: str,
    classes: list[str],
    seed: int,
    threads: int,
    output: Path,
    positive: str = "",
    mask_fraction: float | None = None,
    reading: Reading = PLAIN,
    kept: Path | None = None,
    shard: str = "",
    shards: Sequence[Path] = (),
) -> None:
    """Write a view's cache, or a shard of it.

    Memory is bounded: at most two images per thread, `budget.MOST` megapixels and one row group of samples are held.

    Parameters
    ----------
    manifest : Path
        Table of images.
    operations : View
        The operations that make samples, as JSON.
    name : str
        The view's name, from which the seeds of its images are derived.
    classes : list of str
        Classes of the dataset.
    seed : int
        For tiles drawn at random; with it, the pixels of an image decide which ones.
    threads : int
        How many images are worked on at a time.
    output : Path
        `views/{view}.parquet`; the same pixels are also written as one array, with the suffix `.npy`.
    positive : str
        Class that masks mark; empty for none.
    mask_fraction : float, optional
        Masked share from which a sample is positive; without it, samples have the label of their image.
    reading : Reading
        Which page of files with several is read, what numbers are black and white, and at what part of their size
        images are read, as JSON.
    kept : Path, optional
        The images whose pixels `read_images` kept, their own or what this view makes of them before it cuts tiles; the
        others are read again.
    shard : str
        Write the samples of a shard of the images alone, e.g. ``2-of-3``, and no array.
    shards : sequence of Path
        The samples of all shards, in order, which are put together instead of cut.

    Raises
    ------
    UserError
        Where an image or a mask is gone, can no longer be read, or shows something else than when the manifest was
        made, or shards were made with other settings.
    """
    shape = operations.shape
    images = tables.read(manifest)
    left_off = _count_left_off(images, operations)
    if left_off:
        log.warning("%d images do not divide into whole tiles; their right and bottom margins are left off", left_off)
    metadata = {
        "view": operations.model_dump(mode="json")["operations"],
        "shape": list(shape),
        "images": len(images),
        "images_with_remainder": left_off,
        "mask_fraction": mask_fraction,
        "manifest_hash": hash_file(manifest),
    }
    schema = samples_schema(int(np.prod(shape)), metadata)
    # All images use the depth of the deepest 16-bit image, so that grey levels stay comparable.
    bits = int(images["bits"].max())
    other = next((label for label in classes if label != positive), "")
    found, begun = KeptPixels(kept), KeptPixels(kept, operations)

    def samples_of(image: Image) -> pa.RecordBatch:
        rng = np.random.default_rng(derive_seed(seed, name, image.pixel_hash))
        with read_before(f"{image.path} or its mask"):
            before_tiles = begun.find(image.image_id)
            if before_tiles is None:
                pixels = found.find(image.image_id)
                if pixels is None:
                    pixels = _read_again(image, reading)
                before_tiles = operations.begin(to_uint8(pixels, bits), image.bar_rows)
            samples, positions = finish(before_tiles, operations, rng)
            masked = _masked(image, operations, positions)
        if mask_fraction is None:
            labels: list[str | None] = [image.label] * len(samples)
        else:
            shares = np.zeros(len(samples)) if masked is None else masked
            labels = [positive if share >= mask_fraction else other for share in shares]
        ids = [f"{image.image_id}#{row},{column}" if operations.tiling else image.image_id for row, column in positions]
        buffer = pa.py_buffer(np.ascontiguousarray(samples))
        return pa.record_batch(
            [
                pa.array(ids, pa.string()),
                pa.array([image.image_id] * len(samples), pa.string()),
                pa.array([row for row, _ in positions], pa.int32()),
                pa.array([column for _, column in positions], pa.int32()),
                pa.array(labels, pa.string()),
                pa.nulls(len(samples), pa.float32()) if masked is None else pa.array(masked, pa.float32()),
                pa.FixedSizeBinaryArray.from_buffers(schema.field("pixels").type, len(samples), [None, buffer]),
            ],
            schema=schema,
        )

    if shards:
        groups = tables.row_groups(track(shards, len(shards), "shards"), schema)
        batches: Iterator[pa.RecordBatch] = (batch for group in groups for batch in group.to_batches())
        _write(_row_groups(batches, schema), schema, shape, output, with_array=True)
        return
    cv2.setNumThreads(1)
    chosen = rows_of(shard, len(images))
    some = images.iloc[chosen.start : chosen.stop].itertuples()

    def pixels_of(image: Image) -> int:
        """Of its file, which is decoded at that size before it is shrunk."""
        return image.width * image.height * reading.factor**2

    with ThreadPoolExecutor(threads) as pool:
        batches = track(map_ahead(pool, samples_of, some, 2 * threads - 1, pixels_of), len(chosen), "images")
        _write(_row_groups(batches, schema), schema, shape, output, with_array=not shard)


def _write(
    samples: Iterator[pa.Table], schema: pa.Schema, shape: tuple[int, int, int], output: Path, *, with_array: bool
) -> None:
    """Write samples to a cache, and their pixels to the array next to it."""
    # Pixels of photographs hardly compress; uncompressed storage is read at the speed of the disk.
    with ExitStack() as stack:
        partial = stack.enter_context(tables.replacing(output))
        partial_array = stack.enter_context(tables.replacing(pixels_file(output))) if with_array else None
        writer = stack.enter_context(pq.ParquetWriter(partial, schema, compression="none", use_dictionary=False))
        append_pixels = stack.enter_context(writing_pixels(partial_array, shape)) if partial_array else None
        for table in samples:
            writer.write_table(table, row_group_size=table.num_rows)
            if append_pixels is not None:
                for chunk in table["pixels"].chunks:
                    append_pixels(chunk)


def _row_groups(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """The same row groups, however rows come: the file has the same bytes whether one job made it or several did."""
    rows = max(1, ROW_GROUP_BYTES // schema.field("pixels").type.byte_width)
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        waiting.append(batch)
        count += len(batch)
        if count >= rows:
            table = pa.Table.from_batches(waiting, schema)
            whole = count - count % rows
            for start in range(0, whole, rows):
                yield table.slice(start, rows).combine_chunks()
            waiting, count = table.slice(whole).to_batches(), count - whole
    if count:
        yield pa.Table.from_batches(waiting, schema).combine_chunks()


def _masked(image: Image, operations: View, positions: Positions) -> np.ndarray | None:
    if image.mask is None or pd.isna(image.mask):
        return None
    mask = read_mask(Path(image.mask))
    if hash_mask(mask) != image.mask_hash:
        raise _changed(image.mask)
    return masked_fractions(mask, operations, positions, image.bar_rows)


def _read_again(image: Image, reading: Reading) -> np.ndarray:
    """Pixels of an image, if it shows what it did when the manifest was made."""
    decoded = decode(Path(image.path), reading)
    # where the file has other bytes, a program may have rewritten its EXIF alone
    is_same_file = isinstance(image.file_hash, str) and hash_file(Path(image.path)) == image.file_hash
    if not is_same_file and decoded.pixel_hash() != image.pixel_hash:
        raise _changed(image.path)
    return decoded.pixels


def _changed(path: str) -> command.UserError:
    return command.UserError(
        f"{path}: shows something else than when the manifest was made; put the former file back, or run the workflow "
        "again with --forcerun read_images"
    )


def _count_left_off(images: pd.DataFrame, operations: View) -> int:
    """Number of images that do not divide into whole tiles, if no operation before the tiles fixes their size."""
    tiling = operations.tiling
    if tiling is None or not operations.tiles_whole_images:
        return 0
    heights = images["height"] - images["bar_rows"] if operations.cuts_data_bar else images["height"]
    return sum(not tiling.covers(size) for size in zip(heights, images["width"], strict=True))


if __name__ == "__main__":
    command.run(view)
