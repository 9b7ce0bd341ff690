"""Where the first run of a model left its files, for studies that show what one trained model is like."""

from __future__ import annotations

from pathlib import Path

from gradewise.command import UserError
from gradewise.report.evidence import Run
from gradewise.studies.pages.evidence import StudyEvidence


def first_run(found: StudyEvidence, model: str) -> tuple[Run, Path]:
    """The run of a model's first repeat, and its folder.

    Raises
    ------
    UserError
        Where there is none.
    """
    for run in found.base.runs_of(model):
        return run, run.folder
    raise UserError(f"{found.base.dataset}: no run of {model!r}; name one of the dataset's models")
