"""The configuration with its studies: what they vary becomes models.

The core reads the same file and lets the section `studies` be. `load` is for the workflow, which runs both.
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from typing import Any

from pydantic import Field, ValidationError, model_validator

from gradewise.config import config
from gradewise.config.config import Config, check_known
from gradewise.config.faults import fault_lines
from gradewise.config.models import BlendModel, FittedModel
from gradewise.config.schema import json_schema
from gradewise.families import registry
from gradewise.studies.cells import OF_OWN_RUNS, Cell, Published
from gradewise.studies.kinds.settings import Study as SettingsStudy
from gradewise.studies.study import AnyStudy, StudySection

PLAN_FILE = "plan.json"
LONGEST_RUN = 200
"""Folders of runs are named after study and row; file names may have 255 characters."""


class StudiesConfig(Config):
    """The whole configuration, studies included."""

    studies: dict[str, AnyStudy] = Field(default_factory=dict)

    @model_validator(mode="after")
    def check_studies(self) -> StudiesConfig:
        """See that studies name what there is, and make the models that they vary."""
        for name, study in self.studies.items():
            check_known(f"studies.{name}.dataset", study.dataset, self.datasets)
            study.check(f"studies.{name}", self)
            if name == PLAN_FILE:
                raise ValueError(f"studies: {name!r} cannot be a study, since a file is called so; use another name")
            page = f"{study.dataset}-studies"
            if page in self.datasets:
                raise ValueError(
                    f"datasets: {page!r} cannot be a dataset, since reports/{page}.html shows the studies of "
                    f"{study.dataset}; use another name"
                )
        for dataset in self.datasets:
            # making the models of a study checks their settings
            self.trained(dataset)
        return self

    def studies_of(self, dataset: str) -> dict[str, StudySection]:
        """The studies of a dataset, by name."""
        return {name: study for name, study in self.studies.items() if study.dataset == dataset}

    def cells(self, study: str) -> tuple[Cell, ...]:
        """The combinations of settings of a study that varies them, in the order of the configuration."""
        return tuple(cell for cell, _ in self._cells[study])

    def trained(self, dataset: str) -> dict[str, FittedModel]:
        """The models of a dataset and of its studies that are fitted to samples, by name."""
        cells = [cell for study in self.studies_of(dataset) for cell in self._cells.get(study, ())]
        return self.fitted(dataset) | {cell.run: model for cell, model in cells}

    def varied_model(self, study: SettingsStudy) -> FittedModel:
        """The model that a study varies."""
        model = self.models[study.model]
        assert not isinstance(model, BlendModel)
        return model

    @cached_property
    def _cells(self) -> dict[str, tuple[tuple[Cell, FittedModel], ...]]:
        """Cells of all studies and their models; the first that has some settings names the model that is trained."""
        names: dict[tuple[str, str], str] = {}
        for dataset in self.datasets:
            fitted = reversed(self.fitted(dataset).items())
            names |= {(dataset, model.model_dump_json()): name for name, model in fitted}
        cells = {}
        for name, study in self.studies.items():
            if isinstance(study, SettingsStudy):
                cells[name] = tuple(self._cell(name, study, *row, names) for row in study.rows)
                rows = [cell.name for cell, _ in cells[name]]
                twice = next((row for row in rows if rows.count(row) > 1), None)
                if twice is not None:
                    raise ValueError(f"studies.{name}.vary: {twice!r} stands twice; give every row a name of its own")
        runs: dict[tuple[str, str], str] = {}
        for (dataset, settings), run in names.items():
            if runs.setdefault((dataset, run), settings) != settings:
                raise ValueError(f"studies: two different rows would be stored as {run!r}; change one's name")
        return cells

    def _cell(
        self,
        study: str,
        section: SettingsStudy,
        name: str,
        varied: dict[str, Any],
        published: dict[str, Published],
        names: dict[tuple[str, str], str],
    ) -> tuple[Cell, FittedModel]:
        key = f"studies.{study}.vary ({name})"
        model = self._varied_model(key, section, varied)
        own = re.sub(r"[^A-Za-z0-9.]+", "-", f"{study}--{name}").strip("-.")
        if len(own) > LONGEST_RUN:
            raise ValueError(
                f"{key}: files are named after study and row, {len(own)} characters; give the row a shorter name, "
                f"use at most {LONGEST_RUN} for both"
            )
        run = names.setdefault((section.dataset, model.model_dump_json()), own)
        cell = Cell(
            name=name,
            run=run,
            seeded_as=run if run in self.fitted(section.dataset) else section.model,
            family=model.family,
            view=model.view,
            settings=model.candidates[0].model_dump(mode="json"),
            varied=varied,
            published=published,
        )
        return cell, model

    def _varied_model(self, key: str, section: SettingsStudy, varied: dict[str, Any]) -> FittedModel:
        base = self.varied_model(section)
        settings = base.candidates[0].model_dump(exclude_unset=True)
        try:
            model = FittedModel.model_validate({**base.named, **settings, **varied})
        except ValidationError as error:
            raise ValueError("; ".join(f"{key}.{line.strip()}" for line in fault_lines(error))) from None
        if len(model.candidates) > 1:
            raise ValueError(f"{key}: choose is not possible here; list the values under vary")
        if model.on_features or (model.fine_tunes and model.family not in OF_OWN_RUNS):
            raise ValueError(
                f"{key}: studies do not vary models of the family {model.family} with a backbone; name another model"
            )
        check_known(f"{key}.view", model.view, self.views)
        self.check_backbone(f"{key}.backbone", model)
        return model


def load(raw: dict[str, Any]) -> StudiesConfig:
    """Check a parsed configuration with its studies.

    Raises
    ------
    ConfigError
        With a line for each fault: key, value, what would do.
    """
    return config.load(raw, StudiesConfig)


if __name__ == "__main__":
    print(json.dumps(json_schema(StudiesConfig, registry.names()), indent=1))
