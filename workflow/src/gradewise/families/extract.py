"""The step `extract`: features of a view's samples, computed once by a backbone and shared by all models and repeats.

The file has the columns of the view's cache, with features in place of pixels, so that it is read as one.
"""

from __future__ import annotations

import time
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


def extract(*, samples: Path, name: str, backbone: Backbone, weights: Path, threads: int, output: Path) -> None:
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

    Raises
    ------
    UserError
        If the weights have another hash or belong to another architecture, or the backbone cannot work with such
        samples.
    """
    cache = pq.ParquetFile(samples)
    height, width, channels = tables.read_metadata(samples)["shape"]
    shape = (height, width, channels)
    embedding = read_published(weights, backbone, shape)
    embedding.write(output.with_suffix(".safetensors"))
    length = embedding.features
    metadata = {
        "shape": [1, 1, length],
        "view_hash": hash_file(samples),
        "parameters": embedding.parameters,
        "backbone": {"name": name, **backbone.model_dump(mode="json")},
    }
    schema = extracted_schema(length, metadata)
    start = time.perf_counter()
    with (
        tables.replacing(output) as partial,
        pq.ParquetWriter(partial, schema, compression="none", use_dictionary=False) as writer,
    ):
        groups = range(cache.num_row_groups)
        for group in track(groups, len(groups), "parts of the cache"):
            rows = cache.read_row_group(group)
            features = embedding.embed(pixels_of(rows, shape), threads)
            column = pa.FixedSizeListArray.from_arrays(pa.array(features.ravel()), length)
            columns = [rows[field] for field in schema.names[:-1]]
            writer.write_table(pa.table([*columns, column], schema=schema), row_group_size=len(rows))
        seconds = (time.perf_counter() - start) / cache.metadata.num_rows
        writer.add_key_value_metadata({"seconds_per_sample": repr(seconds)})


if __name__ == "__main__":
    command.run(extract)
