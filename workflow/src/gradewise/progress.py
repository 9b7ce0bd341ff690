"""Progress of long loops as log lines (done, elapsed, remaining), readable in log files and from parallel jobs."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
log = logging.getLogger(__name__)


def track(items: Iterable[Item], total: int, what: str, every: float = 15.0) -> Iterator[Item]:
    """Yield items and log progress; log nothing if all are done before the first line is due.

    Parameters
    ----------
    items : iterable
    total : int
        Number of items.
    what : str
        Name of the items, as in "40/160 images".
    every : float
        Time between lines [s].
    """
    start = last = time.monotonic()
    done = 0
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - last >= every and done < total:
            last = now
            left = (now - start) / done * (total - done)
            log.info("%d/%d %s, %s elapsed, %s left", done, total, what, duration(now - start), duration(left))
    if time.monotonic() - start >= every:
        log.info("%d %s in %s", done, what, duration(time.monotonic() - start))


def duration(seconds: float) -> str:
    """Format a time readably: '11 ms', '0.42 s', '12 s', '3 min 05 s', '2 h 10 min'."""
    if seconds < 0.095:
        return f"{1000 * seconds:.2g} ms"
    if seconds < 10:
        return f"{seconds:.2g} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
