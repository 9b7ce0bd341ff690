"""Read and write tables, and declare columns of their schemas, which are in the module `schemas` of each stage.

Writing checks columns and types and is atomic: no partial file ever appears.
"""

from __future__ import annotations

import functools
import json
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from gradewise.command import UserError
from gradewise.processes import partial_file, remove_abandoned

# other pools keep what they were given, so that a step would hold the largest column it read until its end
pa.set_memory_pool(pa.system_memory_pool())


def filled(name: str, kind: pa.DataType) -> pa.Field:
    """A column that has a value in every row."""
    return pa.field(name, kind, nullable=False)


def nullable(name: str, kind: pa.DataType) -> pa.Field:
    """A column that may lack a value."""
    return pa.field(name, kind)


def read(path: Path, columns: list[str] | None = None, **values: str | int | None) -> pd.DataFrame:
    """Read a table, or only its rows with certain values in columns (`role="test"`); None asks for any value."""
    wanted = [pc.field(name) == value for name, value in values.items() if value is not None]
    if not wanted:
        return pq.read_table(path, columns=columns).to_pandas()
    condition = functools.reduce(operator.and_, wanted)
    # without reading ahead, which would hold all rows of a file at once
    options = {"batch_readahead": 1, "fragment_readahead": 1, "batch_size": 65536, "use_threads": False}
    scanned = ds.dataset(path).scanner(columns=columns, filter=condition, **options)
    return scanned.to_table().to_pandas(self_destruct=True)


def batches(
    path: Path, columns: list[str], categories: Sequence[str] = (), rows: int = 65536
) -> Iterator[pa.RecordBatch]:
    """Read a table some rows at a time; columns named in `categories` come as dictionary arrays."""
    with pq.ParquetFile(path, read_dictionary=list(categories)) as file:
        yield from file.iter_batches(rows, columns=columns, use_threads=False)


def different(path: Path, column: str) -> list[str]:
    """The values of a column of texts, in order of their first appearance."""
    values: dict[str, None] = {}
    for batch in batches(path, [column], [column]):
        # a dictionary may hold values that the rows of its batch lack
        values |= dict.fromkeys(batch[column].dictionary.take(batch[column].indices.unique()).to_pylist())
    return list(values)


def length(path: Path) -> int:
    """Number of rows of a table."""
    return int(pq.read_metadata(path).num_rows)


def names(path: Path) -> list[str]:
    """Names of the columns of a table."""
    return list(pq.read_schema(path).names)


def read_metadata(path: Path) -> dict[str, Any]:
    """The metadata of a view's or feature cache, see `samples_schema` and `features_schema`."""
    metadata: dict[str, Any] = json.loads(pq.read_schema(path).metadata[b"gradewise"])
    return metadata


def row_groups(shards: Iterable[Path], schema: pa.Schema) -> Iterator[pa.Table]:
    """The row groups of the shards of a view's or feature cache, one after the other.

    Raises
    ------
    UserError
        If a shard has other columns, or was made with other settings or of other images, as its metadata tell.
    """
    for path in shards:
        with pq.ParquetFile(path) as file:
            made = file.schema_arrow
            if not (made.equals(schema) and made.metadata[b"gradewise"] == schema.metadata[b"gradewise"]):
                raise UserError(f"{path}: was made with other settings or of other images; delete it and run again")
            for group in range(file.num_row_groups):
                yield file.read_row_group(group)


def write(frame: pd.DataFrame, path: Path, schema: pa.Schema) -> None:
    """Write a table; columns that are not in the schema follow with their own types.

    Raises
    ------
    KeyError, ValueError, pyarrow.ArrowTypeError
        If a column is missing, contains forbidden nulls, or has another type.
    """
    further = [name for name in frame.columns if name not in schema.names]
    for name in further:
        schema = schema.append(nullable(name, pa.Array.from_pandas(frame[name]).type))
    table = pa.Table.from_pandas(frame[schema.names], schema=schema, preserve_index=False)
    with replacing(path) as partial:
        pq.write_table(table, partial)


@contextmanager
def appending(path: Path, schema: pa.Schema) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Function that appends rows to a table, holding only the rows of one call in memory; see `write`."""
    with replacing(path) as partial, pq.ParquetWriter(partial, schema) as writer:

        def append(frame: pd.DataFrame) -> None:
            writer.write_table(pa.Table.from_pandas(frame[schema.names], schema=schema, preserve_index=False))

        yield append


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Temporary path that becomes `path` when the block succeeds and is removed when it fails.

    Temporary files in the same folder that killed processes left behind are removed first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _clear(path.parent.resolve())
    partial = partial_file(path)
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        # the error of a write does not name the file
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise
    finally:
        partial.unlink(missing_ok=True)


@cache
def _clear(folder: Path) -> None:
    """Remove what killed processes left in a folder; once per process, for folders can hold very many files."""
    remove_abandoned(folder)
