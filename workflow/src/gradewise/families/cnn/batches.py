"""The data for training a network: order of the samples, prefetching, and pixel statistics.

The order is a pure function of seed and iteration, so resumed training sees the same batches as uninterrupted training.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from gradewise.provenance import derive_seed

Item = TypeVar("Item")
BLOCK_BYTES = 2**24


def batches_per_epoch(samples: int, batch_size: int) -> int:
    """Number of mini-batches per epoch; a single remaining sample is dropped, since batch norm needs two."""
    return samples // batch_size + (samples % batch_size >= 2)


def shuffled_batches(positions: np.ndarray, batch_size: int, seed: int, start: int, stop: int) -> Iterator[np.ndarray]:
    """Mini-batches `start` to `stop` - 1 of an endless sequence of epochs, each shuffled differently.

    Parameters
    ----------
    positions : ndarray of int
        Positions of the training samples, at least two.
    batch_size : int
    seed : int
    start, stop : int
        Iterations, counted from 0 over all epochs.

    Yields
    ------
    ndarray of int
        Positions of one mini-batch.
    """
    per_epoch = batches_per_epoch(len(positions), batch_size)
    for epoch in range(start // per_epoch, -(-stop // per_epoch)):
        order = np.random.default_rng(derive_seed(seed, "order", epoch)).permutation(positions)
        first = epoch * per_epoch
        for number in range(max(start - first, 0), min(stop - first, per_epoch)):
            yield order[number * batch_size : (number + 1) * batch_size]


def prefetch(items: Iterator[Item]) -> Iterator[Item]:
    """Yield items while another thread prepares the next one."""
    with ThreadPoolExecutor(1) as thread:
        upcoming = thread.submit(next, items, None)
        while (item := upcoming.result()) is not None:
            upcoming = thread.submit(next, items, None)
            yield item


def pixel_statistics(pixels: np.ndarray, positions: np.ndarray) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel over samples, in 0..1.

    Pixels are read in blocks and summed in integers, which is exact and needs little memory.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (n, height, width, channels)
    positions : ndarray of int
        The samples to include.

    Returns
    -------
    mean, std : list of float
        One value per channel; the standard deviation of a constant channel is set to 1.
    """
    _, height, width, channels = pixels.shape
    sums, squares = np.zeros((2, width * channels), dtype=np.uint64)
    # so few rows that sums of squares of bytes fit 32 bits
    block = max(1, min(BLOCK_BYTES // pixels[0].size, 2**16 // height))
    for start in range(0, len(positions), block):
        rows = pixels[positions[start : start + block]].reshape(-1, width * channels)
        sums += rows.sum(axis=0, dtype=np.uint32)
        squares += np.square(rows, dtype=np.uint16).sum(axis=0, dtype=np.uint32)
    sums, squares = (values.reshape(width, channels).sum(axis=0) for values in (sums, squares))
    count = len(positions) * pixels.shape[1] * pixels.shape[2]
    mean = sums / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 0))
    return (mean / 255).tolist(), np.where(std > 0, std / 255, 1.0).tolist()
