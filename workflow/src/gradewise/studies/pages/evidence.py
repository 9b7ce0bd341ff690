"""What the page on studies is written from: the evidence on the dataset, and what the steps of its studies left."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gradewise.command import UserError
from gradewise.report.evidence import Evidence, Run
from gradewise.studies.planned import PlannedStudies


@dataclass(frozen=True)
class StudyEvidence:
    """What is known about the studies of one dataset.

    Attributes
    ----------
    base : Evidence
        What is known about the dataset.
    folder : Path
        Where the steps of studies wrote; the files of a study are in the folder of its name in it.
    plan : PlannedStudies
        What the configuration asks for: sections, cells, views.
    """

    base: Evidence
    folder: Path
    plan: PlannedStudies

    def file(self, study: str, name: str) -> Path:
        """A file that a step of a study wrote."""
        return self.folder / study / name

    def first_run(self, model: str) -> Run:
        """The run of a model's first repeat; raises UserError where there is none."""
        for run in self.base.runs_of(model):
            return run
        raise UserError(f"{self.base.dataset}: no run of {model!r}; name one of the dataset's models")
