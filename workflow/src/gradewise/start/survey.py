"""Looks at a part of the images: their sizes, depth and colours, files that cannot be read, and copies."""

from __future__ import annotations

import hashlib
import logging
import os
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from gradewise.config.sources import Reading
from gradewise.images.decode import PLAIN, decode
from gradewise.images.files import UnreadableError
from gradewise.images.fingerprints import SIDE, fingerprint
from gradewise.images.microscopes import read_micrograph
from gradewise.progress import track

log = logging.getLogger(__name__)

BLOCKS, BLOCK = 24, 5
"""Number of runs of neighbouring files that are read, and their length: copies are often neighbours."""

HEAD = 2**16
"""Bytes of files of equal size that are compared."""


@dataclass(frozen=True)
class Survey:
    """Facts about images.

    Attributes
    ----------
    read : int
        Number of images that were read.
    sizes : ndarray of int, shape (read, 2)
        Height and width [px].
    bar_rows : ndarray of int, shape (read,)
        Height of the data bar of a microscope at the bottom [px]; 0 without one.
    bits : int
        Of the deepest.
    is_grey : bool
        Whether all are grey, also if stored as colour.
    unreadable : list of str
        Files that cannot be used, with the reason.
    equal_files : list of (str, str)
        Pairs of files, of all, that begin alike and have equal sizes.
    copies : int
        Pairs of copies among the images read.
    """

    read: int
    sizes: np.ndarray
    bar_rows: np.ndarray
    bits: int
    is_grey: bool
    unreadable: list[str]
    equal_files: list[tuple[str, str]]
    copies: int

    @property
    def above_bar(self) -> np.ndarray:
        """Height and width without data bars [px], as `sizes`."""
        return np.column_stack([self.sizes[:, 0] - self.bar_rows, self.sizes[:, 1]])

    @property
    def shortest(self) -> int:
        """The shorter side that nineteen of twenty images reach [px]."""
        return int(np.quantile(self.above_bar.min(axis=1), 0.05))

    @property
    def ratios(self) -> np.ndarray:
        """Width over height of each image."""
        return np.asarray(self.above_bar[:, 1] / self.above_bar[:, 0])


def survey(files: pd.DataFrame, threads: int, search_copies: bool = True, reading: Reading = PLAIN) -> Survey:
    """Read a sample of the images, and compare the sizes of all files.

    Parameters
    ----------
    files : DataFrame
        path and label.
    threads : int
    search_copies : bool
        Whether to compare the images read with each other, which takes seconds.
    reading : Reading
        How files are decoded.
    """
    chosen = _sample(files.sort_values(["label", "path"])["path"].tolist())
    with ThreadPoolExecutor(threads) as pool:
        facts = list(
            track(pool.map(partial(_look, reading=reading), chosen), len(chosen), "images looked at", every=5.0)
        )
    usable = pd.DataFrame([fact for fact in facts if isinstance(fact, dict)])
    unreadable = [f"{path}: {fact}" for path, fact in zip(chosen, facts, strict=True) if isinstance(fact, str)]
    equal = _equal_files(files["path"].tolist())
    if usable.empty:
        return Survey(0, np.empty((0, 2), int), np.empty(0, int), 8, False, unreadable, equal, 0)
    return Survey(
        read=len(usable),
        sizes=usable[["height", "width"]].to_numpy(),
        bar_rows=usable["bar_rows"].to_numpy(),
        bits=int(usable["bits"].max()),
        is_grey=bool(usable["is_grey"].all()),
        unreadable=unreadable,
        equal_files=equal,
        copies=_count_copies(usable, threads) if search_copies else 0,
    )


def _sample(paths: list[str]) -> list[str]:
    """Runs of neighbours, evenly spaced; all if they are few."""
    if len(paths) <= BLOCKS * BLOCK:
        return paths
    starts = np.linspace(0, len(paths) - BLOCK, BLOCKS).astype(int)
    return [paths[start + place] for start in starts for place in range(BLOCK)]


def _look(path: str, reading: Reading) -> dict[str, object] | str:
    """Facts of an image, or why it cannot be used."""
    try:
        decoded = decode(Path(path), reading)
        pixels = decoded.pixels
        return {
            "image_id": path,
            "path": path,
            "height": pixels.shape[0],
            "width": pixels.shape[1],
            "bar_rows": read_micrograph(Path(path), decoded).bar_rows,
            "bits": decoded.bits,
            "is_grey": pixels.ndim == 2 or bool((pixels[..., :1] == pixels).all()),
            "pixel_hash": decoded.pixel_hash(),
            "thumbnail": fingerprint(decoded, Path(path))["thumbnail"],
        }
    except UnreadableError as error:
        return str(error)
    except Exception as error:
        return f"could not be examined ({type(error).__name__}: {error})"


def _count_copies(usable: pd.DataFrame, threads: int) -> int:
    # loads torch, which takes a second
    from gradewise.images.duplicates import find_duplicates

    thumbnails = np.frombuffer(b"".join(usable["thumbnail"]), dtype=np.uint8).reshape(-1, SIDE, SIDE)
    pairs = find_duplicates(usable, thumbnails, threads)
    return int(pairs["kind"].isin(("exact", "near")).sum())


def _equal_files(paths: list[str]) -> list[tuple[str, str]]:
    of_size: dict[int, list[str]] = defaultdict(list)
    for path in paths:
        try:
            of_size[os.stat(path).st_size].append(path)
        except OSError:
            continue
    pairs = []
    for same in of_size.values():
        first: dict[bytes, str] = {}
        for path in same if len(same) > 1 else ():
            with open(path, "rb") as stream:
                digest = hashlib.sha256(stream.read(HEAD)).digest()
            if first.setdefault(digest, path) != path:
                pairs.append((first[digest], path))
    return pairs
