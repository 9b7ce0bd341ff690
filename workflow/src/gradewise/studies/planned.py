"""What the steps `plan_studies` and `plan_cells` wrote of studies, for the steps that show, run and sum them up.

Commands do not grow with the number of studies or cells, since steps find these below `--results`.
"""

from __future__ import annotations

from typing import Any, Literal

from gradewise.command import UserError
from gradewise.config.section import Section
from gradewise.config.views import View
from gradewise.results import Results
from gradewise.studies.cells import VariedCells


class PlannedStudies(Section):
    """What `plan/studies.json` holds: the section of each study, in the order of the page, and what varying takes.

    `scale` says which values were used of a configuration that has values for two scales; `varied` has the cells of
    each study that varies settings, `views` the operations of their views, `models` family, view and settings of the
    models that are varied.
    """

    scale: Literal["small", "full"] | None
    studies: dict[str, dict[str, Any]]
    varied: dict[str, VariedCells]
    views: dict[str, View]
    models: dict[str, dict[str, Any]]


def read_planned(results: Results) -> PlannedStudies:
    """What the step `plan_studies` wrote.

    Raises
    ------
    UserError
        Where it did not.
    """
    return PlannedStudies.model_validate(results.plan("studies"))


def read_cells(results: Results, study: str) -> VariedCells:
    """What the step `plan_cells` wrote.

    Raises
    ------
    UserError
        Where it did not.
    """
    path = results.study(study) / "plan.json"
    if not path.exists():
        raise UserError(f"{path}: not there; give the folder of a dataset's results, as snakemake makes it")
    return VariedCells.model_validate_json(path.read_text())
