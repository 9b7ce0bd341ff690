"""The step `resplit`: variants of a dataset's splits that answer two further questions.

The careless split shows the accuracy that a split without regard to groups would have claimed; shares of the training
groups show what more data would bring. Everything else stays as in the dataset's splits.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from gradewise import command, tables
from gradewise.command import UserError
from gradewise.images.schemas import SPLITS
from gradewise.images.split import draw_groups, log_counts
from gradewise.provenance import derive_seed

LEAST = 2
"""Minimum number of groups per class in a share of the training groups, as calibration needs."""

log = logging.getLogger(__name__)


def resplit(*, splits: Path, manifest: Path, shares: list[float], folds: int = 1, seed: int, output: Path) -> None:
    """Derive other splits from a dataset's splits.

    Parameters
    ----------
    splits, manifest : Path
        The tables of that name.
    shares : list of float
        Nested shares of the training groups, of which the last is written; empty: the careless split.
    folds : int
        Number of consecutive repeats that together test every image once.
    seed : int
    output : Path
        `splits.parquet` of the variant.

    Raises
    ------
    UserError
        If shares do not decrease from below 1 to above 0.
    """
    if any(not 0 < share < previous for previous, share in zip([1.0, *shares], shares, strict=False)):
        raise UserError(f"--shares {shares}: must decrease, each above 0 and below 1")
    images, roles = tables.read(manifest), tables.read(splits)
    if shares:
        drawn = thin(roles, images, shares, seed)
    else:
        drawn = exchange(roles, images, folds, seed)
        if images["group"].is_unique:
            log.warning("every image is a group of its own: a split that ignores groups differs by chance alone")
    tables.write(drawn, output, SPLITS)
    log_counts(drawn)


def exchange(roles: pd.DataFrame, images: pd.DataFrame, folds: int, seed: int) -> pd.DataFrame:
    """The careless split: images swap roles with others of their class, regardless of their groups.

    Every role keeps its number of images of each class, so the two splits differ only in ignoring groups and
    duplicates.

    Parameters
    ----------
    roles : DataFrame
        repeat, image_id, role.
    images : DataFrame
        image_id, label.
    folds : int
        Number of repeats that share one exchange, so that together they still test each image once.
    seed : int

    Returns
    -------
    DataFrame
        Like `roles`.
    """
    labels = images.set_index("image_id")["label"]
    parts = []
    for number, of_draw in roles.groupby(roles["repeat"] // folds, sort=True):
        rng = np.random.default_rng(derive_seed(seed, "careless", int(number)))
        images_drawn = pd.Series(np.sort(of_draw["image_id"].unique()))
        replacements = {
            image: other
            for _, of_class in images_drawn.groupby(images_drawn.map(labels), sort=True)
            for image, other in zip(of_class, rng.permutation(of_class.to_numpy()), strict=True)
        }
        parts.append(of_draw.assign(image_id=of_draw["image_id"].map(replacements)))
    return pd.concat(parts, ignore_index=True)


def thin(roles: pd.DataFrame, images: pd.DataFrame, shares: list[float], seed: int) -> pd.DataFrame:
    """Keep a share of the training groups of every repeat, and all validation and test images.

    Parameters
    ----------
    roles : DataFrame
        repeat, image_id, role.
    images : DataFrame
        image_id, label, group.
    shares : list of float
        Decreasing; each is drawn from the previous one, with about this share of every class and at least `LEAST`
        groups of each.
    seed : int

    Returns
    -------
    DataFrame
        The rows of `roles` that stay.
    """
    labels_and_groups = images.set_index("image_id")[["label", "group"]]
    kept = []
    for repeat, of_repeat in roles.groupby("repeat", sort=True):
        train = of_repeat.loc[of_repeat["role"] == "train"].join(labels_and_groups, on="image_id")
        before = 1.0
        for share in shares:
            rng = np.random.default_rng(derive_seed(seed, "share", int(repeat), f"{share:g}"))
            drawn = draw_groups(train, share / before, rng)
            train, before = train.loc[_with_every_class(train, drawn, rng)], share
        is_kept = (of_repeat["role"] != "train") | of_repeat["image_id"].isin(train["image_id"])
        kept.append(of_repeat.loc[is_kept])
    return pd.concat(kept, ignore_index=True)


def _with_every_class(train: pd.DataFrame, drawn: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mark the drawn images, and those of further groups if a class has fewer than `LEAST` groups among them."""
    kept = set(train.loc[drawn, "group"])
    for name in sorted(train["label"].unique()):
        groups = set(train.loc[train["label"] == name, "group"])
        spare = sorted(groups - kept)
        lacking = min(LEAST - len(groups & kept), len(spare))
        if lacking > 0:
            kept |= set(rng.choice(spare, lacking, replace=False))
    return np.asarray(train["group"].isin(kept).to_numpy())


if __name__ == "__main__":
    command.run(resplit)
