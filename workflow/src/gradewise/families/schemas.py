"""Schemas of the tables of runs, each declared once."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pyarrow as pa

from gradewise.tables import filled


def predictions_schema(classes: list[str]) -> pa.Schema:
    """Schema of `predictions.parquet`: one row per sample, one probability per class."""
    return pa.schema(
        [
            filled("sample_id", pa.string()),
            *verdict_fields(classes)[:2],
            filled("role", pa.string()),
            filled("row", pa.int32()),
            filled("column", pa.int32()),
            *verdict_fields(classes)[2:],
        ]
    )


def features_schema(components: int, metadata: Mapping[str, object]) -> pa.Schema:
    """Schema of a feature cache: one row per sample, its principal component scores as a fixed-size list."""
    return pa.schema(
        [
            filled("sample_id", pa.string()),
            filled("scores", pa.list_(pa.float32(), components)),
        ],
        metadata={"gradewise": json.dumps(metadata)},
    )


def verdict_fields(classes: list[str]) -> list[pa.Field]:
    """Columns that tables of predictions and of verdicts share: what is classified, as what, and probabilities."""
    return [
        filled("image_id", pa.string()),
        filled("group", pa.string()),
        filled("label", pa.string()),
        filled("predicted", pa.string()),
        *(filled(f"p_{name}", pa.float32()) for name in classes),
    ]
