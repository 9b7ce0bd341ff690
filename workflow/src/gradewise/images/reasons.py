"""Words about files that are set aside."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd

log = logging.getLogger(__name__)

REASONS_TOLD = 5


def none_usable(images: pd.DataFrame) -> str:
    """The message where every file is set aside: the most frequent reasons, each with its first file.

    The list of files set aside is deleted together with the job that fails.

    Parameters
    ----------
    images : DataFrame
        path and reason of each file.
    """
    reasons = images.groupby("reason")["path"].agg(["size", "first"])
    reasons = reasons.sort_values("size", ascending=False, kind="stable").head(REASONS_TOLD).reset_index()
    lines = [f"{row.first}: {row.reason}" for row in reasons.itertuples()]
    return "\n  ".join([f"none of {len(images)} files can be used; {lines[0]}", *lines[1:]])


def not_examined(path: Path, error: Exception) -> str:
    """The reason for an image that fails in a way that nobody foresaw; the traceback goes to the log."""
    log.warning("%s could not be examined", path, exc_info=error)
    return f"could not be examined ({type(error).__name__}: {error})"
