"""The operations of a view on pixels: grey, rgb, resize, centre_crop, crop, tile, polar; uint8 in and out."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from gradewise.config import CentreCrop, Crop, Resize, Tile, View

Positions = list[tuple[int, int]]


def make_samples(pixels: np.ndarray, view: View, rng: np.random.Generator) -> tuple[np.ndarray, Positions]:
    """Samples of one image.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (height, width) or (height, width, 3)
    view : View
    rng : Generator
        For `keep: random`.

    Returns
    -------
    samples : ndarray of uint8, shape (n, height, width, channels)
    positions : list of (row, column)
        Of each sample in the grid of tiles; (0, 0) without tiles.
    """
    batch, positions = to_colour(pixels, view.operations[0] == "grey")[None], [(0, 0)]
    for operation in view.operations[1:]:
        if isinstance(operation, Tile):
            grid = tile_grid(batch[0], operation.tile)
            positions = select_tiles(grid, operation, rng)
            batch = np.stack([grid[position] for position in positions])
        else:
            batch = np.stack([_apply(operation, sample) for sample in batch])
    return batch, positions


def masked_fractions(mask: np.ndarray, view: View, positions: Positions) -> np.ndarray:
    """Share of each sample that is masked, float32 (n,); parameters as of `mask_samples`."""
    return (mask_samples(mask, view, positions).mean(axis=(1, 2)) / 255).astype(np.float32)


def mask_samples(mask: np.ndarray, view: View, positions: Positions) -> np.ndarray:
    """A mask under the operations that its image underwent.

    Parameters
    ----------
    mask : ndarray of uint8, shape (height, width)
        Above 127 where masked.
    view : View
    positions : list of (row, column)
        Samples of the image, as `make_samples` gave them.

    Returns
    -------
    ndarray of uint8, shape (n, height, width)
        255 where all of a pixel is masked, 0 where none of it is.
    """
    batch = np.where(mask > 127, 255, 0).astype(np.uint8)[None, ..., None]
    for operation in view.operations[1:]:
        if isinstance(operation, Tile):
            grid = tile_grid(batch[0], operation.tile)
            batch = np.stack([grid[position] for position in positions])
        else:
            batch = np.stack([_apply(operation, sample) for sample in batch])
    return batch[..., 0]


def _apply(operation: object, sample: np.ndarray) -> np.ndarray:
    if isinstance(operation, Resize):
        return resize(sample, *operation.size)
    if isinstance(operation, CentreCrop):
        return centre_crop(sample, operation.centre_crop)
    if isinstance(operation, Crop):
        box = operation.crop
        return sample[box.top : box.top + box.height, box.left : box.left + box.width]
    assert operation == "polar", operation
    return polar(sample)


def to_colour(pixels: np.ndarray, grey: bool) -> np.ndarray:
    """Grey or colour pixels as one channel (ITU-R BT.601 luma) or three, shape (height, width, channels)."""
    if grey:
        return (pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))[..., None]
    return np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels


def resize(sample: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resample: pixel areas are averaged where a side shrinks (no aliasing), linear where both grow."""
    shrinks = height < sample.shape[0] or width < sample.shape[1]
    out = cv2.resize(sample, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return out.reshape(height, width, sample.shape[2])


def centre_crop(sample: np.ndarray, side: int) -> np.ndarray:
    """The square in the middle."""
    top, left = (sample.shape[0] - side) // 2, (sample.shape[1] - side) // 2
    return sample[top : top + side, left : left + side]


def polar(sample: np.ndarray) -> np.ndarray:
    """The polar transform of the mango report (section 2.3): centre to top, angle from left to right.

    Rows are distances from the centre, from 0 to the half diagonal; columns are angles, clockwise on the screen from
    the right. An object in the middle fills the upper part, so cropping the lower half off keeps it. What lies outside
    the sample is black. The same sampling as `skimage.transform.warp_polar`, transposed, through one map computed
    once for each size.

    Parameters
    ----------
    sample : ndarray of uint8, shape (height, width, channels)

    Returns
    -------
    ndarray of uint8, same shape
    """
    height, width = sample.shape[:2]
    out = cv2.remap(sample, *_polar_map(height, width), cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return out.reshape(sample.shape)


@cache
def _polar_map(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    radius = np.hypot(height, width) / 2
    distance = (np.arange(height) * (radius / height))[:, None]
    angle = (np.arange(width) * (2 * np.pi / width))[None, :]
    across = width / 2 - 0.5 + distance * np.cos(angle)
    down = height / 2 - 0.5 + distance * np.sin(angle)
    return across.astype(np.float32), down.astype(np.float32)


def tile_grid(image: np.ndarray, side: int) -> np.ndarray:
    """Cut an image into square tiles without resampling; the remainder at the right and bottom is left off.

    Parameters
    ----------
    image : ndarray, shape (height, width, channels)
    side : int

    Returns
    -------
    ndarray, shape (height // side, width // side, side, side, channels)
        A view of the image's memory.
    """
    rows, columns = image.shape[0] // side, image.shape[1] // side
    cut = image[: rows * side, : columns * side]
    return cut.reshape(rows, side, columns, side, image.shape[2]).transpose(0, 2, 1, 3, 4)


def select_tiles(grid: np.ndarray, tile: Tile, rng: np.random.Generator) -> Positions:
    """Which tiles of a grid to keep, as (row, column), in reading order.

    `typical` is the representative sub-image of the nanofibre paper (section 2.1), where an expert chose it: here the
    tile whose mean, spread and gradient are nearest the medians over the image's tiles.
    """
    rows, columns = grid.shape[:2]
    everything = [(row, column) for row in range(rows) for column in range(columns)]
    if tile.keep == "all":
        return everything
    if tile.keep == "centre":
        return [(rows // 2, columns // 2)]
    if tile.keep == "random":
        drawn = rng.choice(len(everything), size=min(tile.count, len(everything)), replace=False)
        return [everything[index] for index in sorted(drawn)]
    flat = grid.reshape(len(everything), *grid.shape[2:]).astype(np.float32)
    gradient = np.abs(np.diff(flat, axis=1)).mean(axis=(1, 2, 3)) + np.abs(np.diff(flat, axis=2)).mean(axis=(1, 2, 3))
    statistics = np.stack([flat.mean(axis=(1, 2, 3)), flat.std(axis=(1, 2, 3)), gradient], axis=1)
    spread = np.maximum(statistics.std(axis=0), 1e-6)
    distance = np.linalg.norm((statistics - np.median(statistics, axis=0)) / spread, axis=1)
    return [everything[int(distance.argmin())]]
