"""Section: which parts of test samples speak for the surest predictions of the model to use, right and wrong ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gradewise import tables
from gradewise.report import numbers
from gradewise.report.blocks import Block, Column, Gallery, Picture, Section, Table, Text
from gradewise.report.evidence import Evidence
from gradewise.report.overlays import outlined, weights_over
from gradewise.views.chosen import find_pixels

ORDER = 135

MEANING = {
    "grad_cam": "Grad-CAM weights the maps of the last convolution by how they change the log odds of the prediction.",
    "occlusion": "Occlusion covers one window after the other with the mean colour of the sample; a place supports the "
    "prediction if covering it lowers the log odds.",
}


def section(evidence: Evidence) -> Section | None:
    """Pictures of the explained predictions, and how much of the weight falls on defects; None where none is."""
    rows = evidence.attributions
    if rows is None or rows.empty:
        return None
    model, method = str(rows["model"].iloc[0]), str(rows["method"].iloc[0])
    run = next(run for run in evidence.runs_of(model) if run.repeat == 0)
    view = evidence.results.view(str(run.record["view"]))
    pixels = find_pixels(view, set(rows["sample_id"]))
    shape = tables.read_metadata(view)["shape"]
    blocks: list[Block] = [
        Text(
            f"The most confident correct and wrong predictions of {model} for test samples of the first repeat, by "
            f"class. {MEANING[method]} Orange supports the prediction, purple opposes it. Check whether the object "
            "itself counts, or its surroundings."
        ),
        Gallery(
            "attributions",
            f"{model}: what supports its most confident predictions, next to the samples",
            tuple(_picture(row, pixels[row.sample_id], shape) for row in rows.itertuples()),
        ),
    ]
    marked = rows.dropna(subset=["share"])
    if len(marked):
        blocks.append(_table(marked))
    return Section("attributions", "What supports predictions", tuple(blocks))


def _picture(row: Any, pixels: np.ndarray, shape: list[int]) -> Picture:
    weights = np.asarray(row.weights, dtype=np.float32).reshape(shape[:2])
    outcome = f"{row.label}, predicted {row.predicted}" if row.label != row.predicted else f"{row.label}, correct"
    return Picture(
        weights_over(pixels, weights),
        f"What supports {row.predicted} in {row.sample_id}",
        (row.sample_id, outcome, f"probability {numbers.percent(row.probability)}"),
        outlined(pixels),
        f"Sample {row.sample_id}",
    )


def _table(rows: pd.DataFrame) -> Table:
    return Table(
        "attributions",
        "Share of the weight supporting a prediction that lies on masked pixels, compared with their share of the "
        "area, which randomly spread weight would have",
        rows.drop(columns=["weights"]).reset_index(drop=True),
        (
            Column.text("Sample", "sample_id"),
            Column.name("True class", "label"),
            Column.name("Predicted", "predicted"),
            Column("Share of the weight", "share", numbers.percent),
            Column("Share of the area", "area", numbers.percent),
        ),
        folded=True,
    )
