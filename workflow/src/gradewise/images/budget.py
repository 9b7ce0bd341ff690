"""Bounds how many pixels all threads together decode at a time, since a few large images would exhaust the memory, and
how many results wait.

Imports nothing heavy, because the workflow asks it for the memory of jobs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Condition, Lock
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST = 200.0
"""Megapixels decoded at a time, unless a single image has more."""

BYTES_PER_PIXEL = 16
"""Memory that decoding and examining an image takes at its height, of all kinds of files (`bench/image_memory.txt`)."""


def megapixels_in_flight(threads: int, largest: float) -> float:
    """Most megapixels decoded at a time by so many threads if no image has more than `largest` megapixels."""
    return min(threads * largest, max(largest, MOST))


def map_ahead(
    pool: ThreadPoolExecutor,
    work: Callable[[Item], Result],
    items: Iterable[Item],
    ahead: int,
    pixels_of: Callable[[Item], int] = lambda item: 0,
) -> Iterator[Result]:
    """Map in order; while the caller works on one result, the pool works on up to `ahead` more items.

    Items in hand, those whose results wait among them, have at most `MOST` megapixels, unless a single one has more.
    """
    pending: deque[tuple[Future[Result], int]] = deque()
    held = 0
    for item in items:
        pixels = pixels_of(item)
        while pending and (len(pending) > ahead or held + pixels > 1e6 * MOST):
            first, freed = pending.popleft()
            yield first.result()
            held -= freed
        pending.append((pool.submit(work, item), pixels))
        held += pixels
    while pending:
        yield pending.popleft()[0].result()


class PixelBudget:
    """Pixels that threads may decode at a time; an image with more than `MOST` megapixels is decoded alone."""

    def __init__(self) -> None:
        self._total = self._free = round(1e6 * MOST)
        self._changed = Condition()
        self._turn = Lock()

    @contextmanager
    def hold(self, pixels: int) -> Iterator[None]:
        """Wait until so many pixels may be decoded, and hold them during the block."""
        share = min(pixels, self._total)
        # threads wait in turn, so that small images do not keep a large one waiting for ever
        with self._turn, self._changed:
            self._changed.wait_for(lambda: self._free >= share)
            self._free -= share
        try:
            yield
        finally:
            with self._changed:
                self._free += share
                self._changed.notify()
