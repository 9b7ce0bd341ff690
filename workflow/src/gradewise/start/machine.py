"""What the machine has: processors, memory, and a GPU."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NamedTuple

RATES = {"avx512f": 1.2e11, "avx2": 6e10}
"""Operations per second of a core in products of matrices, about, by the instructions that it has."""

OTHER_RATE = 4e10


class Machine(NamedTuple):
    """What jobs can use.

    Attributes
    ----------
    cores : int
        Processors that this process may use.
    rate : float
        Operations per second of all of them together in products of matrices, about.
    has_bf16 : bool
        Whether they multiply numbers of 16 bits faster.
    memory_mb : float
    has_gpu : bool
    """

    cores: int
    rate: float
    has_bf16: bool
    memory_mb: float
    has_gpu: bool


def this_machine() -> Machine:
    """The machine that this process runs on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    information = Path("/proc/cpuinfo")
    flags = set(information.read_text().split()) if information.is_file() else set()
    return Machine(
        cores,
        cores * next((rate for flag, rate in RATES.items() if flag in flags), OTHER_RATE),
        bool(flags & {"avx512_bf16", "amx_bf16"}),
        os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e6,
        # asking PyTorch would take seconds
        shutil.which("nvidia-smi") is not None,
    )
