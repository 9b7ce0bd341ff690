"""Writes records as JSON. A number that is not known is null."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel

from gradewise import tables


def write_json(path: Path, record: object) -> None:
    """Write a record atomically.

    JSON has neither NaN nor infinity. In the fields of a pydantic model they become null, which means unknown there;
    anywhere else they are a mistake.

    Raises
    ------
    ValueError
        If a record that is no pydantic model contains NaN or infinity.
    """
    if isinstance(record, BaseModel):
        text = record.model_dump_json(indent=1)
    else:
        text = json.dumps(record, indent=1, allow_nan=False)
    with tables.replacing(path) as partial:
        partial.write_text(f"{text}\n", encoding="utf-8")
