"""Statistics of the samples of a view, or of features that a backbone made of them, which images are compared by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from gradewise import tables
from gradewise.judgement.strangeness import Reference, are_features, describe, fit_reference, mean_of_images
from gradewise.provenance import derive_seed

MOST_IMAGES = 5000
"""Images of a dataset that are described; of more, this many are drawn."""


@dataclass(frozen=True)
class Described:
    """Statistics of the samples of some images.

    Attributes
    ----------
    image : ndarray of str, shape (n,)
        The image of each sample.
    statistics : ndarray of float32, shape (n, f)
    shape : tuple of int
        Height, width and channels of a sample.
    """

    image: np.ndarray
    statistics: np.ndarray
    shape: tuple[int, ...]

    def reference(self, images: pd.Index, rng: np.random.Generator) -> Reference:
        """Samples of some images to compare others with."""
        return fit_reference(self.statistics[np.isin(self.image, images)], self.shape, rng)

    def strangeness(self, images: pd.Index, reference: Reference) -> np.ndarray:
        """Strangeness of some images in this view, shape (n,), in their order."""
        place = images.get_indexer(self.image)
        kept = place >= 0
        return mean_of_images(reference.distances(self.statistics[kept]), place[kept])


def drawn(images: pd.Index, seed: int, most: int = MOST_IMAGES) -> pd.Index:
    """So many images at most, in their order."""
    if len(images) <= most:
        return images
    rng = np.random.default_rng(derive_seed(seed, "unknown", "images"))
    return images[np.sort(rng.choice(len(images), most, replace=False))]


def read_described(view: Path, images: pd.Index) -> Described:
    """Statistics of the samples of some images in a view's cache, read piece by piece."""
    shape = tuple(tables.read_metadata(view)["shape"])
    names, statistics = [], []
    for ids, pixels in _pieces(view, shape):
        kept = np.isin(ids, images)
        names.append(ids[kept])
        statistics.append(describe(pixels[kept]))
    return Described(np.concatenate(names), np.concatenate(statistics), shape)


def _pieces(view: Path, shape: tuple[int, ...]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    cache = pq.ParquetFile(view)
    values = "features" if are_features(shape) else "pixels"
    for number in range(cache.num_row_groups):
        piece = cache.read_row_group(number, columns=["image_id", values])
        if values == "features":
            pixels = piece[values].combine_chunks().flatten().to_numpy()
        else:
            pixels = np.frombuffer(b"".join(piece[values].to_pylist()), dtype=np.uint8)
        yield piece["image_id"].to_numpy(), pixels.reshape(-1, *shape)
