"""Applies the operations of a view to images and to their masks; uint8 in and out."""

from __future__ import annotations

import numpy as np

from gradewise.config.views import Positions, Tiling, Transform, View


def make_samples(
    pixels: np.ndarray, view: View, rng: np.random.Generator, bar_rows: int = 0
) -> tuple[np.ndarray, Positions]:
    """Samples of one image.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (height, width) or (height, width, 3)
    view : View
    rng : Generator
        For `keep: random`.
    bar_rows : int
        Height of the image's data bar [px], left off if the view asks for it.

    Returns
    -------
    samples : ndarray of uint8, shape (n, height, width, channels)
    positions : list of (row, column)
        Position of each sample in the grid of tiles; (0, 0) without tiles.
    """
    return finish(view.begin(pixels, bar_rows), view, rng)


def finish(begun: np.ndarray, view: View, rng: np.random.Generator) -> tuple[np.ndarray, Positions]:
    """Samples of one image from what `View.begin` made of it; the rest is that of `make_samples`."""
    if view.tiling is None:
        return begun[None], [(0, 0)]
    positions = view.tiling.choose(begun, rng)
    batch = view.tiling.take(begun, positions)
    for operation in view.around_tiles[1]:
        assert isinstance(operation, Transform), "a view tiles at most once"
        # a single sample is not copied
        samples = [operation.apply(sample) for sample in batch]
        batch = samples[0][None] if len(samples) == 1 else np.stack(samples)
    return batch, positions


def masked_fractions(mask: np.ndarray, view: View, positions: Positions, bar_rows: int = 0) -> np.ndarray:
    """Share of each sample that is masked, float32 (n,); parameters as for `mask_samples`."""
    return np.asarray((mask_samples(mask, view, positions, bar_rows).mean(axis=(1, 2)) / 255).astype(np.float32))


def mask_samples(mask: np.ndarray, view: View, positions: Positions, bar_rows: int = 0) -> np.ndarray:
    """Apply to a mask the operations of its image, except those that change only pixel values.

    Parameters
    ----------
    mask : ndarray of uint8, shape (height, width)
        Above 127 where masked.
    view : View
    positions : list of (row, column)
        Positions of the samples, from `make_samples`.
    bar_rows : int
        Height of the data bar of its image [px].

    Returns
    -------
    ndarray of uint8, shape (n, height, width)
        255 where a pixel is entirely masked, 0 where it is not masked at all.
    """
    batch = np.where(view.above_bar(mask, bar_rows) > 127, 255, 0).astype(np.uint8)[None, ..., None]
    for operation in view.operations:
        if isinstance(operation, Tiling):
            batch = operation.take(batch[0], positions)
        elif isinstance(operation, Transform) and operation.effect != "values":
            batch = np.stack([operation.apply(sample) for sample in batch])
    return batch[..., 0]
