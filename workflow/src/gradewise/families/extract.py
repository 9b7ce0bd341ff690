"""The step `extract`: features of a view's samples, computed once by a backbone and shared by all models and repeats.

The file has the columns of the view's cache, with features in place of pixels, so that it is read as one.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gradewise import command, tables
from gradewise.config.backbones import Backbone
from gradewise.families.backbones.embedding import read_published
from gradewise.progress import track
from gradewise.provenance import hash_file
from gradewise.views.samples import pixels_of
from gradewise.views.schemas import extracted_schema
from gradewise.views.shards import rows_of


def extract(
    *,
    samples: Path,
    name: str,
    backbone: Backbone,
    weights: Path,
    threads: int,
    output: Path,
    shard: str = "",
    shards: Sequence[Path] = (),
) -> None:
    """Write the features of a view's samples, and a copy of the backbone.

    Memory holds one row group of the cache.

    Parameters
    ----------
    samples : Path
        The view's cache.
    name : str
        The backbone's name in the configuration.
    backbone : Backbone
        Its section, as JSON.
    weights : Path
        The file with its weights.
    threads : int
        Samples that are worked on at a time.
    output : Path
        `views/{view}@{backbone}.parquet`; the backbone is written next to it, with the suffix `.safetensors`.
    shard : str
        Write a shard of the features alone, e.g. ``2-of-3``, and no backbone.
    shards : sequence of Path
        All shards, in order, which are put together instead of computed.

    Raises
    ------
    UserError
        If shards were made with other settings, the weights have another hash or belong to another architecture, or
        the backbone cannot work with such samples.
    """
    cache = pq.ParquetFile(samples)
    height, width, channels = tables.read_metadata(samples)["shape"]
    shape = (height, width, channels)
    embedding = read_published(weights, backbone, shape)
    if not shard:
        embedding.write(output.with_suffix(".safetensors"))
    length = embedding.features
    metadata = {
        "shape": [1, 1, length],
        "parameters": embedding.parameters,
        "backbone": {"name": name, **backbone.model_dump(mode="json")},
    }
    # each of many shards would take longer to hash the view than to compute its features
    of_shard = extracted_schema(length, metadata | {"view": _hash_footer(samples)})
    schema = of_shard if shard else extracted_schema(length, metadata | {"view_hash": hash_file(samples)})

    def computed() -> Iterator[pa.Table]:
        groups = rows_of(shard, cache.num_row_groups)
        for group in track(groups, len(groups), "parts of the cache"):
            rows = cache.read_row_group(group)
            features = embedding.embed(pixels_of(rows, shape), threads)
            column = pa.FixedSizeListArray.from_arrays(pa.array(features.ravel()), length)
            yield pa.table([*(rows[field] for field in schema.names[:-1]), column], schema=schema)

    start = time.perf_counter()
    with (
        tables.replacing(output) as partial,
        pq.ParquetWriter(partial, schema, compression="none", use_dictionary=False) as writer,
    ):
        rows = 0
        for table in tables.row_groups(shards, of_shard) if shards else computed():
            writer.write_table(table, row_group_size=len(table))
            rows += len(table)
        seconds = sum(map(_seconds, shards)) if shards else time.perf_counter() - start
        writer.add_key_value_metadata({"seconds": repr(seconds), "seconds_per_sample": repr(seconds / max(rows, 1))})


def _hash_footer(table: Path) -> str:
    """SHA-256 of the end of a parquet file, which tells its schema, where its parts are and what ranges they hold."""
    with table.open("rb") as file:
        # its length and four letters come last
        file.seek(-8, os.SEEK_END)
        length = int.from_bytes(file.read(4), "little")
        file.seek(-8 - length, os.SEEK_END)
        return hashlib.sha256(file.read(length)).hexdigest()


def _seconds(shard: Path) -> float:
    """How long a shard took [s]."""
    return float(pq.read_metadata(shard).metadata[b"seconds"])


if __name__ == "__main__":
    command.run(extract)
