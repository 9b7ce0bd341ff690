"""The device on which a process trains and predicts with networks.

Snakemake's resource `gpu` says how many networks a machine trains at a time, but not where. Processes therefore spread
over the GPUs themselves: each one locks the first free place, of which every GPU has one before any has two. These are
locks of the operating system, which end with the process, on files in the machine's own temporary folder.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Sequence
from functools import cache
from itertools import count
from pathlib import Path
from typing import IO

import torch

_held: list[IO[str]] = []
"""Files whose locks this process keeps until it ends."""


def choose_device() -> torch.device:
    """CUDA if there is a GPU, otherwise the processor; of several GPUs, one with the fewest other processes."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    _choose_gpu()
    return torch.device("cuda")


@cache
def _choose_gpu() -> None:
    """Make one of several GPUs that of this process."""
    gpus = torch.cuda.device_count()
    if gpus > 1:
        names = [str(torch.cuda.get_device_properties(number).uuid) for number in range(gpus)]
        torch.cuda.set_device(take_place(names, Path(tempfile.gettempdir()) / f"gradewise-gpus-{os.getuid()}"))


def take_place(names: Sequence[str], folder: Path) -> int:
    """Take a place until this process ends.

    Parameters
    ----------
    names : sequence of str
        Of the devices, the same in all processes.
    folder : Path
        Where the locks are, the same for all processes.

    Returns
    -------
    int
        Number of a device of which the fewest places are taken.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    for place in count():
        for number, name in enumerate(names):
            file = (folder / f"{name}-{place}").open("w")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
            else:
                _held.append(file)
                return number
    raise AssertionError("there is always a next place")
