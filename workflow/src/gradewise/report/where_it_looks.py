"""Typical, borderline and wrong test images of the recommended model, each beside a map of where the model looks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from gradewise.evaluation.examples import choose_examples
from gradewise.report import numbers, pictures
from gradewise.report.blocks import Block, Column, Gallery, Picture, Table, Text
from gradewise.report.evidence import Evidence
from gradewise.report.overlays import weights_over

METHODS = {
    "grad_cam": "Grad-CAM, which weights the maps of the last convolution by how they change the log odds of the "
    "prediction (it shows only what supports it)",
    "occlusion": "occlusion, which covers one window after the other with the mean colour: a place supports the "
    "prediction if covering it lowers the log odds",
    "samples": "what is predicted for each sample of the image, compared with a guess",
}


def examples(evidence: Evidence, model: str) -> pd.DataFrame:
    """The images shown, and where there are maps, the columns of `attributions.parquet` about them."""
    chosen = choose_examples(evidence.tested(model, evidence.deciding_level), evidence.classes)
    known = evidence.attributions
    if known is None:
        return chosen.assign(method=None, weights=None, unmapped=None)
    maps = known.loc[known["model"] == model].drop(columns=["model", "image_id", "label", "probability", "kind"])
    return chosen.merge(maps, how="left", on=["unit", "repeat", "predicted"])


def shown(evidence: Evidence, model: str, rows: pd.DataFrame, cells: Mapping[tuple[str, str], str]) -> list[Block]:
    """What the maps mean, the pictures, and how much of the maps falls on what masks mark.

    Parameters
    ----------
    evidence : Evidence
    model : str
    rows : DataFrame
        As `examples` makes them.
    cells : mapping of (str, str) to str
        Names of the cells of a matrix, by true and predicted class; empty where none links to pictures.
    """
    is_blend = any(run.record["family"] == "blend" for run in evidence.runs_of(model))
    blocks: list[Block] = [Text(sentence, "small") for sentence in _meaning(model, rows, is_blend)]
    files = evidence.manifest.set_index("image_id")[["path", "bits"]]
    gallery, seen = [], set()
    for row in rows.itertuples(index=False):
        file = files.loc[row.image_id]
        picture = pictures.thumbnail(Path(file["path"]), int(file["bits"]), evidence.settings)
        kind = f"{row.kind} {row.label}" if row.kind != "wrong" else f"true {row.label}, predicted {row.predicted}"
        mapped = None
        if isinstance(row.weights, np.ndarray):
            weights = row.weights.reshape(int(row.rows), int(row.columns))
            mapped = weights_over(np.asarray(picture.convert("RGB")), weights)
        cell = cells.get((row.label, row.predicted), "")
        gallery.append(
            Picture(
                picture,
                f"Image {row.image_id}: {kind}",
                (row.unit, kind, f"probability {numbers.percent(row.probability)}"),
                mapped,
                f"Where {model} looks in {row.image_id}",
                cell=cell,
                anchor="" if cell in seen else cell,
            )
        )
        seen.add(cell)
    if gallery:
        caption = f"{model}: typical and borderline images of each class, and the most confident mistakes of each kind"
        caption += ", each next to a map of where it looks" if any(picture.detail for picture in gallery) else ""
        blocks.append(Gallery("cells", caption, tuple(gallery), even=True))
    marked = rows.dropna(subset="share") if "share" in rows else rows.head(0)
    return [*blocks, _table(marked)] if len(marked) else blocks


def _meaning(model: str, rows: pd.DataFrame, is_blend: bool) -> list[str]:
    """How to read the maps, and why there are none; empty where none was asked for."""
    known = rows.dropna(subset="method")
    sentences = []
    methods = dict.fromkeys(method for names in known["method"] for method in names.split(", "))
    if known["weights"].notna().any():
        made = numbers.listed([METHODS[method] for method in methods])
        blended = " The map of a blend is the mean of those of its members, each divided by its largest value."
        sentences.append(
            f"Maps show where {model} looks: orange supports the predicted class, purple opposes it; darkened parts "
            f"lie outside its view. They are made by {made}.{blended if is_blend else ''}"
        )
    return sentences + [
        f"Where {model} looks cannot be shown on the images: {operation} of its view does not tell where it moves "
        "points."
        for operation in known["unmapped"].dropna().unique()
    ]


def _table(rows: pd.DataFrame) -> Table:
    return Table(
        "attributions",
        "Share of the weight supporting a prediction that lies on masked pixels, compared with their share of the "
        "area, which randomly spread weight would have",
        rows[["unit", "label", "predicted", "kind", "share", "area"]].reset_index(drop=True),
        (
            Column.text("Image", "unit"),
            Column.name("True class", "label"),
            Column.name("Predicted", "predicted"),
            Column("Share of the weight", "share", numbers.percent),
            Column("Share of the area", "area", numbers.percent),
        ),
        folded=True,
    )
