"""Looking for the images most like each of many: all pairs are compared, or those of the nearest lists.

    python bench/look_alikes.py [--images 20000 100000 1000000] [--sample 256] [--runs 3]

Pictures are 2,000 of smooth noise, each with many smooth patterns added to it, so that all have look-alikes. What takes
place once (frequencies, lists) is measured for all images, the search for a few; the time for all follows from both.
"""

from __future__ import annotations

import argparse
import time
from itertools import islice

import cv2
import numpy as np
import torch
from sides import Sides, show

from gradewise.images import duplicates
from gradewise.images.fingerprints import SIDE

BASES = 2000


def pictures(images: int) -> np.ndarray:
    """Thumbnails, uint8 (images, SIDE, SIDE)."""
    rng = np.random.default_rng(0)

    def smooth(cells: int, size: float) -> np.ndarray:
        return cv2.resize(rng.normal(0, size, (cells, cells)).astype(np.float32), (SIDE, SIDE))

    bases = [128 + smooth(6, 40) + smooth(20, 15) for _ in range(BASES)]
    thumbnails = np.empty((images, SIDE, SIDE), np.uint8)
    for number in range(images):
        thumbnails[number] = np.clip(bases[number % BASES] + smooth(12, 12), 0, 255)
    return thumbnails


def seconds(thumbnails: np.ndarray, few: int, sample: int) -> float:
    """Processor time for all images [s]."""
    duplicates.FEW = few
    start = time.process_time()
    blocks = duplicates.candidates(thumbnails)
    next(blocks)
    once = time.process_time()
    searched = sum(1 for _ in islice(blocks, sample // duplicates.BLOCK)) * duplicates.BLOCK
    each = (time.process_time() - once) / searched
    blocks.close()
    return once - start + each * (len(thumbnails) - duplicates.BLOCK)


def measure(images: int, sample: int, runs: int) -> Sides:
    """Both sides in turn."""
    thumbnails = pictures(images)
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        for few, spent in zip((images, 0), times, strict=True):
            spent.append(seconds(thumbnails, few, sample))
    return Sides(f"look-alikes of each of {images:,} images (plain: all pairs)", *times)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[20_000, 100_000, 1_000_000])
    parser.add_argument("--sample", type=int, default=256)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    show([measure(images, arguments.sample, arguments.runs) for images in arguments.images])
