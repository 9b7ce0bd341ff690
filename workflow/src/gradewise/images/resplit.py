"""The step `resplit`: other splits of the same images, derived from the dataset's own, to learn what those leave open.

The careless split says what a split without regard to groups would have claimed; shares of the training groups say
what more data would bring. Everything but what is asked about stays as it is in the dataset's splits.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from gradewise import command, tables
from gradewise.command import UserError
from gradewise.images.split import draw_groups
from gradewise.provenance import derive_seed

LEAST = 2
"""Groups of each class that a share of the training groups holds at least: what calibration by parts needs."""

log = logging.getLogger(__name__)


def resplit(*, splits: Path, manifest: Path, shares: list[float], folds: int = 1, seed: int, output: Path) -> None:
    """Derive other splits from a dataset's splits.

    Parameters
    ----------
    splits, manifest : Path
        The tables of that name.
    shares : list of float
        Shares of the training groups to keep, each drawn from within the one before, the last of which is written;
        none: the careless split.
    folds : int
        How many repeats in a row test every image once.
    seed : int
    output : Path
        `splits.parquet` of the variant.

    Raises
    ------
    UserError
        Where shares do not fall from below 1 to above 0.
    """
    if any(not 0 < share < previous for previous, share in zip([1.0, *shares], shares, strict=False)):
        raise UserError(f"--shares {shares}: must fall, each above 0 and below 1")
    images, roles = tables.read(manifest), tables.read(splits)
    if shares:
        drawn = thin(roles, images, shares, seed)
    else:
        drawn = exchange(roles, images, folds, seed)
        if images["group"].is_unique:
            log.warning("every image is a group of its own: a split that ignores groups differs by chance alone")
    tables.write(drawn, output, tables.SPLITS)
    counts = drawn.groupby("role").size() / drawn["repeat"].nunique()
    log.info("images per repeat: %s", ", ".join(f"{role} {count:.0f}" for role, count in counts.items()))


def exchange(roles: pd.DataFrame, images: pd.DataFrame, folds: int, seed: int) -> pd.DataFrame:
    """The careless split: images exchange their roles with others of their class, whatever group they belong to.

    Every role keeps its number of images of each class, so that nothing but the disregard of groups and duplicates
    tells the two splits apart.

    Parameters
    ----------
    roles : DataFrame
        repeat, image_id, role.
    images : DataFrame
        image_id, label.
    folds : int
        Repeats that share one exchange, so that each image is still tested once among them.
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
        present = pd.Series(np.sort(of_draw["image_id"].unique()))
        taken = {
            image: other
            for _, of_class in present.groupby(present.map(labels), sort=True)
            for image, other in zip(of_class, rng.permutation(of_class.to_numpy()), strict=True)
        }
        parts.append(of_draw.assign(image_id=of_draw["image_id"].map(taken)))
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
        Falling; each is drawn from within the one before, with close to its share of every class and at least
        `LEAST` groups of each.
    seed : int

    Returns
    -------
    DataFrame
        The rows of `roles` that stay.
    """
    known = images.set_index("image_id")[["label", "group"]]
    kept = []
    for repeat, of_repeat in roles.groupby("repeat", sort=True):
        train = of_repeat.loc[of_repeat["role"] == "train"].join(known, on="image_id")
        before = 1.0
        for share in shares:
            rng = np.random.default_rng(derive_seed(seed, "share", int(repeat), f"{share:g}"))
            drawn = draw_groups(train, share / before, rng)
            train, before = train.loc[_with_every_class(train, drawn, rng)], share
        stays = (of_repeat["role"] != "train") | of_repeat["image_id"].isin(train["image_id"])
        kept.append(of_repeat.loc[stays])
    return pd.concat(kept, ignore_index=True)


def _with_every_class(train: pd.DataFrame, drawn: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Marks the images drawn, and those of further groups where a class has fewer than `LEAST` groups among them."""
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
