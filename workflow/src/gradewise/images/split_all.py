"""The step `split_all`: roles for a model that is handed over, which learns from all images; none is left for testing.

A share of the groups remains for validation, which early stopping, choosing settings and calibration need.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from gradewise import command, tables
from gradewise.command import UserError
from gradewise.images.schemas import SPLITS
from gradewise.images.split import draw_groups, log_counts
from gradewise.provenance import derive_seed


def split_all(
    *,
    manifest: Path,
    validation: float,
    train_only: str | None = None,
    repeats: int = 1,
    seed: int,
    output: Path,
) -> None:
    """Draw training and validation groups from all images.

    Parameters
    ----------
    manifest : Path
        Table of images.
    validation : float
        Share of the images for validation.
    train_only : str, optional
        The class whose images alone are used, all of them for training.
    repeats : int
        Number of draws; a blend over repeats has a model for each.
    seed : int
    output : Path
        `splits.parquet` of the variant.

    Raises
    ------
    UserError
        If no draw leaves every class some images for training.
    """
    images = tables.read(manifest, columns=["image_id", "label", "group"])
    if train_only is not None:
        images = images.loc[images["label"] == train_only]
    parts = []
    for repeat in range(repeats):
        rng = np.random.default_rng(derive_seed(seed, "all", repeat))
        drawn = np.zeros(len(images), bool) if train_only is not None else draw_groups(images, validation, rng)
        lacking = sorted(set(images["label"]) - set(images.loc[~drawn, "label"]))
        if lacking:
            raise UserError(
                f"no group of class {', '.join(lacking)} is left for training beside validation; add groups of it, "
                "reduce evaluation.validation, or hand over a tested model (deploy: {fit_on: training})"
            )
        roles = np.where(drawn, "validation", "train")
        parts.append(pd.DataFrame({"repeat": repeat, "image_id": images["image_id"], "role": roles}))
    splits = pd.concat(parts, ignore_index=True)
    tables.write(splits, output, SPLITS)
    log_counts(splits)


if __name__ == "__main__":
    command.run(split_all)
