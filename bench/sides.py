"""Measures two ways to do the same work, in turn, in one process: processor time, medians and ranges."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Sides:
    """Processor time of each run of the plain way and of ours [s]."""

    work: str
    plain: list[float]
    ours: list[float]

    @property
    def row(self) -> tuple[str, str, str, str]:
        """A row of a table: the work, both times as median and range, and how many times as long the plain way takes,
        as median and range over runs that followed each other."""
        ratios = [plain / ours for plain, ours in zip(self.plain, self.ours, strict=True)]
        return self.work, _spread(self.plain, " s"), _spread(self.ours, " s"), _spread(ratios, "x")


def compare(work: str, plain: Callable[[], object], ours: Callable[[], object], runs: int = 5) -> Sides:
    """Run both in turn, after one run of each that does not count."""
    plain(), ours()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        for way, spent in zip((plain, ours), times, strict=True):
            start = time.process_time()
            way()
            spent.append(time.process_time() - start)
    return Sides(work, *times)


def show(rows: list[Sides]) -> None:
    """Print a table."""
    cells = [("work", "plain", "ours", "plain / ours"), *(sides.row for sides in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    for row in cells:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip(), flush=True)


def _spread(values: list[float], unit: str) -> str:
    return f"{_figure(median(values))}{unit} ({_figure(min(values))} to {_figure(max(values))})"


def _figure(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"
