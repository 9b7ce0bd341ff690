"""The manifest: every usable image of a dataset, read fully once; what cannot be used goes to the quarantine list.

Copies are found here, before any split, so that they can share a group; what is kept of each image to find them by, and
to audit the dataset, is written beside the manifest.
"""

from __future__ import annotations

import csv
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gradewise import command, tables
from gradewise.config import Source
from gradewise.images.decode import UnreadableError, decode
from gradewise.images.duplicates import find_duplicates
from gradewise.images.fingerprints import SIDE, fingerprint
from gradewise.images.listing import list_images
from gradewise.progress import track

log = logging.getLogger(__name__)


def manifest(
    *, source: Source, threads: int, output: Path, quarantine: Path, fingerprints: Path, duplicates: Path
) -> None:
    """List and check a dataset's images.

    Parameters
    ----------
    source : Source
        Where the images are, as JSON.
    threads : int
        How many images are read at a time.
    output : Path
        Table of usable images, `manifest.parquet`.
    quarantine : Path
        Table of files set aside and why, `quarantine.csv`.
    fingerprints : Path
        Table of small pictures and facts that say nothing of what images show, `fingerprints.parquet`.
    duplicates : Path
        Table of pairs of copies and look-alikes, `duplicates.parquet`.

    Raises
    ------
    UserError
        Where folders or tables contradict the configuration, or no image is left.
    """
    listed = list_images(source)
    log.info("%d images of %d classes listed", len(listed), listed["label"].nunique())

    def inspect(row: Any) -> dict[str, Any]:
        try:
            return _inspect(Path(row.path), row.mask, source)
        except UnreadableError as error:
            return {"reason": str(error)}

    with ThreadPoolExecutor(threads) as pool:
        facts = list(track(pool.map(inspect, listed.itertuples()), len(listed), "images read"))
    prints = pd.DataFrame([fact.pop("fingerprint", None) or {} for fact in facts], index=listed.index)
    frame = listed.join(pd.DataFrame(facts, index=listed.index, columns=_FACTS))
    aside = frame["reason"].notna()
    _write_quarantine(frame.loc[aside, ["path", "reason"]], quarantine)
    if aside.any():
        log.warning("%d of %d files set aside, see %s", aside.sum(), len(frame), quarantine)
    usable = frame.loc[~aside].drop(columns="reason").reset_index(drop=True)
    if usable.empty:
        raise command.UserError(f"none of {len(frame)} files can be used, see {quarantine}")
    prints = prints.loc[~aside].reset_index(drop=True)
    thumbnails = np.frombuffer(b"".join(prints["thumbnail"]), dtype=np.uint8).reshape(-1, SIDE, SIDE)
    copies = find_duplicates(usable, thumbnails, threads)
    log.info("%d pairs of images: %s", len(copies), copies["kind"].value_counts().to_dict())
    usable["group"] = join_groups(usable["group"], _twins(usable["image_id"], copies, source.join_duplicates))
    prints = prints.assign(image_id=usable["image_id"]).astype({"file_bytes": "int64"})
    tables.write(prints, fingerprints, tables.FINGERPRINTS)
    tables.write(copies, duplicates, tables.DUPLICATES)
    tables.write(usable, output, tables.MANIFEST)


_FACTS = ["width", "height", "mode", "bits", "pixel_hash", "reason"]


def _inspect(path: Path, mask: str | None, source: Source) -> dict[str, Any]:
    decoded = decode(path, source.max_megapixels)
    height, width = decoded.pixels.shape[:2]
    if min(height, width) < source.min_side:
        raise UnreadableError(f"{width} x {height} pixels; the views need at least {source.min_side} a side")
    if isinstance(mask, str):
        _check_mask(Path(mask), (width, height))
    return {
        "width": width,
        "height": height,
        "mode": decoded.mode,
        "bits": decoded.bits,
        "pixel_hash": decoded.pixel_hash(),
        "fingerprint": fingerprint(decoded, path),
    }


def _check_mask(path: Path, size: tuple[int, int]) -> None:
    try:
        with Image.open(path) as mask:
            found = mask.size
    except OSError as error:
        raise UnreadableError(f"its mask {path} cannot be read ({error})") from error
    if found != size:
        raise UnreadableError(f"its mask {path} is {found[0]} x {found[1]} pixels, the image {size[0]} x {size[1]}")


def _twins(images: pd.Series, copies: pd.DataFrame, join: bool | Literal["exact"]) -> pd.Series:
    """A name for each image that its copies share, as far as they are to be joined."""
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
        Equal for images that must not be parted.

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
