"""Section: the test images, or samples, that a model got wrong with the highest probability."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from gradewise.report import numbers, pictures
from gradewise.report.blocks import Block, Column, Gallery, Picture, Section, Table, Text
from gradewise.report.evidence import Evidence, Run

ORDER = 130

FOLDED = True

MOST = 8


def section(evidence: Evidence) -> Section:
    """A gallery and a table for each model."""
    unit, parts = evidence.deciding_level, []
    for model in evidence.models_by_rank:
        worst = most_confident(evidence, model)
        blocks: tuple[Block, ...] = (Text(f"{model} made no mistake on test {unit}s."),)
        if len(worst):
            columns = (
                Column.text("Image", "image_id"),
                Column.name("True class", "label"),
                Column.name("Predicted", "predicted"),
                Column("Probability", "probability", numbers.percent),
                Column("Repeat", "repeat", numbers.count),
            )
            table = Table(f"mistakes-{model}", f"{model}: its most confident mistakes", worst, columns, folded=True)
            pictured = model in evidence.models_in_detail
            blocks = (_gallery(evidence, model, worst), table) if pictured else (replace(table, folded=False),)
        folded = model != evidence.models_by_rank[0]
        parts.append(Section(f"mistakes-of-{model}", f"Mistakes of {model}", blocks, folded=folded))
    contents = {"most": MOST, "unit": unit, "tiled": evidence.tiled}
    return Section("mistakes", "Most confident mistakes", parts=tuple(parts), contents=contents)


def most_confident(evidence: Evidence, model: str) -> pd.DataFrame:
    """The worst test verdicts of a model, each image once, with the probability given to the wrong class."""
    mine = evidence.tested(model, evidence.deciding_level)
    wrong = mine.loc[mine["predicted"] != mine["label"]]
    wrong = wrong.assign(probability=[float(row[f"p_{row['predicted']}"]) for _, row in wrong.iterrows()])
    wrong = wrong.sort_values(["probability", "image_id", "repeat"], ascending=[False, True, True])
    columns = ["repeat", "unit", "image_id", "group", "label", "predicted", "probability"]
    return wrong.drop_duplicates("image_id").head(MOST)[columns].reset_index(drop=True)


def _gallery(evidence: Evidence, model: str, worst: pd.DataFrame) -> Gallery:
    files = evidence.manifest.set_index("image_id")[["path", "bits"]]
    runs = {run.repeat: run for run in evidence.runs_of(model)}
    loudest = [_loudest_sample(runs.get(row.repeat), row) for row in worst.itertuples(index=False)]
    # a blend's view names those of its members
    view = next((str(run.record["view"]).split(", ")[0] for run in runs.values()), "")
    sample_ids = {sample["sample_id"] for sample in loudest if sample is not None}
    details = pictures.samples(evidence.views[view], sample_ids) if sample_ids and view in evidence.views else {}
    shown = []
    for row, sample in zip(worst.itertuples(index=False), loudest, strict=True):
        file = files.loc[row.image_id]
        lines = [
            row.image_id,
            f"true {row.label}, predicted {row.predicted}",
            f"probability {numbers.percent(row.probability)}",
        ]
        if sample is not None:
            p = numbers.percent(float(sample[f"p_{row.predicted}"]))
            lines.append(f"sample in row {sample['row'] + 1}, column {sample['column'] + 1}: {p}")
        shown.append(
            Picture(
                pictures.thumbnail(Path(file["path"]), int(file["bits"]), evidence.settings),
                f"Image {row.image_id}: {row.label}, taken for {row.predicted}",
                tuple(lines),
                None if sample is None else details.get(sample["sample_id"]),
                f"The sample of {row.image_id} that counts most",
            )
        )
    caption = f"{model}: misclassified test {evidence.deciding_level}s, most confident first"
    return Gallery(f"mistakes-{model}", caption, tuple(shown))


def _loudest_sample(run: Run | None, mistake: Any) -> pd.Series | None:
    """The sample that was classified, or of an image the one with the highest probability of the wrong class; None for
    undivided images."""
    if run is None:
        return None
    p = f"p_{mistake.predicted}"
    of_image = [("image_id", "==", mistake.image_id)]
    rows = pq.read_table(run.predictions, columns=["sample_id", "row", "column", p], filters=of_image).to_pandas()
    if len(rows) < 2:
        return None
    classified = rows.loc[rows["sample_id"] == mistake.unit]
    return classified.iloc[0] if len(classified) else rows.loc[rows[p].idxmax()]
