"""Section: images of different groups that a pretrained network finds alike, and accuracy by resemblance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from gradewise.judgement.look_alikes import THIRDS
from gradewise.report import numbers, pictures
from gradewise.report.blocks import Block, Column, Gallery, Picture, Section, Table
from gradewise.report.evidence import Evidence, bounded

ORDER = 62

FOLDED = True

MOST, MOST_ROWS = 8, 50
"""Pairs that are shown as pictures, and rows of their table."""


def section(evidence: Evidence) -> Section | None:
    """The most similar pairs as pictures and as a table, and accuracy by thirds; None without such features."""
    pairs, rows = evidence.look_alikes, evidence.resemblance
    if pairs is None or rows is None or pairs.empty:
        return None
    alone = evidence.manifest["group"].is_unique
    shown: list[Block] = [_gallery(evidence, pairs), _pairs(pairs, alone)]
    return Section(
        "look-alikes",
        "Images that look alike across groups",
        contents={
            "alone": alone,
            "gap": _gap(evidence),
            "shown": shown,
            "thirds": [] if rows.empty else [_thirds(rows)],
        },
    )


def resemblance_of_chosen(evidence: Evidence) -> pd.DataFrame | None:
    """Rows of the model to use, or else of the first one; None where nothing was measured."""
    rows = evidence.resemblance
    if rows is None or rows.empty:
        return None
    models = [name for name in evidence.models_by_rank if name in set(rows["model"])]
    return rows.loc[rows["model"] == models[0]].set_index("third")


def _gap(evidence: Evidence) -> str:
    mine = resemblance_of_chosen(evidence)
    if mine is None:
        return ""
    most, least = mine.loc[THIRDS[0]], mine.loc[THIRDS[-1]]
    gap = bounded(most, "gap")
    text = (
        f"{most['model']} classifies {numbers.percent_ci(bounded(most, 'accuracy'))} of the third of test images most "
        f"similar to a training image correctly, and {numbers.percent_ci(bounded(least, 'accuracy'))} of the least "
        f"similar third"
    )
    if not gap.bounds:
        return f"{text}. There are too few groups for an interval of the difference."
    return f"{text}: a difference of {numbers.points_ci(gap)}. " + (
        "Either training and test show the same scenes or specimens, which new images will not, or unusual images are "
        "harder; the pairs below tell which."
        if gap.bounds[0] > 0
        else "That does not show that look-alikes inflate the accuracy."
    )


def _gallery(evidence: Evidence, pairs: pd.DataFrame) -> Gallery:
    bits = evidence.manifest.set_index("image_id")["bits"]

    def picture(path: str, image_id: str) -> Image.Image:
        return pictures.thumbnail(Path(path), int(bits[image_id]), evidence.settings)

    shown = [
        Picture(
            picture(row.path, row.image_id),
            f"Image {row.image_id}",
            (
                f"{row.image_id} and {row.other_image_id}",
                row.label if row.label == row.other_label else f"labelled {row.label} and {row.other_label}",
                f"similarity {row.similarity:.2f}",
            ),
            picture(row.other_path, row.other_image_id),
            f"Image {row.other_image_id}",
        )
        for row in pairs.head(MOST).itertuples(index=False)
    ]
    return Gallery("look-alikes", "The most similar pairs of different groups", tuple(shown), even=True)


def _pairs(pairs: pd.DataFrame, alone: bool) -> Table:
    columns = (
        Column.text("Image", "image_id"),
        *(() if alone else (Column.text("Group", "group"),)),
        Column.name("Label", "label"),
        Column.text("Other image", "other_image_id"),
        *(() if alone else (Column.text("Its group", "other_group"),)),
        Column.name("Its label", "other_label"),
        Column("Similarity", "similarity", "{:.2f}".format),
    )
    caption = f"The {len(pairs)} most similar pairs; no image is in two of them"
    return Table("look-alikes", caption, pairs, columns, limit=MOST_ROWS, folded=True)


def _thirds(rows: pd.DataFrame) -> Table:
    def write(third: Any) -> str:
        return f"{third} similar"

    columns = (
        Column.name("Model", "model"),
        Column.name("Test images", "third", write),
        Column("Similarity, median", "similarity", "{:.2f}".format),
        Column.interval("Accuracy", "accuracy", numbers.percent_interval),
        Column.interval("Most minus least similar, points", "gap", numbers.points_interval),
        Column("Images", "images", numbers.count),
        Column("Groups", "groups", numbers.count),
    )
    caption = "Accuracy by similarity to the most similar training image, in thirds of the test images, with 95 % CI"
    return Table("resemblance", caption, rows.reset_index(drop=True), columns)
