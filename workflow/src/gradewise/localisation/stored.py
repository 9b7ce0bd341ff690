"""Reads the maps that the step `locate` wrote, one at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from gradewise.localisation.frames import Frame
from gradewise.localisation.maps import HeatMap
from gradewise.results import Results

FRAME = ("height", "width", "top", "left", "scale_y", "scale_x")


@dataclass(frozen=True)
class StoredMap:
    """The map of a test image."""

    image_id: str
    group: str
    label: str
    heat: HeatMap


def maps_file(files: Results, model: str, repeat: int) -> Path:
    """Where the maps of a run are."""
    return files.folder / "localisation" / model / f"{repeat}.parquet"


def read_maps(path: Path, only: Collection[str] | None = None) -> Iterator[StoredMap]:
    """The maps of a run, those of some images if they are named."""
    with pq.ParquetFile(path) as table:
        for part in range(table.num_row_groups):
            known = table.read_row_group(part, columns=["image_id"])["image_id"].to_pylist()
            if only is not None and not set(known) & set(only):
                continue
            rows = table.read_row_group(part)
            scores = rows["scores"].combine_chunks()
            for place, row in enumerate(rows.drop_columns(["scores"]).to_pylist()):
                if only is not None and row["image_id"] not in only:
                    continue
                values = np.asarray(scores[place].values.to_numpy(), dtype=np.float32)
                frame = Frame(**{name: row[name] for name in FRAME})
                heat = HeatMap(values.reshape(row["rows"], row["columns"]), row["cell"], frame)
                yield StoredMap(row["image_id"], row["group"], row["label"], heat)
