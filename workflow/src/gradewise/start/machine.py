"""What the machine has: processors, memory, and a GPU."""

from __future__ import annotations

import os
import shutil
from typing import NamedTuple


class Machine(NamedTuple):
    """Processors that this process may use, memory [MB], and whether there is a GPU that PyTorch may use."""

    cores: int
    memory_mb: float
    has_gpu: bool


def this_machine() -> Machine:
    """The machine that this process runs on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e6
    # asking PyTorch would take seconds
    return Machine(cores, memory, shutil.which("nvidia-smi") is not None)
