"""Schemas of all tables, each declared once, and the only functions that read and write them.

Writing checks columns and types and is atomic: a file appears whole or not at all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

MANIFEST = pa.schema(
    [
        pa.field("image_id", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("group", pa.string(), nullable=False),
        pa.field("role", pa.string()),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("mode", pa.string(), nullable=False),
        pa.field("bits", pa.int8(), nullable=False),
        pa.field("pixel_hash", pa.string(), nullable=False),
        pa.field("mask", pa.string()),
    ]
)
"""One row an image; further columns of the label table follow. `bits` is the number of bits its grey levels use."""

SPLITS = pa.schema(
    [
        pa.field("repeat", pa.int32(), nullable=False),
        pa.field("image_id", pa.string(), nullable=False),
        pa.field("role", pa.string(), nullable=False),
    ]
)

METRICS = pa.schema(
    [
        pa.field("dataset", pa.string(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("repeat", pa.int32()),
        pa.field("role", pa.string(), nullable=False),
        pa.field("level", pa.string(), nullable=False),
        pa.field("metric", pa.string(), nullable=False),
        pa.field("class", pa.string()),
        pa.field("value", pa.float64()),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("images", pa.int64(), nullable=False),
        pa.field("groups", pa.int64(), nullable=False),
    ]
)
"""`repeat` is null in rows that speak of all repeats together; low and high bound the 95 % interval; images and groups
are how many different ones stand behind the row. A null value is undefined, a null bound cannot be known."""

COMPARISONS = pa.schema(
    [
        pa.field("dataset", pa.string(), nullable=False),
        pa.field("first", pa.string(), nullable=False),
        pa.field("second", pa.string(), nullable=False),
        pa.field("role", pa.string(), nullable=False),
        pa.field("level", pa.string(), nullable=False),
        pa.field("metric", pa.string(), nullable=False),
        pa.field("difference", pa.float64()),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("p_value", pa.float64()),
        pa.field("p_holm", pa.float64()),
        pa.field("test", pa.string(), nullable=False),
        pa.field("first_only_right", pa.int64(), nullable=False),
        pa.field("second_only_right", pa.int64(), nullable=False),
        pa.field("images", pa.int64(), nullable=False),
        pa.field("groups", pa.int64(), nullable=False),
        pa.field("repeats", pa.int64(), nullable=False),
        pa.field("detectable", pa.float64()),
        pa.field("error_correlation", pa.float64()),
    ]
)
"""One row a pair of models: metric of `first` minus metric of `second`, over all repeats.

`detectable` is the smallest difference that would have been found four times in five, `error_correlation` the
correlation (phi) between the two models' mistakes."""


def predictions(classes: list[str]) -> pa.Schema:
    """Schema of `predictions.parquet`: one row a sample, one probability a class."""
    return pa.schema(
        [
            pa.field("sample_id", pa.string(), nullable=False),
            *_verdict_fields(classes)[:2],
            pa.field("role", pa.string(), nullable=False),
            pa.field("row", pa.int32(), nullable=False),
            pa.field("column", pa.int32(), nullable=False),
            *_verdict_fields(classes)[2:],
        ]
    )


def verdicts(classes: list[str]) -> pa.Schema:
    """Schema of `verdicts.parquet`: one row a model, repeat and image."""
    return pa.schema(
        [
            pa.field("model", pa.string(), nullable=False),
            pa.field("repeat", pa.int32(), nullable=False),
            pa.field("role", pa.string(), nullable=False),
            *_verdict_fields(classes),
        ]
    )


def _verdict_fields(classes: list[str]) -> list[pa.Field]:
    return [
        pa.field("image_id", pa.string(), nullable=False),
        pa.field("group", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("predicted", pa.string(), nullable=False),
        *(pa.field(f"p_{name}", pa.float32(), nullable=False) for name in classes),
    ]


def samples(pixel_bytes: int, metadata: dict[str, Any]) -> pa.Schema:
    """Schema of a view's cache: one row a sample, its pixels as `pixel_bytes` bytes in row-major order.

    Parameters
    ----------
    pixel_bytes : int
        height x width x channels.
    metadata : dict
        Stored in the file under the key ``gradewise`` as JSON; holds at least ``shape`` and ``view``.
    """
    return pa.schema(
        [
            pa.field("sample_id", pa.string(), nullable=False),
            pa.field("image_id", pa.string(), nullable=False),
            pa.field("row", pa.int32(), nullable=False),
            pa.field("column", pa.int32(), nullable=False),
            pa.field("label", pa.string(), nullable=False),
            pa.field("masked_fraction", pa.float32()),
            pa.field("pixels", pa.binary(pixel_bytes), nullable=False),
        ],
        metadata={"gradewise": json.dumps(metadata)},
    )


def features(components: int, metadata: dict[str, Any]) -> pa.Schema:
    """Schema of a feature cache: one row a sample, its principal component scores as a fixed-size list."""
    return pa.schema(
        [
            pa.field("sample_id", pa.string(), nullable=False),
            pa.field("scores", pa.list_(pa.float32(), components), nullable=False),
        ],
        metadata={"gradewise": json.dumps(metadata)},
    )


def read(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a table."""
    return pq.read_table(path, columns=columns).to_pandas()


def read_metadata(path: Path) -> dict[str, Any]:
    """The metadata that `samples` and `features` files carry."""
    return json.loads(pq.read_schema(path).metadata[b"gradewise"])


def write(frame: pd.DataFrame, path: Path, schema: pa.Schema) -> None:
    """Write a table; columns beyond the schema follow with the types they have.

    Raises
    ------
    KeyError, ValueError, pyarrow.ArrowTypeError
        Where a column is missing, null against the schema, or of another type.
    """
    further = [name for name in frame.columns if name not in schema.names]
    for name in further:
        schema = schema.append(pa.field(name, pa.Array.from_pandas(frame[name]).type))
    table = pa.Table.from_pandas(frame[schema.names], schema=schema, preserve_index=False)
    with replacing(path) as partial:
        pq.write_table(table, partial)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name to write to that becomes `path` when the block ends well and vanishes when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
