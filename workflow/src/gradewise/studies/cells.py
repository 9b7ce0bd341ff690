"""Cells as the steps of studies are given them, and their answers as they write them.

A cell is one combination of the settings that a study varies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import Field

from gradewise import tables
from gradewise.command import UserError
from gradewise.config.section import Section
from gradewise.evaluation.verdicts import gather
from gradewise.families.forest.settings import ForestSettings
from gradewise.families.pca_svm.settings import SvmSettings


class _Cell(Section):
    name: str = Field(min_length=1, description="unique in the study")
    view: str


class SvmCell(_Cell):
    """Settings of a support vector classifier, and the view that it is fitted to."""

    settings: SvmSettings


class ForestCell(_Cell):
    """Settings of a forest, and the view that it is fitted to."""

    settings: ForestSettings


def check_views(cells: Sequence[_Cell], views: Sequence[str]) -> None:
    """See that every cell's view is among those given, each of them once.

    Raises
    ------
    UserError
        Naming the cell, its view and the views there are.
    """
    if len(set(views)) < len(views):
        raise UserError(f"samples: a view stands twice in {', '.join(views)}; give each once")
    for cell in cells:
        if cell.view not in views:
            raise UserError(
                f"cells: {cell.name!r} needs the view {cell.view!r}, and samples are of {', '.join(views)}; "
                f"add the cache {cell.view}.parquet to samples"
            )


def answers(
    cell: str, repeat: int, table: pd.DataFrame, labels: pd.Series, classes: list[str], shares: np.ndarray
) -> pd.DataFrame:
    """Verdicts on images by the mean of their samples; a tie goes to the class that is earlier in the configuration.

    Parameters
    ----------
    cell : str
    repeat : int
    table : DataFrame
        image_id, group and role, one row a sample, as `views.samples.read_table` gives it.
    labels : Series of str
        The manifest's label by image_id.
    classes : list of str
        In the order of the configuration.
    shares : ndarray, shape (n, k)
        What each sample says of each class: probabilities, or 1 for the class predicted and 0 for others, whose mean
        is a vote.

    Returns
    -------
    DataFrame
        Columns of `tables.ANSWERS`, one row an image.
    """
    named = pd.DataFrame(shares, columns=[f"p_{name}" for name in classes])
    samples = pd.concat([table[["image_id", "group", "role"]], named], axis=1)
    verdicts = gather(samples, labels, classes, None, "mean")
    return verdicts[["role", "image_id", "group", "label", "predicted"]].assign(cell=cell, repeat=repeat)


def write_cells(
    cells: Sequence[_Cell],
    repeat: int,
    verdicts: Mapping[str, pd.DataFrame],
    measures: Mapping[str, Mapping[str, float | None]],
    output: Path,
) -> None:
    """Write `answers.parquet` and `measures.parquet`, cells in the order given.

    Parameters
    ----------
    cells : sequence of SvmCell or ForestCell
    repeat : int
    verdicts : mapping of str to DataFrame
        From `answers`, by the cell's name.
    measures : mapping of str to mapping of str to float
        Values by the cell's name and the measure's.
    output : Path
        Folder to write into.
    """
    rows = [
        {"cell": cell.name, "repeat": repeat, "measure": name, "value": value}
        for cell in cells
        for name, value in measures[cell.name].items()
    ]
    tables.write(pd.concat([verdicts[cell.name] for cell in cells]), output / "answers.parquet", tables.ANSWERS)
    tables.write(pd.DataFrame(rows).astype({"value": float}), output / "measures.parquet", tables.MEASURES)
