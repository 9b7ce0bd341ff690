"""Corrected labels: a table that a person fills in, which replaces labels without touching images or label tables.

Each row says what label an image has, so that a table made for other labels is noticed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from pydantic import BaseModel, ConfigDict

from gradewise.command import UserError
from gradewise.config.section import suggestion
from gradewise.provenance import hash_file
from gradewise.spreadsheets import original

EXCLUDE = "exclude"
"""In the column `corrected`: leave the image out. A class of this name comes first."""

COLUMNS = ["image_id", "label", "corrected"]


class Correction(BaseModel):
    """What a person decided about an image: `label` is the one in the data, `corrected` the one to use instead."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    image_id: str
    label: str
    corrected: str


class Corrections(BaseModel):
    """All that a table of corrections decides.

    Attributes
    ----------
    file, sha256 : str or None
        The table and the hash of its content; None where the configuration names none.
    decided : tuple of Correction
        Of each image that a person decided about, also where the label is confirmed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str | None = None
    sha256: str | None = None
    decided: tuple[Correction, ...] = ()

    @property
    def changed(self) -> list[Correction]:
        """Images with another label, or left out."""
        return [row for row in self.decided if row.corrected != row.label]


def parse_corrections(table: pd.DataFrame, path: Path, classes: Sequence[str]) -> Corrections:
    """What a table says; rows without a corrected label say nothing.

    Parameters
    ----------
    table : DataFrame of str
        Content of the file.
    path : Path
        The file.
    classes : sequence of str

    Raises
    ------
    UserError
        If a column is missing, an image is repeated or a corrected label is no class.
    """
    absent = [name for name in COLUMNS if name not in table.columns]
    if absent:
        raise UserError(
            f"{path}: no column {' nor '.join(absent)}; a table of corrections has the columns {', '.join(COLUMNS)} "
            f"(this one has {list(table.columns)})"
        )
    cells = table[COLUMNS].apply(lambda column: column.str.strip().map(original))
    cells = cells.loc[cells["corrected"] != ""]
    for line, row in zip(cells.index + 2, cells.itertuples(index=False), strict=True):
        if row.corrected not in (*classes, EXCLUDE):
            raise UserError(
                f"{path}: line {line}: corrected: {row.corrected!r} is not one of classes {list(classes)}."
                f"{suggestion(row.corrected, (*classes, EXCLUDE))} Give a class, {EXCLUDE} to leave the image out, or "
                "nothing to leave the label as it is"
            )
    repeated = cells["image_id"].duplicated()
    if repeated.any():
        raise UserError(
            f"{path}: image_id {cells.loc[repeated, 'image_id'].iloc[0]!r} is corrected twice; keep one row"
        )
    decided = tuple(Correction.model_validate(row) for row in cells.to_dict("records"))
    return Corrections(file=str(path), sha256=hash_file(path), decided=decided)


def correct(images: pd.DataFrame, corrections: Corrections, classes: Sequence[str]) -> pd.DataFrame:
    """Images with corrected labels, without those that are left out.

    Parameters
    ----------
    images : DataFrame
        With the columns image_id and label, a class.
    corrections : Corrections
    classes : sequence of str

    Raises
    ------
    UserError
        If an image is unknown, or its label is not the one that was corrected.
    """
    labels = dict(zip(images["image_id"], images["label"], strict=True))
    for row in corrections.decided:
        if row.image_id not in labels:
            raise UserError(
                f"{corrections.file}: no image has the image_id {row.image_id!r}."
                f"{suggestion(row.image_id, labels)} Correct the name, or remove the row"
            )
        if labels[row.image_id] != row.label:
            raise UserError(
                f"{corrections.file}: {row.image_id!r} has the label {labels[row.image_id]!r} in the data, not "
                f"{row.label!r}; the correction to {row.corrected!r} was made for another label. Look at the image "
                "again, then correct the row or remove it"
            )
        labels[row.image_id] = row.corrected
    excluded = [row.image_id for row in corrections.decided if row.corrected not in classes]
    corrected = images.assign(label=images["image_id"].map(labels))
    return corrected.loc[~corrected["image_id"].isin(excluded)]
