"""Schemas of the tables of views, each declared once."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pyarrow as pa

from gradewise.tables import filled, nullable

SAMPLE = (
    filled("sample_id", pa.string()),
    filled("image_id", pa.string()),
    filled("row", pa.int32()),
    filled("column", pa.int32()),
    filled("label", pa.string()),
    nullable("masked_fraction", pa.float32()),
)
"""What caches tell of a sample beside its pixels or features."""


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
            *SAMPLE,
            filled("pixels", pa.binary(pixel_bytes)),
        ],
        metadata={"gradewise": json.dumps(metadata)},
    )


def extracted_schema(features: int, metadata: Mapping[str, object]) -> pa.Schema:
    """Schema of the features that a backbone computes of a view's samples: one row per sample, as in its cache."""
    return pa.schema(
        [*SAMPLE, filled("features", pa.list_(pa.float32(), features))], metadata={"gradewise": json.dumps(metadata)}
    )
