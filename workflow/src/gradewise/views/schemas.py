"""Schemas of the tables of views, each declared once."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pyarrow as pa

from gradewise.tables import filled, nullable


def samples_schema(pixel_bytes: int, metadata: Mapping[str, object]) -> pa.Schema:
    """Schema of a view's cache: one row per sample, its pixels as `pixel_bytes` bytes in row-major order.

    Parameters
    ----------
    pixel_bytes : int
        height x width x channels.
    metadata : mapping
        Stored in the file as JSON under the key ``gradewise``; contains at least ``shape`` and ``view``.
    """
    return pa.schema(
        [
            filled("sample_id", pa.string()),
            filled("image_id", pa.string()),
            filled("row", pa.int32()),
            filled("column", pa.int32()),
            filled("label", pa.string()),
            nullable("masked_fraction", pa.float32()),
            filled("pixels", pa.binary(pixel_bytes)),
        ],
        metadata={"gradewise": json.dumps(metadata)},
    )
