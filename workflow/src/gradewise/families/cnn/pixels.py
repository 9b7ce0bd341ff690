"""The pixels of a view where a network is trained: on its GPU if they fit there, otherwise sent batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from gradewise.families.cnn.batches import prefetch

SHARE = 0.25
"""Most of a GPU's free memory that pixels may take; the network, and others that start now, need the rest."""

BLOCK_BYTES = 2**28


def fits(size: int, device: torch.device) -> bool:
    """Whether so many bytes may stay on a device during training; on processors pixels stay where they are."""
    return device.type == "cuda" and size <= SHARE * torch.cuda.mem_get_info(device)[0]


class PixelSource:
    """Batches of samples on the device of a network.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (n, height, width, channels)
        May be mapped from a file; is copied to the device if it `fits`.
    device : torch.device
    """

    def __init__(self, pixels: np.ndarray, device: torch.device) -> None:
        self._pixels = pixels
        self._device = device
        self._resident = _copied(pixels, device) if fits(pixels.nbytes, device) else None

    def batches(self, positions: Sequence[np.ndarray]) -> Iterator[Tensor]:
        """Samples at the positions of each batch.

        Parameters
        ----------
        positions : sequence of ndarrays of int
            Of one batch after the other.

        Yields
        ------
        Tensor of uint8, shape (batch, height, width, channels)
        """
        if self._resident is None:
            for batch in prefetch(self._gathered(rows) for rows in positions):
                yield batch.to(self._device, non_blocking=True)
        elif len(positions):
            # one copy to the device for all batches: each would wait for what the device still has to do
            rows = torch.from_numpy(np.concatenate(positions)).to(self._device)
            for part in torch.split(rows, [len(batch) for batch in positions]):
                yield self._resident[part]

    def _gathered(self, rows: np.ndarray) -> Tensor:
        batch = torch.from_numpy(self._pixels[rows])
        # only from pinned memory are copies made while the device computes
        return batch.pin_memory() if self._device.type == "cuda" else batch


def _copied(pixels: np.ndarray, device: torch.device) -> Tensor:
    """Copy pixels to a device, block by block, since mapped ones are read only once they are needed."""
    copied = torch.empty(pixels.shape, dtype=torch.uint8, device=device)
    block = max(1, BLOCK_BYTES // max(1, pixels[0].nbytes))
    for start in range(0, len(pixels), block):
        copied[start : start + block] = torch.from_numpy(np.array(pixels[start : start + block]))
    return copied
