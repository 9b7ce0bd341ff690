"""What the step `plan_studies` wrote of a dataset's studies, for the steps that run, sum up and show them.

Commands do not grow with the number of studies or cells, since steps find these below `--results`.
"""

from __future__ import annotations

from typing import Any, Literal

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
