"""What a model that is handed over takes along to know images that are unlike those of training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from gradewise import tables
from gradewise.judgement.described import drawn, read_described
from gradewise.judgement.schemas import HELD_OUT
from gradewise.judgement.strangeness import Unknown
from gradewise.provenance import derive_seed
from gradewise.results import Results


def reference_file(view: str) -> str:
    """Name of the file with samples of training that new images are compared with, relative to `model.json`."""
    return f"strangeness/{view}.safetensors"


def keep(files: Results, model: str, images: pd.Index, seed: int, folder: Path) -> Unknown | None:
    """Write the samples that new images are compared with.

    Parameters
    ----------
    files : Results
        Of the dataset, with the table of the step `unknown`.
    model : str
        The model that is handed over.
    images : Index of str
        What it was fitted on.
    seed : int
    folder : Path
        Of the model that is handed over.

    Returns
    -------
    Unknown or None
        From which strangeness on an image is unknown; None where that was not measured.
    """
    if not files.table("unknown").exists():
        return None
    rows = tables.read(files.table("unknown"))
    (row,) = rows.loc[(rows["model"] == model) & (rows["kind"] == HELD_OUT)].itertuples()
    used = drawn(images, seed)
    for view in row.views:
        rng = np.random.default_rng(derive_seed(seed, "unknown", view))
        read_described(files.view(view), used).reference(used, rng).write(folder / reference_file(view))
    return Unknown(
        views=tuple(row.views),
        units=dict(zip(row.views, row.units, strict=True)),
        threshold=row.threshold,
        false_alarms=row.false_alarms,
        images=row.images,
        groups=row.groups,
    )
