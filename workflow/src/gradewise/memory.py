"""What becomes of the memory that a process frees, where its C library (glibc) can be told."""

from __future__ import annotations

import ctypes

TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4
"""Numbers of the settings in glibc's `malloc.h`."""

AHEAD = 2**28
"""Memory that is asked for beyond what is needed [bytes]; it counts only once it is used."""


def keep_freed_memory() -> None:
    """Let this process use freed memory again instead of returning it to the system.

    By default, glibc returns large blocks as soon as they are freed. The next batch asks for them again, and the system
    clears them page by page, which takes a third of the time to train the network for mangoes on batches of 32. In
    exchange, the process keeps what it needed at most. Other C libraries are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for setting, value in ((MMAP_MAX, 0), (TRIM_THRESHOLD, 2**31 - 1), (TOP_PAD, AHEAD)):
            mallopt(setting, value)


def give_back_memory() -> None:
    """Give freed memory back to the operating system: temporary arrays of many sizes leave holes that a process would
    keep."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
