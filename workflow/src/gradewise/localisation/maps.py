"""Maps of whole images: how much each place speaks for a class.

A classifier that locates is given large parts of an image, which overlap by its reach. Any other is given overlapping
tiles, and each place has the mean of what is said of the tiles that show it. Beside the image, memory holds the map, a
row of tiles or one part, whatever the size of the image.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np

from gradewise.config.views import Size, Transform, View
from gradewise.families.classifier import Classifier, Locator, maps_of
from gradewise.localisation.frames import Frame, frame_of, window_of, window_starts

PART = 1024
"""Side of the parts that a locator is given, at least four times its reach [px]."""

BATCH_BYTES, BATCH_TILES = 2**24, 64
"""A classifier is given so many tiles at once at most, or tiles of this size."""

STRIDES = 4
"""Tiles that show a place, along an axis, unless a stride is given."""


@dataclass(frozen=True)
class HeatMap:
    """How much each place of an image speaks for a class.

    Attributes
    ----------
    scores : ndarray of float32, shape (rows, columns)
        Of square cells of the frame, from its top left corner; those at the right and bottom may be cut off.
    cell : int
        Side of a cell [px of the frame].
    frame : Frame
    """

    scores: np.ndarray
    cell: int
    frame: Frame

    def strips(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Scores of single pixels, interpolated between the centres of cells, a few rows at a time.

        Yields
        ------
        rows : slice
            Of the frame.
        scores : ndarray of float32, shape (rows, width)
        """
        rows, columns = self.scores.shape
        at_once = max(1, 2**20 // (self.cell**2 * columns))
        for first in range(0, rows, at_once):
            last = min(first + at_once, rows)
            above, below = min(first, 1), min(rows - last, 1)
            part = self.scores[first - above : last + below]
            fine = cv2.resize(part, (columns * self.cell, len(part) * self.cell), interpolation=cv2.INTER_LINEAR)
            top = first * self.cell
            stop = min(last * self.cell, self.frame.height)
            yield slice(top, stop), fine[above * self.cell :][: stop - top, : self.frame.width]


def default_stride(view: View, frame: Frame) -> int:
    """From one tile to the next where no stride is given [px]."""
    return max(1, min(window_of(view, frame)) // STRIDES)


def map_image(
    pixels: np.ndarray,
    view: View,
    classifier: Classifier,
    label: str,
    *,
    stride: int | None = None,
    bar_rows: int = 0,
    threads: int = 1,
) -> HeatMap:
    """Map a class over an image.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (height, width) or (height, width, 3)
    view : View
        Of the classifier; must be `straight`.
    classifier : Classifier
    label : str
        The class.
    stride : int, optional
        From one tile to the next [px], which is also the side of a cell; of no use for a locator whose tiles are not
        resized, which has a stride of its own.
    bar_rows : int
        Height of the data bar of the image [px], left off if the view asks for it.
    threads : int
        How many batches of tiles are worked on at a time.
    """
    frame = frame_of((pixels.shape[0], pixels.shape[1]), view, bar_rows)
    inside = view.begin(pixels, bar_rows)
    if isinstance(classifier, Locator) and not view.around_tiles[1]:
        return HeatMap(_map_parts(inside, classifier, label, window_of(view, frame)), classifier.stride, frame)
    cell = stride or default_stride(view, frame)
    return HeatMap(_map_tiles(inside, view, classifier, label, cell, window_of(view, frame), threads), cell, frame)


def _map_parts(frame: np.ndarray, classifier: Locator, label: str, least: Size) -> np.ndarray:
    """Scores of a frame, part by part."""
    stride = classifier.stride
    margin = -(-classifier.reach // stride) * stride
    step = max(PART, 4 * margin) // stride * stride - 2 * margin
    scores = np.empty([-(-length // stride) for length in frame.shape[:2]], np.float32)
    parts = [_parts(length, side, step, margin, stride) for length, side in zip(frame.shape, least, strict=False)]
    for down in parts[0]:
        for right in parts[1]:
            part = frame[down.seen, right.seen]
            places = classifier.maps(np.ascontiguousarray(part)[None], label)[0]
            scores[down.kept, right.kept] = places[down.of_seen, right.of_seen]
    return scores


@dataclass(frozen=True)
class _Part:
    """A part of an axis: the pixels seen, the places kept of the whole map, and of what is made of the part."""

    seen: slice
    kept: slice
    of_seen: slice


def _parts(length: int, least: int, step: int, margin: int, stride: int) -> list[_Part]:
    parts = []
    step = length if length <= PART else step
    for start in range(0, length, step):
        stop = min(start + step, length)
        first, last = max(0, start - margin), min(length, stop + margin)
        # the last part may be smaller than what the model takes
        first = max(0, min(first, (length - least) // stride * stride))
        kept = slice(start // stride, -(-stop // stride))
        of_seen = slice(kept.start - first // stride, kept.stop - first // stride)
        parts.append(_Part(slice(first, max(last, min(length, first + least))), kept, of_seen))
    return parts


def _map_tiles(
    frame: np.ndarray, view: View, classifier: Classifier, label: str, cell: int, window: Size, threads: int
) -> np.ndarray:
    """Mean of what a classifier says of all tiles that show each cell."""
    shape = [-(-length // cell) for length in frame.shape[:2]]
    tops, lefts = (window_starts(length, side, cell) for length, side in zip(frame.shape, window, strict=False))
    rows, columns = (
        [_cells(start, side, cell, length) for start in starts]
        for starts, side, length in zip((tops, lefts), window, frame.shape, strict=False)
    )
    transforms = [operation for operation in view.around_tiles[1] if isinstance(operation, Transform)]
    at_once = max(1, min(BATCH_TILES, BATCH_BYTES // int(np.prod(view.shape))))
    total = np.zeros(shape, np.float32)

    def said_of(top: int, some: list[int]) -> np.ndarray:
        tiles = [frame[top : top + window[0], left : left + window[1]] for left in some]
        for transform in transforms:
            tiles = [transform.apply(tile) for tile in tiles]
        return maps_of(classifier, np.stack(tiles), label)

    with ThreadPoolExecutor(threads) as pool:
        batches = [lefts[start : start + at_once] for start in range(0, len(lefts), at_once)]
        for top, down in zip(tops, rows, strict=True):
            maps = np.concatenate(list(pool.map(lambda some, top=top: said_of(top, some), batches)))
            for places, right in zip(maps, columns, strict=True):
                total[down.start : down.stop, right.start : right.stop] += _sampled(places, down, right)
    shown = np.outer(*(_counts(parts, count) for parts, count in zip((rows, columns), shape, strict=True)))
    return np.asarray(total / shown, dtype=np.float32)


@dataclass(frozen=True)
class _Cells:
    """The cells along an axis whose centres a tile shows, and how far inside these lie, 0 to 1."""

    start: int
    stop: int
    inside: np.ndarray


def _cells(start: int, side: int, cell: int, length: int) -> _Cells:
    # the last cell may be cut off, so that its centre would lie beyond the frame
    centres = np.minimum((np.arange(-(-length // cell)) + 0.5) * cell, length - 0.5)
    shown = np.flatnonzero((centres >= start) & (centres < start + side))
    return _Cells(int(shown[0]), int(shown[-1]) + 1, (centres[shown] - start) / side)


def _sampled(places: np.ndarray, down: _Cells, right: _Cells) -> np.ndarray:
    """Scores of a tile at the centres of cells."""
    rows, columns = ((axis.inside * count).astype(int) for axis, count in zip((down, right), places.shape, strict=True))
    return np.asarray(places[rows[:, None], columns])


def _counts(parts: list[_Cells], count: int) -> np.ndarray:
    """Number of tiles that show each cell along an axis."""
    counts = np.zeros(count)
    for part in parts:
        counts[part.start : part.stop] += 1
    return counts
