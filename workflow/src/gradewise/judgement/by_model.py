"""What several steps of this stage have in common: each model is measured by its verdicts, and a table has them all."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa

from gradewise import tables
from gradewise.results import Results

log = logging.getLogger(__name__)


def measure_models(
    dataset: str,
    results: Path,
    measure: Callable[[pd.DataFrame], pd.DataFrame],
    output: Path,
    schema: pa.Schema,
    role: str | None = None,
) -> None:
    """Measure every model of a dataset and write the table.

    Parameters
    ----------
    dataset : str
        Its name, for the table.
    results : Path
        Folder of the dataset's results, with its verdicts.
    measure : callable
        From the verdicts of one model, in all repeats, to rows of the table without dataset and model.
    output : Path
        The table written.
    schema : Schema
        Its columns, among them `groups`.
    role : str, optional
        Only verdicts on images in this role are measured.
    """
    verdicts = Results(results).table("verdicts")
    frame = pd.concat(
        [
            measure(tables.read(verdicts, role=role, model=model)).assign(model=model)
            for model in tables.different(verdicts, "model")
        ]
    )
    tables.write(frame.assign(dataset=dataset), output, schema)
    log.info("%s: %d models, %d groups", output, frame["model"].nunique(), frame["groups"].max())
