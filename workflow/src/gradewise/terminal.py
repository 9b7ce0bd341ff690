"""What a run shows on the terminal: progress, messages of its jobs, warnings, errors, and the outcome.

Snakemake's own messages about each job stay in its log below `.snakemake/log`. A dry run shows them all.
"""

from __future__ import annotations

import json
import logging
import math
import textwrap
import time
from collections.abc import Iterable
from pathlib import Path

from snakemake.logging import LogEvent, logger

BOOKKEEPING = {
    LogEvent.WORKFLOW_STARTED,
    LogEvent.RESOURCES_INFO,
    LogEvent.RUN_INFO,
    LogEvent.JOB_INFO,
    LogEvent.JOB_STARTED,
    LogEvent.JOB_FINISHED,
    LogEvent.GROUP_INFO,
}
STAGES = (
    "Building DAG",
    "DAG of jobs",
    "Updating checkpoint",
    "Using shell",
    "Select jobs",
    "Conda environments: ignored",
    "Removing temporary",
)
SECONDS_BETWEEN_PROGRESS = 20.0


class Terminal(logging.Filter):
    """Hides Snakemake's bookkeeping if `brief`, and remembers which jobs failed."""

    def __init__(self, brief: bool) -> None:
        super().__init__()
        self.brief = brief
        self.failed: list[str] = []
        self.last_progress = -math.inf
        for handler in logger.handlers:
            if handler.name == "DefaultStreamHandler":
                handler.addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a message is shown."""
        event = getattr(record, "event", None)
        if event == LogEvent.JOB_ERROR:
            self.failed += record.__dict__["log"]
        if not self.brief:
            return True
        if event == LogEvent.PROGRESS:
            return self._is_due(record.__dict__["done"] == record.__dict__["total"])
        return event not in BOOKKEEPING and not record.getMessage().startswith(STAGES)

    def _is_due(self, last: bool) -> bool:
        due = last or time.monotonic() - self.last_progress >= SECONDS_BETWEEN_PROGRESS
        if due:
            self.last_progress = time.monotonic()
        return due

    def failures(self) -> str:
        """Logs of the jobs that failed."""
        return "\n  ".join(["These jobs failed; their logs say why:", *self.failed])


def outcome(summaries: Iterable[str | Path], index: str | Path) -> str:
    """The recommendation for each dataset, and where the reports are.

    Parameters
    ----------
    summaries : iterable of str or Path
        The summary of each report.
    index : str or Path
        The page that links to all reports.
    """
    lines = []
    for path in summaries:
        summary = json.loads(Path(path).read_text())
        text = f"{summary['dataset']}: {summary['headline']}"
        lines.append(textwrap.fill(text, width=100, subsequent_indent="  "))
    return "\n".join(["", *lines, "", f"The reports: {Path(index).resolve()}"])
