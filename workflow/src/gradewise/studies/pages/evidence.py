"""What the page on studies is written from: the evidence on the dataset, and what the steps of its studies left."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gradewise.command import UserError
from gradewise.report.evidence import Evidence, Run
from gradewise.studies.planned import PlannedStudies


@dataclass(frozen=True)
class StudyEvidence:
    """What is known about a dataset (`base`) and its studies: the plan, and the folder that their steps fill."""

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
