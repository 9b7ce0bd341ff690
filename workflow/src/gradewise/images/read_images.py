"""Reads every image of a dataset once, recording facts, a small picture and why a file is unusable; finds copies.

Views decide which pixels are kept for them and nothing else, so that a change of views or models reads no image again.
Copies are found before any split, so that they can share a group.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa

from gradewise import command, tables
from gradewise.config.sources import Source
from gradewise.config.views import View
from gradewise.images.budget import PixelBudget, map_ahead
from gradewise.images.decode import count_pixels, decode, header_size
from gradewise.images.duplicates import find_duplicates
from gradewise.images.files import UnreadableError
from gradewise.images.fingerprints import SIDE, Facts, fingerprint, thumbnails_of, write_fingerprints
from gradewise.images.kept import keeping, name_of, worth_keeping
from gradewise.images.listing import list_images, read_corrections
from gradewise.images.masks import hash_mask, read_mask
from gradewise.images.microscopes import read_micrograph
from gradewise.images.reasons import none_usable, not_examined
from gradewise.images.schemas import DUPLICATES, FINGERPRINTS, IMAGES, PRINTS, ROWS
from gradewise.progress import track
from gradewise.provenance import hash_file
from gradewise.records import write_json

Keep = Callable[[str, dict[str, np.ndarray]], None]

log = logging.getLogger(__name__)

FACTS = {
    "width": "Int32",
    "height": "Int32",
    "mode": "str",
    "bits": "Int8",
    "pixel_hash": "str",
    "pixel_size_nm": "float64",
    "bar_rows": "Int32",
    "mask_hash": "str",
    "file_hash": "str",
    "reason": "str",
}


class Inspected(NamedTuple):
    """What is known of an image once it is read: its facts, among them why it cannot be used, and where it can, its
    fingerprint and what pixels are worth keeping, see `worth_keeping`."""

    facts: Facts
    small: Facts | None = None
    kept: dict[str, np.ndarray] | None = None


def read_images(*, source: Source, threads: int, output: Path, views: Sequence[View] = ()) -> None:
    """List and read a dataset's images.

    Parameters
    ----------
    source : Source
        Where the images are, as JSON.
    threads : int
        How many images are read at a time.
    output : Path
        Folder for `images.parquet` (every listed file, with the reason if it cannot be used), `fingerprints.parquet`
        and `duplicates.parquet` (for usable images), `sides.json` (their number, their smallest side, and how many
        megapixels the largest has), `corrections.json` (the labels that a person decided about), and `kept.parquet`
        (pixels that views need, where they take little room).
    views : sequence of View
        Views that are to be made, as JSON. Nothing but `kept.parquet` depends on them.

    Raises
    ------
    UserError
        If folders, tables or corrections contradict the configuration, or no image can be used.
    """
    cv2.setNumThreads(1)
    corrections = read_corrections(source)
    listed = list_images(source)
    log.info("%d images of %d classes listed", len(listed), listed["label"].nunique())
    if corrections.file is not None:
        log.info("%s: %d labels corrected", corrections.file, len(corrections.changed))
    with keeping(output / "kept.parquet") as keep:
        named = {name_of(view): view for view in views}
        images, prints, thumbnails = inspect_images(listed, source, threads, named, keep)
    usable = images.loc[images["reason"].isna()].reset_index(drop=True)
    copies = find_duplicates(usable, thumbnails, threads, source)
    log.info("%d pairs of images: %s", len(copies), copies["kind"].value_counts().to_dict())
    tables.write(images, output / "images.parquet", IMAGES)
    write_fingerprints(prints, thumbnails, output / "fingerprints.parquet")
    tables.write(copies, output / "duplicates.parquet", DUPLICATES)
    smallest = min(usable["width"].min(), (usable["height"] - usable["bar_rows"]).min())
    # of files, since most are decoded at their size before they are shrunk
    largest = float((usable["width"].astype("int64") * usable["height"]).max() * source.factor**2 / 1e6)
    write_json(output / "sides.json", {"smallest": int(smallest), "megapixels": largest, "images": len(usable)})
    write_json(output / "corrections.json", corrections)


def inspect_images(
    listed: pd.DataFrame,
    source: Source,
    threads: int,
    views: Mapping[str, View] = MappingProxyType({}),
    keep: Keep | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Read images.

    Parameters
    ----------
    listed : DataFrame
        As `list_images` returns it.
    source : Source
    threads : int
        How many images are read at a time.
    views : mapping of str to View
        Views that are to be made of the images, by `kept.name_of`.
    keep : callable, optional
        Called in order with the image_id of each image that can be used and the pixels that are worth keeping for
        these views, see `worth_keeping`.

    Returns
    -------
    images : DataFrame
        The same with the columns `FACTS`; `reason` is null where an image can be used.
    prints : DataFrame
        Rows of `fingerprints.parquet` without the small pictures, for the images that can be used, in the same order.
    thumbnails : ndarray of uint8, shape (n, SIDE, SIDE)
        Their small pictures.

    Raises
    ------
    UserError
        If no image can be used.
    """
    thumbnails = np.empty((len(listed), SIDE, SIDE), np.uint8)
    parts, measured, usable = [], [], 0
    inspected = track(_inspect_all(listed, source, threads, views, keep), len(listed), "images read")
    while part := list(islice(inspected, ROWS)):
        parts.append(pd.DataFrame([facts for facts, _ in part], columns=list(FACTS)).astype(FACTS))
        prints = pa.Table.from_pylist([small for _, small in part if small is not None], FINGERPRINTS)
        pictures = thumbnails_of(prints["thumbnail"])
        thumbnails[usable : usable + len(pictures)] = pictures
        usable += len(pictures)
        measured.append(prints.select(PRINTS.names))
    images = listed.join(pd.concat(parts).set_axis(listed.index))
    readable = images["reason"].isna()
    if not readable.any():
        raise command.UserError(none_usable(images))
    return images, pa.concat_tables(measured).to_pandas(), thumbnails[:usable]


