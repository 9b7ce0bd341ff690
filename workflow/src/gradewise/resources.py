"""What jobs ask of a machine, as functions of the size of their input and of the attempt.

Each function makes what Snakemake calls for a job. A job that was killed for memory or time asks for more when tried
again. Memory is in MB, time in minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


class InputFiles(Protocol):
    """The input of a job, as Snakemake hands it over."""

    size_mb: float

    def __iter__(self) -> Any:
        """Paths of the files."""
        ...


@dataclass(frozen=True)
class Resources:
    """What a job asks for.

    Attributes
    ----------
    mb_per_thread : float or None
        A thread for each so many MB of input, so that small inputs leave the other cores to the next job; None: one.
    memory_mb : float
        Memory, whatever the input.
    memory_per_mb : float
        Further memory for each MB of input.
    minutes : float
        Time, whatever the input.
    minutes_per_gb : float
        Further time for each GB of input.
    gpus : int
        Accelerators that the job uses where the machine has them.
    """

    mb_per_thread: float | None = None
    memory_mb: float = 1200
    memory_per_mb: float = 2
    minutes: float = 20
    minutes_per_gb: float = 240
    gpus: int = 0


MOST_THREADS = 8


def threads_by_size(mb_per_thread: float | None) -> Callable[[Any, Iterable[str]], int]:
    """Threads of a job, one for each `mb_per_thread` MB of input, at least 1 and at most `MOST_THREADS`."""

    def threads(wildcards: Any, input: Iterable[str]) -> int:
        if mb_per_thread is None:
            return 1
        # A dry run plans jobs whose input is not there yet.
        size_mb = sum(path.stat().st_size for path in map(Path, input) if path.exists()) / 1e6
        return max(1, min(MOST_THREADS, int(size_mb / mb_per_thread)))

    return threads


def memory(base: float, factor: float) -> Callable[[Any, InputFiles, int], int]:
    """Memory of a job that holds `factor` times its input beside `base` MB."""

    def mem_mb(wildcards: Any, input: InputFiles, attempt: int) -> int:
        return int((base + factor * input.size_mb) * attempt)

    return mem_mb


def minutes(base: float, per_gb: float) -> Callable[[Any, InputFiles, int], int]:
    """Time of a job that takes `per_gb` minutes more for each GB of input."""

    def runtime(wildcards: Any, input: InputFiles, attempt: int) -> int:
        return int((base + per_gb * input.size_mb / 1000) * attempt)

    return runtime
