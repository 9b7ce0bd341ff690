"""Lets Snakemake's benchmarks count the processes that the server forks.

Snakemake observes the shell of a job and its children. The process that runs the step is a child of the server.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import psutil
from snakemake import benchmark

from gradewise.forkserver.client import process_file


class ShellOfJob(psutil.Process):  # type: ignore[misc]
    """The shell of a job, whose children are also those that the server forked for them."""

    def __init__(self, folder: Path, pid: int) -> None:
        super().__init__(pid)
        self.folder = folder

    def children(self, recursive: bool = False) -> list[psutil.Process]:
        """As `psutil.Process.children`, with the processes that run the step."""
        found: list[psutil.Process] = super().children(recursive)
        for client in list(found):
            with suppress(OSError, psutil.NoSuchProcess):
                step = psutil.Process(int(os.readlink(process_file(self.folder, client.pid))))
                found += [step, *step.children(recursive)]
        return found


def count_forked(folder: Path) -> None:
    """Let benchmarks of this process count what the server in a folder forks."""

    class Timer(benchmark.BenchmarkTimer):  # type: ignore[misc]
        def __init__(self, pid: int, *arguments: object, **named: object) -> None:
            super().__init__(pid, *arguments, **named)
            self.main = ShellOfJob(folder, pid)

    benchmark.BenchmarkTimer = Timer
