"""Resources of jobs as functions of the size of their input and of the attempt.

Each function returns a function for Snakemake to call. A job that failed requests more memory and more time when it is
retried, since Snakemake does not say what a job died of; the profile's `resources` bound both. Memory is in MB, time in
minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol


class InputFiles(Protocol):
    """The input of a job, as Snakemake passes it."""

    size_mb: float

    def __iter__(self) -> Iterator[str]:
        """Paths of the files."""
        ...

    def get(self, name: str, default: Sequence[str]) -> Sequence[str]:
        """The files of a name."""
        ...


@dataclass(frozen=True)
class Resources:
    """What a job requests.

    Attributes
    ----------
    mb_per_thread : float or None
        Input per thread [MB], so that jobs with small inputs leave cores to other jobs; None: one thread.
    memory_mb : float
        Memory regardless of the input.
    memory_per_mb : float
        Additional memory per MB of input.
    minutes : float
        Time regardless of the input.
    minutes_per_gb : float
        Additional time per GB of input.
    gpus : int
        Accelerators that the job uses where the machine has them.
    """

    mb_per_thread: float | None = None
    memory_mb: float = 1200
    memory_per_mb: float = 2
    minutes: float = 20
    minutes_per_gb: float = 240
    gpus: int = 0

    def repeated(self, fits: int) -> Resources:
        """Resources of a job that does so many times the work, one after the other."""
        return replace(self, minutes=fits * self.minutes, minutes_per_gb=fits * self.minutes_per_gb)


MOST_THREADS = 8

DEVICES = ("/dev/nvidiactl", "/dev/kfd")
"""Files that the drivers of GPUs make where there is one."""


def has_gpu() -> bool:
    """Whether this machine has a GPU; asks no library, since the workflow does so while it is parsed."""
    return any(Path(device).exists() for device in DEVICES)


def threads_by_size(mb_per_thread: float | None) -> Callable[[object, Iterable[str]], int]:
    """Threads of a job, one per `mb_per_thread` MB of input, at least 1 and at most `MOST_THREADS`."""

    def threads(wildcards: object, input: Iterable[str]) -> int:
        if mb_per_thread is None:
            return 1
        # In a dry run the input may not exist yet.
        size_mb = sum(path.stat().st_size for path in map(Path, input) if path.exists()) / 1e6
        return max(1, min(MOST_THREADS, int(size_mb / mb_per_thread)))

    return threads


def memory(base: float, factor: float) -> Callable[[object, InputFiles, int], int]:
    """Memory of a job: `base` MB plus `factor` times the size of its input."""

    def mem_mb(wildcards: object, input: InputFiles, attempt: int) -> int:
        return int((base + factor * input.size_mb) * attempt)

    return mem_mb


def minutes(base: float, per_gb: float) -> Callable[[object, InputFiles, int], int]:
    """Time of a job: `base` minutes plus `per_gb` minutes per GB of input."""

    def runtime(wildcards: object, input: InputFiles, attempt: int) -> int:
        return int((base + per_gb * input.size_mb / 1000) * attempt)

    return runtime


@dataclass(frozen=True)
class Requests:
    """What the jobs of a rule request whose resources depend on its wildcards.

    Attributes
    ----------
    resources : callable
        From a job's wildcards to its resources.
    """

    resources: Callable[[Any], Resources]

    def threads(self, wildcards: object, input: Iterable[str]) -> int:
        """Threads of a job."""
        return threads_by_size(self.resources(wildcards).mb_per_thread)(wildcards, input)

    def memory(self, wildcards: object, input: InputFiles, attempt: int) -> int:
        """Memory of a job [MB]."""
        needs = self.resources(wildcards)
        return memory(needs.memory_mb, needs.memory_per_mb)(wildcards, input, attempt)

    def minutes(self, wildcards: object, input: InputFiles, attempt: int) -> int:
        """Time of a job [min]."""
        needs = self.resources(wildcards)
        return minutes(needs.minutes, needs.minutes_per_gb)(wildcards, input, attempt)

    def gpus(self, wildcards: object) -> int:
        """GPUs of a job; profiles name the GPU resource or set it to 0."""
        return self.resources(wildcards).gpus
