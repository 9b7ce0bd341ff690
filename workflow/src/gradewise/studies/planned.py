"""What the step `plan_studies` wrote, for the steps that run, sum up and show studies.

Steps read it below `--results`, so that commands do not grow with the number of studies or cells.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeVar

from gradewise.command import UserError
from gradewise.config.section import Section
from gradewise.config.views import View
from gradewise.results import Results
from gradewise.studies.cells import VariedCells

Planned = TypeVar("Planned", bound=Section)


class PlannedStudies(Section):
    """The section of each study, in the order of the page, and what varying settings takes.

    `scale` says which values were used of a configuration that has values for two scales; `varied` has the cells of
    each study that varies settings, `views` the operations of their views, `models` family, view and settings of the
    models that are varied.
    """

    scale: Literal["small", "full"] | None
    studies: dict[str, dict[str, Any]]
    varied: dict[str, VariedCells]
    views: dict[str, View]
    models: dict[str, dict[str, Any]]


def read_studies(results: Results) -> PlannedStudies:
    """What is planned of all studies of a dataset; UserError if there is no plan."""
    return _read(results.studies / "plan.json", PlannedStudies)


def read_cells(results: Results, study: str) -> VariedCells:
    """The cells of a study that varies settings; UserError if there is no plan of them."""
    return _read(results.study(study) / "plan.json", VariedCells)


def _read(path: Path, planned: type[Planned]) -> Planned:
    if not path.exists():
        raise UserError(f"{path}: does not exist; give the folder of a dataset's results, as written by snakemake")
    return planned.model_validate_json(path.read_text())
