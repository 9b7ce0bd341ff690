"""The manifest: every usable image of a dataset; unusable files go to the quarantine list.

Sizes are checked here for all views of the dataset at once, so that all models see the same images. No image is read.
"""

from __future__ import annotations

import csv
import logging
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gradewise import command, tables
from gradewise.images.reasons import none_usable
from gradewise.images.schemas import DUPLICATES, FINGERPRINTS, MANIFEST, ROWS

log = logging.getLogger(__name__)


def manifest(
    *,
    read: Path,
    min_side: int,
    join_duplicates: bool | Literal["exact"],
    output: Path,
    quarantine: Path,
    fingerprints: Path,
    duplicates: Path,
) -> None:
    """Set aside what cannot be used, and join the groups of copies.

    Parameters
    ----------
    read : Path
        Folder written by `read_images`.
    min_side : int
        Smallest side that every view can work with [px].
    join_duplicates : bool or exact
        Which copies share a group: all, none, or those with equal pixels.
    output : Path
        Table of usable images, `manifest.parquet`.
    quarantine : Path
        Table of files set aside and why, `quarantine.csv`.
    fingerprints : Path
        Table of small pictures and content-free facts, `fingerprints.parquet`.
    duplicates : Path
        Table of pairs of copies and look-alikes, `duplicates.parquet`.

    Raises
    ------
    UserError
        If no image can be used.
    """
    listed = tables.read(read / "images.parquet")
    # a view may cut the data bar off
    listed["usable_height"] = listed["height"] - listed["bar_rows"].fillna(0)
    small = (listed[["width", "usable_height"]].min(axis=1) < min_side).fillna(False) & listed["reason"].isna()
    listed.loc[small, "reason"] = [
        f"{row.width:.0f} x {row.usable_height:.0f} pixels{' above the data bar' if row.bar_rows > 0 else ''}; "
        f"the views need at least {min_side} a side"
        for row in listed.loc[small].itertuples()
    ]
    aside = listed["reason"].notna()
    if aside.all():
        raise command.UserError(none_usable(listed))
    _write_quarantine(listed.loc[aside, ["path", "reason"]], quarantine)
    if aside.any():
        log.warning("%d of %d files set aside, see %s", aside.sum(), len(listed), quarantine)
    usable = listed.loc[~aside].drop(columns=["reason", "usable_height"]).reset_index(drop=True)
    # These columns are empty only for files that cannot be read.
    usable = usable.astype({"width": "int32", "height": "int32", "bits": "int8", "bar_rows": "int32"})
    pairs = tables.read(read / "duplicates.parquet")
    names = set(usable["image_id"])
    copies = pairs.loc[pairs["image_id"].isin(names) & pairs["other_image_id"].isin(names)]
    log.info("%d images of %d classes, %d pairs of similar images", len(usable), usable["label"].nunique(), len(copies))
    usable["group"] = join_groups(usable["group"], find_twins(usable["image_id"], copies, join_duplicates))
    with tables.appending(fingerprints, FINGERPRINTS) as append:
        for batch in tables.batches(read / "fingerprints.parquet", FINGERPRINTS.names, rows=ROWS):
            prints = batch.to_pandas()
            # isin would look at all names for each batch
            append(prints.loc[[name in names for name in prints["image_id"]]])
    tables.write(copies, duplicates, DUPLICATES)
    tables.write(usable, output, MANIFEST)


def find_twins(images: pd.Series, copies: pd.DataFrame, join: bool | Literal["exact"]) -> pd.Series:
    """A name for each image, shared by all copies that should be joined.

    Parameters
    ----------
    images : Series of str
        image_id of each image.
    copies : DataFrame
        Pairs, as `find_duplicates` has them, of these images alone.
    join : bool or exact
        Which copies are joined: all, none, or those with equal pixels.
    """
    kinds = {True: ("exact", "near"), "exact": ("exact",), False: ()}[join]
    joined = copies.loc[copies["kind"].isin(kinds)]
    ends = [pd.Index(images).get_indexer(joined[end]) for end in ("image_id", "other_image_id")]
    edges = coo_array((np.ones(len(joined)), ends), shape=(len(images),) * 2)
    _, component = connected_components(edges, directed=False)
    return pd.Series(component, index=images.index)


def join_groups(groups: pd.Series, twins: pd.Series) -> pd.Series:
    """Join groups that share a twin.

    Parameters
    ----------
    groups : Series of str
        Group of each image.
    twins : Series of str
        Equal for images that must not be separated.

    Returns
    -------
    Series of str
        The first name, in order of appearance, among the groups joined.
    """
    group_codes, names = pd.factorize(groups)
    twin_codes, _ = pd.factorize(twins)
    n = len(names)
    edges = coo_array((np.ones(len(groups)), (group_codes, n + twin_codes)), shape=(n + len(groups),) * 2)
    _, component = connected_components(edges, directed=False)
    first = pd.Series(names).groupby(component[:n]).transform("first")
    return pd.Series(first.to_numpy()[group_codes], index=groups.index)


def _write_quarantine(rows: pd.DataFrame, path: Path) -> None:
    with tables.replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "reason"])
        writer.writerows(rows.itertuples(index=False))


if __name__ == "__main__":
    command.run(manifest)