def _inspect_all(
    listed: pd.DataFrame, source: Source, threads: int, views: Mapping[str, View], keep: Keep | None
) -> Iterator[tuple[Facts, Facts | None]]:
    """Facts and fingerprint of each image, in order; fingerprints with the name of their image."""
    budget = PixelBudget()

    def inspect(files: tuple[str, str | None]) -> Inspected:
        return _inspect(Path(files[0]), files[1], source, budget, views)

    with ThreadPoolExecutor(threads) as pool:
        inspected = map_ahead(pool, inspect, zip(listed["path"], listed["mask"], strict=True), 2 * threads)
        for image_id, (facts, small, kept) in zip(listed["image_id"], inspected, strict=True):
            if keep is not None and kept is not None:
                keep(image_id, kept)
            yield facts, None if small is None else small | {"image_id": image_id}


def _inspect(path: Path, mask: str | None, source: Source, budget: PixelBudget, views: Mapping[str, View]) -> Inspected:
    """What is known of an image, whatever it is."""
    try:
        with budget.hold(count_pixels(path, source)):
            return _examine(path, mask, source, views)
    except UnreadableError as error:
        return Inspected({"reason": str(error)})
    except Exception as error:
        return Inspected({"reason": not_examined(path, error)})


def _examine(path: Path, mask: str | None, source: Source, views: Mapping[str, View]) -> Inspected:
    decoded = decode(path, source, source.max_megapixels)
    height, width = decoded.pixels.shape[:2]
    facts: Facts = {"width": width, "height": height, "mode": decoded.mode, "bits": decoded.bits}
    if min(height, width) < source.min_side:
        shrunk = f" at shrink: {source.shrink}" if source.shrink else ""
        return Inspected({**facts, "reason": f"{width} x {height} pixels{shrunk}; min_side is {source.min_side}"})
    try:
        marked = _read_mask(Path(mask), (width, height)) if isinstance(mask, str) else None
    except UnreadableError as error:
        return Inspected({**facts, "reason": f"its mask {mask}: {error}"})
    micrograph = read_micrograph(path, decoded)
    facts |= {"pixel_size_nm": micrograph.pixel_size_nm, "bar_rows": micrograph.bar_rows}
    facts |= {"mask_hash": None if marked is None else hash_mask(marked)}
    small = fingerprint(decoded, path) | {"masked_share": None if marked is None else float((marked > 0).mean())}
    file_bytes = path.stat().st_size
    # the file of one page of many is longer than the page
    is_short = file_bytes <= decoded.pixels.nbytes
    facts |= {"pixel_hash": decoded.pixel_hash(), "file_hash": hash_file(path) if is_short else None}
    return Inspected(facts, small, worth_keeping(decoded, micrograph.bar_rows, file_bytes, views))


def _read_mask(path: Path, size: tuple[int, int]) -> np.ndarray:
    """The mask of an image, which must have its size (width, height)."""
    # its header first, for a mask of another size may be one that the memory does not hold
    header = header_size(path)
    if header is None or sorted(header) == sorted(size):
        mask = read_mask(path)
        header = mask.shape[1], mask.shape[0]
    if header != size:
        raise UnreadableError(f"{header[0]} x {header[1]} pixels, the image {size[0]} x {size[1]}")
    return mask


if __name__ == "__main__":
    command.run(read_images)
